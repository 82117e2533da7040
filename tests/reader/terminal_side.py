"""The terminal's side of a session under MicroPython: `micropython terminal_side.py CONTROL_PORT READER_PORT`.

Takes orders on the control port, a line each: "read SECONDS", "look", "cancel", "ok" (the rate is set). Tells what
the board would see: ["baud", 9600], ["power", 0], ["show", state, code]; ["done", result] ends an order.
"""

import asyncio
import json
import sys

sys.path.insert(0, __file__.rsplit("/", 3)[0] + "/firmware")

from terminal.errors import TerminalError  # noqa: E402
from terminal.station import Station  # noqa: E402


class Clock:
    def now(self) -> int:
        return 0


class Hardware:
    has_reader_power = True

    def __init__(self, control, reader_port: int) -> None:
        self.clock = Clock()
        self.rate_is_set = asyncio.Event()
        self._control = control
        self._reader_port = reader_port
        self._line = None

    def tell(self, *news) -> None:
        self._control.write(json.dumps(news) + "\n")

    async def open_reader(self, baud: int):
        self.tell("baud", baud)
        await self._control.drain()
        await self.rate_is_set.wait()
        self.rate_is_set.clear()
        if self._line:
            self._line.s.close()
        self._line = (await asyncio.open_connection("127.0.0.1", self._reader_port))[0]
        return self._line

    def power_reader(self, is_on: bool) -> None:
        self.tell("power", int(is_on))


def what_is_left(station: Station) -> int:
    """Bytes of a card in the buffers."""
    reader = station._made
    if reader is None:
        return 0
    return sum(1 for buffer in (reader._text, reader._photo, reader._line._decoder._buffer) for byte in buffer if byte)


async def read(hw: Hardware, station: Station, seconds: int) -> None:
    try:
        card = await station.read_card(seconds, lambda state, code=None, value=None: hw.tell("show", state, code))
        result = {"text": bytes(card.text).hex(), "photo": bytes(card.photo).hex(), "addresses": card.addresses}
        card.wipe()
    except TerminalError as error:
        result = {"code": error.code}
    except asyncio.CancelledError:
        result = {"code": "cancelled"}
    result["left"] = what_is_left(station)
    hw.tell("done", result)


async def main(control_port: int, reader_port: int) -> None:
    control = (await asyncio.open_connection("127.0.0.1", control_port))[0]
    hw = Hardware(control, reader_port)
    station = Station(hw, lambda within_ms=0: None)
    reading = None
    while True:
        words = (await control.readline()).split()
        if not words:
            return
        if words[0] == b"ok":
            hw.rate_is_set.set()
        elif words[0] == b"read":
            reading = asyncio.create_task(read(hw, station, int(words[1])))
        elif words[0] == b"cancel" and reading:
            reading.cancel()
        elif words[0] == b"look":
            await station.look_after()
            hw.tell("done", {})
        await control.drain()


asyncio.run(main(int(sys.argv[1]), int(sys.argv[2])))
