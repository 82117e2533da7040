"""Where a card is put down: how long it is waited for, and what is left of it after a fault."""

import asyncio

from harness import raises
from terminal.errors import ReaderError
from terminal.station import Station

NOW = 1000


class Clock:
    def now(self) -> int:
        return NOW


class Hardware:
    """Its reader's line cannot be opened."""

    def __init__(self) -> None:
        self.clock = Clock()

    async def open_reader(self) -> None:
        raise OSError(5)


def read_card(expires_at: int, on_fault) -> None:
    station = Station(Hardware(), lambda within_ms=0: None)
    asyncio.run(station.read_card(expires_at, on_fault))


def test_fault_lasts_until_the_order_runs_out() -> None:
    assert raises(ReaderError, read_card, NOW, print).code == "reader-fault"


def test_order_that_runs_out_beyond_the_reach_of_ticks_is_waited_for() -> None:
    class Shown(Exception):
        pass

    def show(state: str, code: "str | None" = None, value: "int | None" = None) -> None:
        raise Shown(code)

    for expires_at in (NOW + 365 * 86400, 2**63 - 1):
        assert str(raises(Shown, read_card, expires_at, show)) == "reader-fault"
