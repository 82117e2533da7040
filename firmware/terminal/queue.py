"""Evidence that the agent has not receipted yet: an append-only file of sealed tokens, and the head of the hash chain.

A record is on flash once `append` returns (littlefs keeps an append at flush) and is gone only through `remove`.
Record: kind (1), size of body (2, big-endian), body, first 4 bytes of SHA-256 over all before. What does not check was
cut off while it was written and never counted, or was damaged on flash: it is stepped over at start, to the next record
that does check.

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
REWRITE_BYTES = 65536  # a file is rewritten from this size on, and from twice the size that the last rewriting left
REWRITE_PENDING = 8  # with no more pending records: a rewriting must not keep the watchdog waiting
KNOWN_ORDERS = 64  # order ids remembered after their receipt, oldest forgotten first
FRAME_BYTES = 7  # of a record beside its body
BODY_BYTES = 8 + 1 + 64 + 8192  # at most
ENOENT, ENOSPC = 2, 28

Record = namedtuple("Record", ("seq", "order_id", "token", "sha256"))
_Entry = namedtuple("_Entry", ("seq", "offset", "order_id"))


class Queue:
    """One owner; not for two tasks at once. `next_seq` and `head` are what the next token has to carry."""

    def __init__(self, path: str = "/queue.log") -> None:
        self._path = path
        self._pending = []  # entries, oldest first
        self._ended = []  # ids of the last orders that were receipted, oldest first
        self._size = 0
        self._rewrite_bytes = REWRITE_BYTES
        self._file = None
        self.next_seq = 1
        self.head = GENESIS

    def open(self) -> None:
        """Read back what is on flash. Raises QueueError if flash cannot be read or written."""
        try:
            if not self._recover():
                self._tidy()
        except OSError as error:
            raise QueueError("errno %s" % error.errno) from None

    def __len__(self) -> int:
        return len(self._pending)

    def pending(self, most: "int | None" = None) -> list:
        """Sequence numbers without a receipt, oldest first."""
        return [entry.seq for entry in self._pending[:most]]

    def has_order(self, order_id: str) -> bool:
        return order_id in self._ended or order_id in [entry.order_id for entry in self._pending]

    def append(self, order_id: str, token: bytes) -> int:
        """Seq of the record, which is on flash now. Raises QueueFull (nothing changed) or QueueError."""
        seq = self.next_seq
        name = order_id.encode()
        offset = self._size
        self._write(TOKEN, seq.to_bytes(8, "big"), bytes([len(name)]), name, token)
        self._pending.append(_Entry(seq, offset, order_id))
        self.head = hashlib.sha256(token).digest()
        self.next_seq = seq + 1
        return seq

    def read(self, seq: int) -> Record:
        """Raises QueueError when there is no such record, or flash gives it back damaged."""
        entry = self._entry(seq)
        try:
            with open(self._path, "rb") as file:
                file.seek(entry.offset)
                found = _read_record(file)
        except OSError as error:
            raise QueueError("errno %s" % error.errno) from None
        if found is None:
            raise QueueError("record %d is damaged" % seq)
        return _parse_token(found[1])

    def remove(self, seq: int) -> None:
        """The agent has it. A mark that cannot be written leaves the record pending: it is sent once more."""
        entry = self._entry(seq)
        self._write(DONE, seq.to_bytes(8, "big"))
        self._end(entry)
        if len(self._pending) <= REWRITE_PENDING and self._size >= self._rewrite_bytes:
            try:
                self._tidy()
            except OSError as error:
                raise QueueError("errno %s" % error.errno) from None

    def close(self) -> None:
        if self._file:
            self._file.close()
            self._file = None

    def _entry(self, seq: int) -> _Entry:
        for entry in self._pending:
            if entry.seq == seq:
                return entry
        raise QueueError("no record %d" % seq)

    def _end(self, entry: _Entry) -> None:
        self._pending.remove(entry)
        self._remember(entry.order_id)

    def _remember(self, order_id: str) -> None:
        if order_id not in self._ended:
            self._ended.append(order_id)
            if len(self._ended) > KNOWN_ORDERS:
                self._ended.pop(0)

    def _write(self, kind: int, *parts: bytes) -> None:
        try:
            if self._file is None:
                self._file = open(self._path, "ab")  # noqa: SIM115 - stays open: an append costs a flush, not an open
            size = _put(self._file, kind, *parts)
            self._file.flush()
        except OSError as error:
            self._forget_tail()
            if error.errno == ENOSPC:
                raise QueueFull("flash is full") from None
            raise QueueError("errno %s" % error.errno) from None
        self._size += size

    def _forget_tail(self) -> None:
        """After a failed write the handle is dead and the file may have a torn tail: take what flash really has."""
        file, self._file = self._file, None
        try:
            if file:
                file.close()
        except OSError:
            pass  # littlefs reports the same failure again at close; what was synced before is untouched
        self.open()

    def _recover(self) -> bool:
        """Takes up what is on flash; False when some of it did not check."""
        self._pending = []
        self._ended = []
        self._size = 0
        self.next_seq = 1
        self.head = GENESIS
        try:
            total = os.stat(self._path)[6]
        except OSError as error:
            if error.errno != ENOENT:
                raise
            return True  # a new terminal
        is_whole = True
        with open(self._path, "rb") as file:
            while self._size < total:
                file.seek(self._size)
                found = _read_record(file)
                if found:
                    self._take(found[0], found[1], self._size)
                    self._size += FRAME_BYTES + len(found[1])
                else:
                    is_whole = False
                    self._size += 1
        return is_whole

    def _take(self, kind: int, body: bytes, offset: int) -> None:
        if kind == HEAD:
            self.next_seq = int.from_bytes(body[:8], "big") + 1
            self.head = body[8:]
        elif kind == TOKEN:
            record = _parse_token(body)
            self._pending.append(_Entry(record.seq, offset, record.order_id))
            if record.seq >= self.next_seq:  # a rewritten file may keep a record older than its head
                self.next_seq = record.seq + 1
                self.head = record.sha256
        elif kind == DONE:
            seq = int.from_bytes(body, "big")
            for entry in [entry for entry in self._pending if entry.seq == seq]:
                self._end(entry)
        elif kind == ENDED:
            self._remember(str(body, "utf-8"))

    def _tidy(self) -> None:
        try:
            self._rewrite()
        except OSError:
            return  # no room for the short file beside the long one, which still stands: the next removal tries again
        self._recover()
        self._rewrite_bytes = max(REWRITE_BYTES, 2 * self._size)

    def _rewrite(self) -> None:
        """Head, ended orders and pending records into a new file, which then takes the old one's name."""
        self.close()
        with open(self._path + ".new", "wb") as new:
            _put(new, HEAD, (self.next_seq - 1).to_bytes(8, "big"), self.head)
            for order_id in self._ended:
                _put(new, ENDED, order_id.encode())
            if self._pending:
                with open(self._path, "rb") as old:
                    for entry in self._pending:
                        old.seek(entry.offset)
                        found = _read_record(old)
                        if found:  # it checked when it was taken up
                            _put(new, found[0], found[1])
        os.rename(self._path + ".new", self._path)


def _put(file: "BinaryIO", kind: int, *parts: bytes) -> int:
    """Writes a record part by part, for its token is long; returns its size."""
    size = sum([len(part) for part in parts])
    head = bytes([kind]) + size.to_bytes(2, "big")
    check = hashlib.sha256(head)
    file.write(head)
    for part in parts:
        check.update(part)
        file.write(part)
    file.write(check.digest()[:4])
    return size + FRAME_BYTES


def _read_record(file: "BinaryIO") -> "tuple | None":
    """(kind, body), or None where there is no record that checks."""
    head = file.read(3)
    if len(head) < 3 or not HEAD <= head[0] <= ENDED:
        return None
    size = head[1] << 8 | head[2]
    if size > BODY_BYTES:
        return None
    body = file.read(size)
    check = hashlib.sha256(head)
    check.update(body)
    return (head[0], body) if file.read(4) == check.digest()[:4] else None


def _parse_token(body: bytes) -> Record:
    end = 9 + body[8]
    token = body[end:]
    return Record(int.from_bytes(body[:8], "big"), str(body[9:end], "utf-8"), token, hashlib.sha256(token).digest())
