"""The camera of an OpenMV board through its firmware's module `csi`, handed in by the board.

Written after the module's documentation and source (openmv/openmv, py_csi_ng.c); **not run on hardware**. Quirks: it
raises RuntimeError for whatever goes wrong; a picture lies in the module's own buffers, least significant byte first.
"""

import errno
from asyncio import sleep_ms
from time import ticks_add, ticks_diff, ticks_ms

import micropython
import uctypes
from micropython import const

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    class ptr16:  # noqa: N801 - of viper
        def __getitem__(self, index: int) -> int: ...
        def __setitem__(self, index: int, value: int) -> None: ...


_TIMEOUT_MS = const(2000)
_POLL_MS = const(3)


class OpenmvCamera:
    width, height, kind = 320, 240, 2  # RGB565, most significant byte first, as terminal.face.frame has it

    def __init__(self, csi: "Any") -> None:
        self._module = csi
        self._sensor: "Any" = None
        self._number = 0
        self._buffers: "dict[int, bytearray]" = {}  # those that held a picture, by address: overwritten at the end

    async def start(self) -> None:
        self.stop()
        csi = self._module
        self._number = 0
        try:
            self._sensor = csi.CSI()
            self._sensor.reset()
            self._sensor.pixformat(csi.RGB565)
            self._sensor.framesize(csi.QVGA)
        except RuntimeError:
            self.stop()
            raise OSError(errno.ENODEV) from None

    async def take(self) -> "tuple[int, int, bytearray]":
        """The number counts what was given: the module has no counter."""
        end = ticks_add(ticks_ms(), _TIMEOUT_MS)
        while True:
            try:
                picture = self._sensor.snapshot(blocking=False)
            except RuntimeError:
                raise OSError(errno.EIO) from None
            if picture is not None:
                break
            if ticks_diff(end, ticks_ms()) <= 0:
                raise OSError(errno.ETIMEDOUT)
            await sleep_ms(_POLL_MS)
        pixels = picture.bytearray()
        self._buffers[uctypes.addressof(pixels)] = pixels
        swap_bytes(pixels, len(pixels) // 2)  # pyright: ignore[reportArgumentType] - viper takes a buffer
        self._number += 1
        taken_ms: "Any" = ticks_ms()
        return self._number, taken_ms, pixels

    def stop(self) -> None:
        sensor, self._sensor = self._sensor, None
        if sensor:
            try:
                sensor.shutdown(True)
            except RuntimeError:
                print("camera: does not switch off")  # its pictures are overwritten all the same
        for buffer in self._buffers.values():
            for at in range(0, len(buffer), 4096):
                buffer[at : at + 4096] = bytes(min(4096, len(buffer) - at))
        self._buffers.clear()


@micropython.viper
def swap_bytes(pixels: ptr16, count: int):  # noqa: ANN201 - viper has no return type for nothing
    at = 0
    while at < count:
        pixel = pixels[at]
        pixels[at] = (pixel << 8 | pixel >> 8) & 0xFFFF
        at += 1
