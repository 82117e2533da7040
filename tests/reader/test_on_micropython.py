"""A few of the randomised sessions in real time, the driver under MicroPython: there it is at home."""

from __future__ import annotations

import asyncio
import json
import os
import random
import sys
from collections.abc import Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from tests.reader import fault_sessions
from tests.reader.fault_sessions import Failed, Plan, Session
from tools.emulator.sam_reader import ReaderServer, SamReader

SEED = int(os.environ.get("SHIMING_SEED", "1"))
ORDER_S = 10
SESSIONS = 8  # at once: they mostly wait
HANG_S = 200
HEAP = "192K"
MICROPYTHON = os.environ.get("MICROPYTHON") or str(Path(sys.executable).parent / "micropython")
TERMINAL = Path(__file__).with_name("terminal_side.py")


class Read:
    """What a card gave, as a session expects it."""

    def __init__(self, told: dict[str, Any]) -> None:
        self.text, self.photo = bytes.fromhex(told["text"]), bytes.fromhex(told["photo"])
        self.addresses = tuple(told["addresses"])

    def wipe(self) -> None:
        """The terminal's side has done it."""


class Refused(fault_sessions.CardError):
    def __init__(self, code: str) -> None:
        self.code = code


class Plug:
    """Stands for the wire: unplugging it ends the connection."""

    def __init__(self, server: ReaderServer) -> None:
        self._server = server

    def unplug(self) -> None:
        for client in self._server._clients:
            client.cancel()


class RemoteBench:
    """Behaves like a Bench; its station runs in another process."""

    latest_beat_ms = 0.0

    def __init__(self, server: ReaderServer, control: tuple[asyncio.StreamReader, asyncio.StreamWriter]) -> None:
        self.line = server
        self.module = server.reader
        self.wire = Plug(server)
        self.station = self
        self.is_unplugged = False
        self.on_show: Callable[[str], None] | None = None
        self._control = control
        self._baud = 0
        self.module.line_baud = lambda: self._baud

    async def read_card(self, within_s: int) -> Read:
        try:
            told = await self._order(f"read {within_s}")
        except asyncio.CancelledError:
            self._control[1].write(b"cancel\n")
            told = await self._answer()
            if told.get("code") == "cancelled":
                raise
        if told["left"]:
            raise Failed(f"{told['left']} bytes of a card are left")
        if "code" in told:
            raise Refused(told["code"])
        return Read(told)

    async def look_after(self) -> None:
        await self._order("look")

    def beat(self) -> None: ...

    def later(self, delay_s: float, do: Callable[..., object], *arguments: object) -> None:
        asyncio.get_running_loop().call_later(delay_s, do, *arguments)

    @property
    def picture(self) -> bytes:
        """Nobody takes it there."""
        return self.module.picture

    def close(self) -> None:
        self._control[1].close()

    async def _order(self, order: str) -> dict[str, Any]:
        self._control[1].write(order.encode() + b"\n")
        return await self._answer()

    async def _answer(self) -> dict[str, Any]:
        while line := await self._control[0].readline():
            match json.loads(line):
                case ["baud", baud]:
                    self._baud = baud
                    self._control[1].write(b"ok\n")
                case ["power", is_on]:
                    self.line.power(bool(is_on))
                case ["show", state, _] if self.on_show:
                    self.on_show(state)
                case ["done", told]:
                    return told
        raise Failed("the terminal ended")


@asynccontextmanager
async def terminal(server: ReaderServer):
    connected: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
    control = await asyncio.start_server(lambda *streams: connected.set_result(streams), "127.0.0.1", 0)
    command = [MICROPYTHON, "-X", f"heapsize={HEAP}", str(TERMINAL)]
    port = control.sockets[0].getsockname()[1]
    process = await asyncio.create_subprocess_exec(*command, str(port), str(server.port))
    try:
        yield RemoteBench(server, await asyncio.wait_for(connected, HANG_S))
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
        control.close()


async def play(number: int) -> str:
    rng = random.Random(f"{SEED}/{number}")
    plan = drawn(rng)
    server = ReaderServer(SamReader(**plan.module), **plan.pace)
    async with server, terminal(server) as bench:
        return await Session(plan, rng, bench, ORDER_S).play()


def drawn(rng: random.Random) -> Plan:
    """At the usual rate and without the large picture: real time is dear."""
    plan = fault_sessions.draw(rng)
    plan.module["baud"] = rng.choice((115200, 115200, 57600))
    plan.module["picture"] = plan.module["picture"][:4000]
    del plan.pace["burst_ms"]
    return plan


def test_sessions_on_micropython() -> None:
    print("seed", SEED)

    async def play_all() -> list[str | BaseException]:
        async with asyncio.timeout(HANG_S):
            playing = (play(number) for number in range(SESSIONS))
            return await asyncio.gather(*playing, return_exceptions=True)

    ends = asyncio.run(play_all())
    assert [(number, end) for number, end in enumerate(ends) if not isinstance(end, str)] == []
    assert "read" in ends
