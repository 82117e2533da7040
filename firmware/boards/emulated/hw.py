"""The emulated board: the unix port of MicroPython under `tools/emulator/board.py`.

The reader module is a socket; screen, buttons and the reader line's rate are a page of memory that the supervisor
shares (`tools/emulator/page.py`); light, buzzer and watchdog are lines on the control pipe.
"""

import asyncio
import errno
import json
import os
import select
import time

import control  # pyright: ignore[reportMissingImports] - exists on the emulated board only
import uctypes
from machine import reset, unique_id  # pyright: ignore[reportAttributeAccessIssue] - the supervisor's machine.py
from micropython import const

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from camera import Camera
    from drivers.atecc608 import Atecc608

_LAST_GOOD = const(2)  # clock source, PROTOCOL.md section 3: an RTC that has been running on


PAGE = {  # offsets: tools/emulator/page.py
    "buttons": 0 | uctypes.UINT8,
    "lid": 1 | uctypes.UINT8,
    "baud": 4 | uctypes.UINT32,
    "pictures": 8 | uctypes.UINT32,
    "clock": 12 | uctypes.INT32,
}
_SCREEN_AT = const(4096)
_WIDTH = const(320)
_HEIGHT = const(240)


class Hardware:
    board = "emulated"
    root = "/"
    assets = "/rom/assets"
    models = "/rom/models"
    element_slot = 2  # drivers.atecc608_config.ATTESTATION, which is imported with the element only
    has_reader_power = True
    has_tamper_switch = True

    def __init__(self) -> None:
        self.unique_id = unique_id()
        self.boot_cause = os.getenv("SHIMING_RESET_CAUSE") or "unknown"
        place = os.getenv("SHIMING_PAGE_AT")
        # an interpreter of the user's own shares no memory: no screen then, and nobody at the buttons
        address = int(place.split()[0]) if place else uctypes.addressof(_LONELY_PAGE)
        page: "Any" = uctypes.struct(address, PAGE, uctypes.LITTLE_ENDIAN)
        self.reader = ReaderPort("127.0.0.1", int(os.getenv("SHIMING_READER_PORT") or 0))
        self.display = Display(page, address + _SCREEN_AT) if place else None
        self.light = Light()
        self.buzzer = Buzzer()
        self.buttons = Buttons(page)
        self.camera = _camera()
        self.element = _element()
        self._page = page
        self.watchdog = Watchdog()
        self.clock = Clock(page, int(os.getenv("SHIMING_CLOCK_SOURCE") or _LAST_GOOD))

    async def open_reader(self, baud: int) -> "ReaderPort":
        """The line to the reader module, opened anew. Raises OSError when there is no module."""
        self._page.baud = baud
        await self.reader.open()
        return self.reader

    def power_reader(self, is_on: bool) -> None:
        control.send("reader-power %d" % is_on)

    def is_opened(self) -> bool:
        return self._page.lid != 0

    async def network_up(self) -> None:
        """Returns once there is a network: here, always."""

    def random(self, size: int) -> bytes:
        return os.urandom(size)

    def free_bytes(self) -> int:
        """Of the flash file system. A full littlefs counts some blocks twice and says that there are 2^32 - 3 free."""
        status = os.statvfs(self.root)
        size, blocks, free = status[0], status[2], status[3]
        return size * free if free <= blocks else 0

    def tell(self, state: str, code: str | None, value: int | None) -> None:
        control.send("panel " + json.dumps((state, code, value)))

    def reset(self) -> None:
        reset()


def _camera() -> "Camera | None":
    place = os.getenv("SHIMING_CAMERA_AT")
    if not place:
        return None
    from camera import Camera

    return Camera(int(place.split()[0]))


def _element() -> "Atecc608 | None":
    port = os.getenv("SHIMING_I2C_PORT")
    if not port:
        return None
    from drivers.atecc608 import Atecc608
    from i2c import I2C  # pyright: ignore[reportMissingImports] - as `control`

    return Atecc608(I2C(int(port)))


class ReaderPort:
    """Like a UART in an asyncio.StreamReader. A module that is gone raises OSError, until it is opened again."""

    def __init__(self, host: str, port: int) -> None:
        self._address = host, port
        self._stream: "Any" = None

    async def open(self) -> None:
        self.close()
        # here one object is reader and writer, with its socket as `s`
        stream: "Any" = (await asyncio.open_connection(*self._address))[0]
        # MicroPython returns from a refused connection as from a good one
        poll = select.poll()
        poll.register(stream.s, select.POLLOUT)
        if poll.poll(0)[0][1] & (select.POLLERR | select.POLLHUP):
            stream.s.close()
            raise OSError(errno.ECONNREFUSED)
        self._stream = stream

    async def read(self, size: int) -> bytes:
        data = await self._opened().read(size)
        if not data:
            self.close()
            raise OSError(errno.EIO)
        return data

    def write(self, data: bytes) -> None:
        self._opened().write(data)

    async def drain(self) -> None:
        await self._opened().drain()

    def close(self) -> None:
        if self._stream:
            self._stream.s.close()
            self._stream = None

    def _opened(self) -> "Any":
        if not self._stream:
            raise OSError(errno.ENODEV)
        return self._stream


class Display:
    width = _WIDTH
    height = _HEIGHT

    def __init__(self, page: "Any", screen_at: int) -> None:
        self._page = page
        self._screen = memoryview(uctypes.bytearray_at(screen_at, _WIDTH * _HEIGHT * 2))

    def blit(self, y: int, band: memoryview) -> None:
        at = y * _WIDTH * 2
        self._screen[at : at + len(band)] = band

    def present(self) -> None:
        self._page.pictures += 1


class Light:
    def set(self, rgb: int) -> None:
        control.send("light %d" % rgb)


class Buzzer:
    def tone(self, hz: int) -> None:
        control.send("tone %d" % hz)


class Buttons:
    def __init__(self, page: "Any") -> None:
        self._page = page

    def held(self) -> int:
        return self._page.buttons


class Watchdog:
    def start(self, timeout_ms: int) -> None:
        control.send("wdt %d" % timeout_ms)

    def feed(self) -> None:
        control.send("feed")

    def release(self) -> None:
        """For a technician at the REPL. Boards whose watchdog cannot be stopped feed it from a timer instead."""
        self.start(0)


class Clock:
    """Seconds since 1970 (the unix port's own epoch), off by what the page says; `set` holds until the next reset."""

    def __init__(self, page: "Any", source: int) -> None:
        self.source = source
        self._page = page
        self._offset_s = 0

    def now(self) -> int:
        return int(time.time()) + self._page.clock + self._offset_s

    def set(self, seconds: int, source: int) -> None:
        self._offset_s += seconds - self.now()
        self.source = source


_LONELY_PAGE = bytearray(_SCREEN_AT)


def build() -> Hardware:
    return Hardware()
