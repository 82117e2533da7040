"""The queue as firmware before version 2 of its format kept it, one file `queue.log`: taken over once, then removed.

Until it is removed it is what counts: a start that finds it begins anew, whatever an interrupted one has left. Its
format: kind (1), size of body (2, big-endian), body, first 4 bytes of SHA-256 over all before. What does not check is
stepped over.

    HEAD   seq (8), SHA-256 of the last token (32)
    TOKEN  seq (8), length of order id (1), order id, token
    DONE   seq (8)
    ENDED  order id
"""

import hashlib
import os

from terminal import queue_record as form
from terminal.queue_segment import Slots

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import BinaryIO

OLD_HEAD = 1
OLD_TOKEN = 2
OLD_DONE = 3
OLD_ENDED = 4
BODY_BYTES = 8265  # at most
ORDERS_KEPT = 64
NOT_THERE = 2


def upgrade(folder: str) -> None:
    """Raises OSError."""
    path = folder + ".log"
    try:
        size = os.stat(path)[6]
    except OSError as error:
        if error.errno != NOT_THERE:
            raise
        return
    _empty(folder)
    with open(path, "rb") as file:
        _Old(file, size).write_to(folder)
    os.remove(path)


def _empty(folder: str) -> None:
    try:
        names = os.listdir(folder)
    except OSError:
        os.mkdir(folder)
        return
    for name in names:
        os.remove(folder + "/" + name)


class _Old:
    def __init__(self, file: "BinaryIO", size: int) -> None:
        self._file = file
        self._offsets = {}  # seq -> where its record is, of those without a receipt
        self._orders = {}
        self._ended = []
        self._seq, self._sha256 = 0, bytes(32)
        offset = 0
        while offset < size:
            found = self._record(offset)
            if found:
                self._take(found[0], found[1], offset)
            offset += 7 + len(found[1]) if found else 1

    def write_to(self, folder: str) -> None:
        slots = file = None
        for seq in sorted(self._offsets):
            if slots is None or file is None or seq - slots.first >= form.SEGMENT_RECORDS:
                if file:
                    file.close()
                slots = Slots(seq)
                file = open("%s/%d" % (folder, seq), "ab")  # noqa: SIM115 - for several records
            found = self._record(self._offsets[seq])
            if found:  # it checked a moment ago
                order_id, token = _parse_token(found[1])
                head = form.record_head(seq, 0, order_id, token, hashlib.sha256(token).digest())
                slots.append(file, head, token, seq, form.fingerprint(order_id))
        if file:
            file.close()
        ended = [form.fingerprint(order_id) for order_id in self._ended[-ORDERS_KEPT:]]
        with open(folder + "/state", "wb") as state:
            state.write(form.state(self._seq, self._sha256, bytes(form.KID_BYTES), [], ended))

    def _record(self, offset: int) -> "tuple | None":
        self._file.seek(offset)
        head = self._file.read(3)
        if len(head) < 3 or not OLD_HEAD <= head[0] <= OLD_ENDED:
            return None
        size = head[1] << 8 | head[2]
        if size > BODY_BYTES:
            return None
        body = self._file.read(size)
        check = hashlib.sha256(head)
        check.update(body)
        return (head[0], body) if self._file.read(4) == check.digest()[:4] else None

    def _take(self, kind: int, body: bytes, offset: int) -> None:
        if kind == OLD_ENDED:
            self._ended.append(str(body, "utf-8"))
            return
        seq = int.from_bytes(body[:8], "big")
        if kind == OLD_HEAD:
            self._seq, self._sha256 = seq, body[8:]
        elif kind == OLD_TOKEN:
            order_id, token = _parse_token(body)
            self._offsets[seq] = offset
            self._orders[seq] = order_id
            if seq > self._seq:  # a rewritten file may keep a record older than its head
                self._seq, self._sha256 = seq, hashlib.sha256(token).digest()
        elif kind == OLD_DONE and seq in self._offsets:
            del self._offsets[seq]
            self._ended.append(self._orders.pop(seq))


def _parse_token(body: bytes) -> tuple:
    end = 9 + body[8]
    return str(body[9:end], "utf-8"), body[end:]
