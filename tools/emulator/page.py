"""The page of memory that a board and its supervisor share: what chips have as registers, and the screen's own memory.

Buttons and the reader line's rate are read at the moment they matter, and a screen is far too much for the control
pipe. The board's half is in `firmware/boards/emulated/hw.py`.
"""

import mmap
import os
import struct
import tempfile

BUTTONS_AT = 0  # u8, written by us: bit 0 start, bit 1 cancel, bit 2 language
LID_AT = 1  # u8, written by us: 1 while the case is open
BAUD_AT = 4  # u32: the rate at which the board drives the reader's line; 0: not open
PICTURES_AT = 8  # u32: pictures finished since the power came on
CLOCK_AT = 12  # i32, written by us: by how many seconds the board's clock is off
SCREEN_AT = 4096
WIDTH, HEIGHT = 320, 240
SIZE_BYTES = SCREEN_AT + WIDTH * HEIGHT * 2  # RGB565, most significant byte first

_U32, _I32 = struct.Struct("<I"), struct.Struct("<i")


class Page:
    def __init__(self) -> None:
        with tempfile.TemporaryFile() as file:
            file.truncate(SIZE_BYTES)
            self.fd = os.dup(file.fileno())
        self._memory = mmap.mmap(self.fd, SIZE_BYTES)

    @property
    def buttons(self) -> int:
        return self._memory[BUTTONS_AT]

    @buttons.setter
    def buttons(self, held: int) -> None:
        self._memory[BUTTONS_AT] = held

    def open_lid(self, is_open: bool) -> None:
        self._memory[LID_AT] = is_open

    @property
    def clock_s(self) -> int:
        return _I32.unpack_from(self._memory, CLOCK_AT)[0]

    @clock_s.setter
    def clock_s(self, seconds: int) -> None:
        _I32.pack_into(self._memory, CLOCK_AT, seconds)

    @property
    def baud(self) -> int:
        return _U32.unpack_from(self._memory, BAUD_AT)[0]

    @property
    def pictures(self) -> int:
        return _U32.unpack_from(self._memory, PICTURES_AT)[0]

    def screen(self) -> bytes:
        return self._memory[SCREEN_AT:SIZE_BYTES]

    def power_off(self) -> None:
        """Dark, and nothing remembered but by the clock, which has a battery; what people press they go on pressing."""
        self._memory[BAUD_AT:CLOCK_AT] = bytes(CLOCK_AT - BAUD_AT)
        self._memory[SCREEN_AT:SIZE_BYTES] = bytes(SIZE_BYTES - SCREEN_AT)

    def close(self) -> None:
        self._memory.close()
        os.close(self.fd)
