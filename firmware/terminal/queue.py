"""Evidence that the agent has not receipted yet: an append-only file of sealed tokens, and the head of the hash chain.

A record is on flash once `append` returns (littlefs keeps an append at flush) and is gone only through `remove`.
Record: kind (1), size of body (2, big-endian), body, first 4 bytes of SHA-256 over all before. A tail that does not
check was cut off while it was written: it never counted, and is dropped at start.

    HEAD   seq (8), SHA-256 of the last token (32)            first record of a rewritten file
    TOKEN  seq (8), length of order id (1), order id, token
    DONE   seq (8)                                            the agent has receipted it
    ENDED  order id                                           kept over a rewrite, so that a late order is not run twice
"""

import hashlib
import os
from collections import namedtuple

from terminal.errors import QueueError, QueueFull

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import BinaryIO

HEAD, TOKEN, DONE, ENDED = 1, 2, 3, 4

GENESIS = bytes(32)  # `prev` of the first token
REWRITE_BYTES = 65536  # a file without pending records is rewritten from this size on
KNOWN_ORDERS = 64  # order ids remembered, oldest forgotten first
ENOENT, ENOSPC = 2, 28

Record = namedtuple("Record", ("seq", "order_id", "token", "sha256"))


class Queue:
    """One owner; not for two tasks at once. `next_seq` and `head` are what the next token has to carry."""

    def __init__(self, path: str = "/queue.log") -> None:
        self._path = path
        self._pending = []  # (seq, offset of its record), oldest first
        self._orders = []  # ids of the last orders that were recorded, oldest first
        self._size = 0
        self._file = None
        self.next_seq = 1
        self.head = GENESIS

    def open(self) -> None:
        """Read back what is on flash. Raises QueueError if flash cannot be read or written."""
        try:
            self._recover()
        except OSError as error:
            raise QueueError("errno %s" % error.errno) from None

    def __len__(self) -> int:
        return len(self._pending)

    def pending(self) -> list:
        """Sequence numbers without a receipt, oldest first."""
        return [seq for seq, _ in self._pending]

    def has_order(self, order_id: str) -> bool:
        return order_id in self._orders

    def append(self, order_id: str, token: bytes) -> int:
        """Seq of the record, which is on flash now. Raises QueueFull (nothing changed) or QueueError."""
        seq = self.next_seq
        name = order_id.encode()
        offset = self._size
        self._write(TOKEN, seq.to_bytes(8, "big") + bytes([len(name)]) + name + token)
        self._pending.append((seq, offset))
        self._remember(order_id)
        self.head = hashlib.sha256(token).digest()
        self.next_seq = seq + 1
        return seq

    def read(self, seq: int) -> Record:
        """Raises QueueError when there is no such record, or flash gives it back damaged."""
        offset = self._offset(seq)
        with open(self._path, "rb") as file:
            file.seek(offset)
            found = _read_record(file)
        if found is None:
            raise QueueError("record %d is damaged" % seq)
        return _parse_token(found[1])

    def remove(self, seq: int) -> None:
        """The agent has it. A mark that cannot be written leaves the record pending: it is sent once more."""
        offset = self._offset(seq)
        self._write(DONE, seq.to_bytes(8, "big"))
        self._pending.remove((seq, offset))
        if not self._pending and self._size >= REWRITE_BYTES:
            try:
                self._rewrite()
            except OSError:
                pass  # no room for the short file beside the long one, which still stands: the next removal tries again

    def close(self) -> None:
        if self._file:
            self._file.close()
            self._file = None

    def _offset(self, seq: int) -> int:
        for known, offset in self._pending:
            if known == seq:
                return offset
        raise QueueError("no record %d" % seq)

    def _remember(self, order_id: str) -> None:
        if order_id not in self._orders:
            self._orders.append(order_id)
            if len(self._orders) > KNOWN_ORDERS:
                self._orders.pop(0)

    def _write(self, kind: int, body: bytes) -> None:
        record = _record(kind, body)
        try:
            if self._file is None:
                self._file = open(self._path, "ab")  # noqa: SIM115 - stays open: an append costs a flush, not an open
            self._file.write(record)
            self._file.flush()
        except OSError as error:
            self._forget_tail()
            if error.errno == ENOSPC:
                raise QueueFull("flash is full") from None
            raise QueueError("errno %s" % error.errno) from None
        self._size += len(record)

    def _forget_tail(self) -> None:
        """After a failed write the handle is dead and the file may have a torn tail: take what flash really has."""
        file, self._file = self._file, None
        try:
            if file:
                file.close()
        except OSError:
            pass  # littlefs reports the same failure again at close; what was synced before is untouched
        try:
            self._recover()
        except OSError as error:
            raise QueueError("errno %s" % error.errno) from None

    def _recover(self) -> None:
        self._pending = []
        self._orders = []
        self._size = 0
        self.next_seq = 1
        self.head = GENESIS
        try:
            total = os.stat(self._path)[6]
        except OSError as error:
            if error.errno != ENOENT:
                raise
            return  # a new terminal
        with open(self._path, "rb") as file:
            while True:
                found = _read_record(file)
                if found is None:
                    break
                self._take(found[0], found[1], self._size)
                self._size += 7 + len(found[1])
        if self._size != total:
            self._rewrite()

    def _take(self, kind: int, body: bytes, offset: int) -> None:
        if kind == HEAD:
            self.next_seq = int.from_bytes(body[:8], "big") + 1
            self.head = body[8:]
        elif kind == TOKEN:
            record = _parse_token(body)
            self._pending.append((record.seq, offset))
            self._remember(record.order_id)
            if record.seq >= self.next_seq:  # a rewritten file may keep a record older than its head
                self.next_seq = record.seq + 1
                self.head = record.sha256
        elif kind == DONE:
            seq = int.from_bytes(body, "big")
            self._pending = [entry for entry in self._pending if entry[0] != seq]
        elif kind == ENDED:
            self._remember(str(body, "utf-8"))

    def _rewrite(self) -> None:
        """Head, ended orders and pending records into a new file, which then takes the old one's name."""
        self.close()
        with open(self._path + ".new", "wb") as new:
            new.write(_record(HEAD, (self.next_seq - 1).to_bytes(8, "big") + self.head))
            for order_id in self._orders:
                new.write(_record(ENDED, order_id.encode()))
            if self._pending:
                with open(self._path, "rb") as old:
                    for _, offset in self._pending:
                        old.seek(offset)
                        found = _read_record(old)
                        if found:  # it checked a moment ago
                            new.write(_record(found[0], found[1]))
        os.rename(self._path + ".new", self._path)
        self._recover()


def _record(kind: int, body: bytes) -> bytes:
    record = bytes([kind]) + len(body).to_bytes(2, "big") + body
    return record + hashlib.sha256(record).digest()[:4]


def _read_record(file: "BinaryIO") -> "tuple | None":
    """(kind, body), or None at the end or at a record that does not check."""
    head = file.read(3)
    if len(head) < 3:
        return None
    body = file.read(head[1] << 8 | head[2])
    check = file.read(4)
    if len(check) < 4 or hashlib.sha256(head + body).digest()[:4] != check:
        return None
    return head[0], body


def _parse_token(body: bytes) -> Record:
    end = 9 + body[8]
    token = body[end:]
    return Record(int.from_bytes(body[:8], "big"), str(body[9:end], "utf-8"), token, hashlib.sha256(token).digest())
