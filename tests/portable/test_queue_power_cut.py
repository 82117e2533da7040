"""Power cuts at random write positions of a littlefs on NOR flash: no record whose append returned is lost or changed.

MicroPython only: CPython has no littlefs. A cut programs part of a buffer and half of a byte, or erases part of a
block; then the device is dead, and a new one over the same bytes is what the terminal finds when power is back.
"""

import os
import random
from hashlib import sha256

from harness import skip
from terminal import queue as queue_module
from terminal.errors import QueueError
from terminal.queue import GENESIS, Queue

try:
    import vfs
except ImportError:
    vfs = None

BLOCK_BYTES, BLOCKS = 4096, 48
PROGRAM_BYTES = 256
CUTS = 150
POINT = "/cut"
EIO = -5


class Nor:
    """Block device; `budget_bytes` counts down with every byte programmed or erased, None: no cut."""

    def __init__(self, memory: bytearray, budget_bytes: "int | None" = None) -> None:
        self._memory = memory
        self._budget_bytes = budget_bytes
        self.cleared_bits_set = 0

    def readblocks(self, block: int, buffer: bytearray, offset: int = 0) -> "int | None":
        if self._budget_bytes == 0:
            return EIO
        start = block * BLOCK_BYTES + offset
        buffer[:] = self._memory[start : start + len(buffer)]
        return None

    def writeblocks(self, block: int, buffer: bytes, offset: int = 0) -> "int | None":
        start = block * BLOCK_BYTES + offset
        memory = self._memory
        size_bytes = self._allowed(len(buffer))
        for i in range(size_bytes):
            if ~memory[start + i] & buffer[i]:
                self.cleared_bits_set += 1
            memory[start + i] &= buffer[i]
        if size_bytes < len(buffer):
            memory[start + size_bytes] &= buffer[size_bytes] | 0x0F
        return EIO if self._budget_bytes == 0 else None

    def ioctl(self, operation: int, argument: int) -> int:
        if operation == 4:
            return BLOCKS
        if operation == 5:
            return BLOCK_BYTES
        if operation == 6:
            if self._budget_bytes == 0:
                return EIO
            start = argument * BLOCK_BYTES
            size_bytes = self._allowed(BLOCK_BYTES)
            self._memory[start : start + size_bytes] = b"\xff" * size_bytes
            if self._budget_bytes == 0:
                return EIO
        return 0

    def _allowed(self, size_bytes: int) -> int:
        if self._budget_bytes is None:
            return size_bytes
        size_bytes = min(size_bytes, self._budget_bytes)
        self._budget_bytes -= size_bytes
        return size_bytes


def mounted(memory: bytearray, budget_bytes: "int | None" = None) -> Nor:
    device = Nor(memory, budget_bytes)
    vfs.mount(vfs.VfsLfs2(device, progsize=PROGRAM_BYTES), POINT)
    return device


class Books:
    """What the terminal knows to be on flash, beside the one operation that was cut off and may or may not be there."""

    def __init__(self) -> None:
        self.tokens = {}  # seq -> token, of records appended and not removed
        self.head = GENESIS
        self.next_seq = 1
        self.doubtful = None

    def check(self, queue: Queue) -> None:
        if self.doubtful:
            kind, seq, token = self.doubtful
            is_there = seq in queue.pending()
            if kind == "append" and is_there:
                self.appended(seq, token)
            elif kind == "remove" and not is_there:
                self.tokens.pop(seq)
            self.doubtful = None
        assert queue.pending() == sorted(self.tokens), (queue.pending(), sorted(self.tokens))
        assert (queue.next_seq, queue.head) == (self.next_seq, self.head)
        for seq, token in self.tokens.items():
            assert queue.read(seq).token == token, seq

    def appended(self, seq: int, token: bytes) -> None:
        self.tokens[seq] = token
        self.head = sha256(token).digest()
        self.next_seq = seq + 1


def work(queue: Queue, books: Books) -> None:
    """Records come in small crowds and go until none is left, again and again, until the power fails."""
    while True:
        for _ in range(random.randrange(1, 6)):
            token = os.urandom(random.randrange(300, 2400))
            books.doubtful = ("append", queue.next_seq, token)
            books.appended(queue.append("order-%d" % queue.next_seq, token), token)
        for seq in queue.pending():
            books.doubtful = ("remove", seq, None)
            queue.remove(seq)
            books.tokens.pop(seq)
        books.doubtful = None


def test_no_record_is_lost_or_changed_by_a_power_cut() -> None:
    if not vfs:
        skip("littlefs is MicroPython's")
    seed = int.from_bytes(os.urandom(3), "big")
    print("seed", seed)
    random.seed(seed)
    queue_module.REWRITE_BYTES = 8192  # so that many cuts fall into a rewriting
    memory = bytearray(b"\xff" * (BLOCK_BYTES * BLOCKS))
    vfs.VfsLfs2.mkfs(Nor(memory), progsize=PROGRAM_BYTES)
    books = Books()
    for cut in range(CUTS):
        device = mounted(memory)
        queue = Queue(POINT + "/queue.log")
        queue.open()
        books.check(queue)
        queue.close()
        vfs.umount(POINT)
        device = mounted(memory, random.randrange(1, 300_000))
        queue = Queue(POINT + "/queue.log")
        try:
            queue.open()
            work(queue, books)
        except (QueueError, OSError):
            pass  # the cut
        assert not device.cleared_bits_set, cut
        vfs.umount(POINT)
