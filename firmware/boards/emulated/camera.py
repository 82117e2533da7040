"""The emulated camera: pictures in memory that the studio paints into (`tools/emulator/camera/gate.py`)."""

import errno
from asyncio import sleep_ms
from time import ticks_add, ticks_diff, ticks_ms

import control  # pyright: ignore[reportMissingImports] - exists on the emulated board only
import uctypes
from micropython import const

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

GATE = {  # offsets: tools/emulator/camera/gate.py
    "run": 0 | uctypes.UINT32,
    "held": 4 | uctypes.UINT32,
    "newest": 8 | uctypes.UINT32,
    "stamps": (16 | uctypes.ARRAY, 6 | uctypes.UINT32),
}
_PICTURES_AT = const(4096)
_COUNT = const(3)
_TIMEOUT_MS = const(2000)
_POLL_MS = const(5)


class Camera:
    width, height, kind = 320, 240, 2  # RGB565

    def __init__(self, address: int) -> None:
        self._gate: "Any" = uctypes.struct(address, GATE, uctypes.LITTLE_ENDIAN)
        size = self.width * self.height * self.kind
        self._pictures = [
            memoryview(uctypes.bytearray_at(address + _PICTURES_AT + place * size, size)) for place in range(_COUNT)
        ]
        self._runs = 0
        self._number = 0

    async def start(self) -> None:
        self.stop()
        self._runs += 1
        self._number = 0
        self._gate.run = self._runs
        control.send("camera %d" % self._runs)

    async def take(self) -> "tuple[int, int, memoryview]":
        gate, end = self._gate, ticks_add(ticks_ms(), _TIMEOUT_MS)
        while True:
            place = gate.newest
            gate.held = place
            if place and gate.newest == place:  # a picture that was the newest after it was held is not painted over
                number = gate.stamps[2 * place - 2]
                if number > self._number:
                    self._number = number
                    now: "Any" = ticks_ms()
                    age_ms = (now - gate.stamps[2 * place - 1]) & 0xFFFFFFFF
                    taken: "Any" = ticks_add(now, -age_ms)
                    return number, taken, self._pictures[place - 1]
            if ticks_diff(end, ticks_ms()) <= 0:
                raise OSError(errno.ETIMEDOUT)
            await sleep_ms(_POLL_MS)

    def stop(self) -> None:
        gate = self._gate
        if gate.run:
            gate.run = 0
            control.send("camera 0")
        gate.newest = gate.held = 0
        nothing = bytes(4096)
        for picture in self._pictures:
            for start in range(0, len(picture), 4096):
                end = min(start + 4096, len(picture))
                picture[start:end] = nothing if end - start == 4096 else nothing[: end - start]
