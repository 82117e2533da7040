"""The memory that an emulated camera shares with its board: three pictures, so that nobody waits for anybody.

The studio paints into the one that is neither the newest nor held by the board, then makes it the newest. The board's
half is in `firmware/boards/emulated/hw.py`.
"""

import mmap
import os
import struct
import tempfile
from typing import Self

WIDTH, HEIGHT = 320, 240
PICTURE_BYTES = WIDTH * HEIGHT * 2  # RGB565, most significant byte first
COUNT = 3

RUN_AT = 0  # u32, the board's: 0 off, else a number of its own for each time the sensor is switched on
HELD_AT = 4  # u32, the board's: place of the picture it looks at, from 1; 0: none
NEWEST_AT = 8  # u32, the studio's: place of the newest picture, from 1; 0: none yet. The board sets it back
STAMPS_AT = 16  # for each picture: u32 its number, u32 the low bits of the CLOCK_MONOTONIC ms when it was taken
PICTURES_AT = 4096
SIZE_BYTES = PICTURES_AT + COUNT * PICTURE_BYTES

_U32, _STAMP = struct.Struct("<I"), struct.Struct("<II")


class FilmGate:
    def __init__(self, fd: int) -> None:
        self.fd = fd
        self._memory = mmap.mmap(fd, SIZE_BYTES)

    @classmethod
    def new(cls) -> Self:
        with tempfile.TemporaryFile() as file:
            file.truncate(SIZE_BYTES)
            return cls(os.dup(file.fileno()))

    def close(self) -> None:
        self._memory.close()
        os.close(self.fd)

    @property
    def run(self) -> int:
        return self._u32(RUN_AT)

    def publish(self, run: int, picture: bytes | bytearray, number: int, taken_ms: int) -> bool:
        """False, and nothing stays of the picture, when the sensor has been switched off meanwhile."""
        place = next(place for place in range(1, COUNT + 1) if place not in (self._u32(NEWEST_AT), self._u32(HELD_AT)))
        start = PICTURES_AT + (place - 1) * PICTURE_BYTES
        self._memory[start : start + PICTURE_BYTES] = picture
        _STAMP.pack_into(self._memory, STAMPS_AT + (place - 1) * _STAMP.size, number, taken_ms & 0xFFFFFFFF)
        if self.run != run:
            self._memory[start : start + PICTURE_BYTES] = bytes(PICTURE_BYTES)
            return False
        _U32.pack_into(self._memory, NEWEST_AT, place)
        return True

    def power_off(self) -> None:
        self._memory[:SIZE_BYTES] = bytes(SIZE_BYTES)

    def pictures(self) -> bytes:
        """All three, as they are."""
        return self._memory[PICTURES_AT:SIZE_BYTES]

    def _u32(self, at: int) -> int:
        return _U32.unpack_from(self._memory, at)[0]
