"""NOR flash that can lose its power at any write: a block device for littlefs, under MicroPython only.

An erase sets a block to 0xFF, a program only clears bits. A `Cut` names the operation in which the power goes, programs
and erases counted from 0, and how far it gets: part of a program's bytes, and of the next byte some bits; of an erase
the first part of the block, or also bits here and there in the rest. From then on the device is dead: every call
returns an error number. It never raises and never allocates: the garbage collector closes files too, under a lock.

What the board finds when the power is back is a new device over the same cells: a dead one stays dead, whoever still
holds an open file on it.
"""

import array
from collections import namedtuple

import micropython
from micropython import const

BLOCK_BYTES = const(4096)
PAGE_BYTES = const(256)  # what littlefs programs at once is a multiple of it
GEOMETRY = {"readsize": 32, "progsize": PAGE_BYTES, "lookahead": 32}
EIO = const(-5)
WHOLE = const(1000)

# operation: its number; permille: how much of it happens; bits: of the byte after that, which bits still change. An
# erase with an odd `bits` leaves the rest of its block half erased, with any bits, else as it was.
Cut = namedtuple("Cut", ("operation", "permille", "bits"))


class Memory:
    """Cells in RAM."""

    def __init__(self, content: bytearray) -> None:
        self.content = content

    def read(self, at: int, buffer: bytearray) -> None:
        _copy(buffer, 0, self.content, at, len(buffer))

    def write(self, at: int, buffer: bytes) -> None:
        _copy(self.content, at, buffer, 0, len(buffer))


class File:
    """Cells in a file."""

    def __init__(self, path: str) -> None:
        self._file = open(path, "r+b")

    def read(self, at: int, buffer: bytearray) -> None:
        self._file.seek(at)
        self._file.readinto(buffer)

    def write(self, at: int, buffer: bytes) -> None:
        self._file.seek(at)
        self._file.write(buffer)


class Nor:
    """`erased` counts each block's erases, `programmed_bytes` what was programmed, `cleared_bits_set` the bytes whose
    program asked for what NOR cannot do. `on_cut` is called as the power goes."""

    def __init__(self, cells: object, blocks: int, cut: Cut | None = None, on_cut: object = None) -> None:
        self._cells = cells
        self._blocks = blocks
        self._cut = cut
        self._on_cut = on_cut
        self._page = bytearray(PAGE_BYTES)
        self.erased = array.array("H", bytes(2 * blocks))
        self.operations = 0
        self.programs = 0
        self.programmed_bytes = 0
        self.cleared_bits_set = 0
        self.is_dead = False

    def readblocks(self, block: int, buffer: bytearray, offset: int = 0) -> int:
        if self.is_dead:
            return EIO
        self._cells.read(block * BLOCK_BYTES + offset, buffer)
        return 0

    def writeblocks(self, block: int, buffer: bytes, offset: int = 0) -> int:
        if self.is_dead:
            return EIO
        size = len(buffer)
        allowed, bits = size, 0
        if self._is_cut():
            allowed, bits = size * self._cut.permille // WHOLE, self._cut.bits
        self.programs += 1
        self.programmed_bytes += size
        at = block * BLOCK_BYTES + offset
        done = 0
        while done < size:
            self._cells.read(at + done, self._page)
            self.cleared_bits_set += _program(self._page, buffer, done, min(PAGE_BYTES, size - done), allowed, bits)
            self._cells.write(at + done, self._page)
            done += PAGE_BYTES
        return self._end()

    def ioctl(self, operation: int, argument: int) -> int:
        if operation == 4:
            return self._blocks
        if operation == 5:
            return BLOCK_BYTES
        if self.is_dead:
            return EIO
        if operation == 6:
            return self._erase(argument)
        return 0

    def _erase(self, block: int) -> int:
        allowed, bits = BLOCK_BYTES, 0
        if self._is_cut():
            allowed, bits = BLOCK_BYTES * self._cut.permille // WHOLE, self._cut.bits
        self.erased[block] += 1
        done = 0
        while done < BLOCK_BYTES:
            at = block * BLOCK_BYTES + done
            self._cells.read(at, self._page)
            _erase(self._page, done, allowed, bits)
            self._cells.write(at, self._page)
            done += PAGE_BYTES
        return self._end()

    def _end(self) -> int:
        if self.is_dead and self._on_cut:
            self._on_cut()
        return EIO if self.is_dead else 0

    def _is_cut(self) -> bool:
        """Counts the operation; whether the power goes in it."""
        self.is_dead = self._cut is not None and self.operations == self._cut.operation
        self.operations += 1
        return self.is_dead


@micropython.viper
def _copy(target: ptr8, target_at: int, source: ptr8, source_at: int, size: int):  # noqa: ANN202, F821
    for i in range(size):
        target[target_at + i] = source[source_at + i]


@micropython.viper
def _program(page: ptr8, buffer: ptr8, start: int, size: int, allowed: int, bits: int) -> int:  # noqa: F821
    """Clears bits of the page; beyond `allowed` of the whole buffer one byte partly, the rest not. Returns how many
    bytes asked for a cleared bit to be set."""
    wrong = 0
    for i in range(size):
        new = buffer[start + i]
        if start + i < allowed:
            if (page[i] ^ 255) & new:
                wrong += 1
            page[i] = page[i] & new
        elif start + i == allowed:
            page[i] = page[i] & (new | bits)
    return wrong


@micropython.viper
def _erase(page: ptr8, start: int, allowed: int, bits: int):  # noqa: ANN202, F821
    """Sets the page's bytes; those beyond `allowed` of the block keep their value, or get some of their bits."""
    mask = bits | 1
    for i in range(256):
        if start + i < allowed:
            page[i] = 255
        elif bits & 1:
            mask = (mask * 5 + start + i) & 255
            page[i] = page[i] | mask
        elif start + i == allowed:
            page[i] = page[i] | bits
