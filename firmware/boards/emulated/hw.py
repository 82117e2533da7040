"""The emulated board: the unix port of MicroPython under `tools/emulator/board.py`.

The reader module is a socket, the panel and the watchdog are the supervisor's, by lines on the control pipe.
"""

import asyncio
import errno
import json
import os
import select
import time

import control  # pyright: ignore[reportMissingImports] - exists on the emulated board only
from machine import reset, unique_id  # pyright: ignore[reportAttributeAccessIssue] - the supervisor's machine.py

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

LAST_GOOD = 2  # clock source, PROTOCOL.md section 3: an RTC that has been running on


class Hardware:
    board = "emulated"
    root = "/"

    def __init__(self) -> None:
        self.unique_id = unique_id()
        self.boot_cause = os.getenv("SHIMING_RESET_CAUSE")
        self.reader = ReaderPort("127.0.0.1", int(os.getenv("SHIMING_READER_PORT") or 0))
        self.panel = Panel()
        self.watchdog = Watchdog()
        self.clock = Clock(int(os.getenv("SHIMING_CLOCK_SOURCE") or LAST_GOOD))

    async def open_reader(self) -> "ReaderPort":
        """The line to the reader module, opened anew. Raises OSError when there is no module."""
        await self.reader.open()
        return self.reader

    async def network_up(self) -> None:
        """Returns once there is a network: here, always."""

    def random(self, size: int) -> bytes:
        return os.urandom(size)

    def free_bytes(self) -> int:
        """Of the flash file system. A full littlefs counts some blocks twice and says that there are 2^32 - 3 free."""
        status = os.statvfs(self.root)
        size, blocks, free = status[0], status[2], status[3]
        return size * free if free <= blocks else 0

    def reset(self) -> None:
        reset()


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


class Panel:
    def show(self, state: str, code: str | None = None, value: int | None = None) -> None:
        control.send("panel " + json.dumps((state, code, value)))


class Watchdog:
    def start(self, timeout_ms: int) -> None:
        control.send("wdt %d" % timeout_ms)

    def feed(self) -> None:
        control.send("feed")

    def release(self) -> None:
        """For a technician at the REPL. Boards whose watchdog cannot be stopped feed it from a timer instead."""
        self.start(0)


class Clock:
    """Seconds since 1970 (the unix port's own epoch); `set` holds until the next reset."""

    def __init__(self, source: int) -> None:
        self.source = source
        self._offset_s = 0

    def now(self) -> int:
        return int(time.time()) + self._offset_s

    def set(self, seconds: int, source: int) -> None:
        self._offset_s = seconds - int(time.time())
        self.source = source


def build() -> Hardware:
    return Hardware()
