"""One file of the evidence queue: records of up to 30 consecutive sequence numbers, in order. Named by the first.

It is only ever appended to, and goes as a whole once every record in it has its receipt. In RAM it is three numbers;
where its records are is read when it is needed, and kept for two files at most.
"""

from terminal import queue_record as form

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import BinaryIO

LAST_SLOT = 29


class Segment:
    """`present` and `done` are masks, bit 0 the first seq: records that are there, records with a receipt."""

    def __init__(self, first: int, present: int = 0) -> None:
        self.first = first
        self.present = present
        self.done = 0

    def waiting(self) -> int:
        return self.present & ~self.done

    def is_waiting(self, seq: int) -> bool:
        """Whether it holds this record, and no receipt for it."""
        return 0 <= seq - self.first <= LAST_SLOT and bool(self.waiting() >> (seq - self.first) & 1)


class Slots:
    """Where a file's records are, and the fingerprints of their orders: its index, on flash already or not yet."""

    def __init__(self, first: int) -> None:
        self.first = first
        self.index = form.new_index()
        self.size = 0
        self.is_closed = False  # nothing more is appended: it is full, or ends with what does not check

    def present(self) -> int:
        mask = 0
        for slot in range(LAST_SLOT + 1):
            mask |= (form.offset_in(self.index, slot) != form.NO_RECORD) << slot
        return mask

    def offset(self, seq: int) -> int:
        return form.offset_in(self.index, seq - self.first)

    def fingerprint(self, seq: int) -> bytes:
        at = 5 + (seq - self.first) * form.SLOT_BYTES
        return bytes(self.index[at : at + form.FINGERPRINT_BYTES])

    def knows(self, mark: bytes) -> bool:
        return form.index_knows(bytes(self.index), mark)

    def append(self, file: "BinaryIO", head: bytes, token: bytes, seq: int, mark: bytes) -> None:
        """The record, and after the last one the index; both are on flash, or neither."""
        form.put_slot(self.index, seq - self.first, self.size, mark)
        self.size += len(head) + len(token)
        file.write(head)
        file.write(token)
        if seq - self.first == LAST_SLOT:
            self.size += file.write(form.seal(self.index))
            self.is_closed = True
        file.flush()

    def load(self, path: str) -> "Slots":
        """What is on flash: of a full file the index, else the records' heads."""
        with open(path, "rb") as file:
            found = form.read_index(file)
            self.size = file.seek(0, 2)
            if found:
                self.index[:] = found
                self.is_closed = True
            else:
                self.is_closed = self._scan(file) != self.size
        return self

    def _scan(self, file: "BinaryIO") -> int:
        """Takes every record that is there in full; what does not check is stepped over, byte by byte. Returns the end
        of the last one."""
        offset = end = 0
        while offset < self.size:
            head = form.read_head(file, offset)
            if head and 0 <= head.seq - self.first <= LAST_SLOT:
                after = head.token_at + head.token_bytes
                if after <= self.size:
                    form.put_slot(self.index, head.seq - self.first, offset, form.fingerprint(head.order_id))
                    end = after
                offset = after
            else:
                offset += 1
        return end
