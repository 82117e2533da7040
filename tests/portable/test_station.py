"""Where a card is put down: how long it is waited for, at which rate a module is found, what a fault leads to."""

import asyncio

import specimen
from harness import raises
from terminal.errors import ReaderError, ReaderSelfTest
from terminal.station import BAUD_RATES, Station
from terminal.ticks import ticks_ms
from test_reader import NO_CARD, Module, run

NOW = 1000


class Clock:
    def now(self) -> int:
        return NOW


class Hardware:
    """Without a module its reader's line cannot be opened. A module is heard at its own rate only."""

    def __init__(self, module: "Module | None" = None, baud: int = 115200, has_reader_power: bool = False) -> None:
        self.clock = Clock()
        self.has_reader_power = has_reader_power
        self.opened = []
        self.power = []
        self._module = module
        self._baud = baud

    async def open_reader(self, baud: int):
        self.opened.append(baud)
        if self._module is None:
            raise OSError(5)
        return self._module if baud == self._baud else Module(STATUS=[b""])

    def power_reader(self, is_on: bool) -> None:
        self.power.append(is_on)


def station(hw: Hardware) -> Station:
    return Station(hw, lambda within_ms=0: None)


def read_card(expires_at: int, on_fault) -> None:
    run(station(Hardware()).read_card(expires_at, on_fault))


def test_fault_lasts_until_the_order_runs_out() -> None:
    assert raises(ReaderError, read_card, NOW, print).code == "reader-fault"


def test_order_that_runs_out_beyond_the_reach_of_ticks_is_waited_for() -> None:
    class Shown(Exception):
        pass

    def show(state: str, code: "str | None" = None, value: "int | None" = None) -> None:
        raise Shown(code)

    for expires_at in (NOW + 365 * 86400, 2**63 - 1):
        assert str(raises(Shown, read_card, expires_at, show)) == "reader-fault"


def test_module_is_found_at_another_rate_which_is_remembered() -> None:
    hw = Hardware(Module(), 57600)

    async def story() -> None:
        counter = station(hw)
        await counter.start()
        assert hw.opened == [115200, 57600]
        await counter.start()
        assert hw.opened == [115200, 57600, 57600]
        assert counter.sam_id == "05.01-20150101-0001234567-0123456789"

    run(story())


def test_module_at_the_usual_rate_is_asked_at_no_other() -> None:
    hw = Hardware(Module(STATUS=[specimen.answer(0x66)]))
    assert raises(ReaderError, run, station(hw).start()).code == "reader-unauthorised"
    assert hw.opened == [BAUD_RATES[0]]


def test_power_is_cut_once_after_a_failed_self_test() -> None:
    hw = Hardware(Module(STATUS=[specimen.answer(0x60)]), has_reader_power=True)
    counter = station(hw)

    async def story() -> None:
        for _ in range(2):
            try:
                await counter.start()
            except ReaderSelfTest:
                continue
            raise AssertionError("started")

    run(story())
    assert hw.power == [False, True]


def test_looking_after_a_module_starts_it_and_finds_out_when_it_is_gone_and_when_it_is_back() -> None:
    module = Module(FIND=[NO_CARD])
    hw = Hardware(module)
    counter = station(hw)

    async def story() -> None:
        assert await counter.look_after() is None
        assert counter.sam_id == "05.01-20150101-0001234567-0123456789"
        assert await counter.look_after() is None
        module.is_closed = True
        await asyncio.sleep(0.01)
        counter._look_at = ticks_ms()  # time for a check
        assert await counter.look_after() == "reader-fault"
        assert await counter.look_after() == "reader-fault"
        assert len(hw.opened) == 1, "it is not tried again at once"
        module.is_closed = False
        counter._look_at = ticks_ms()
        assert await counter.look_after() is None

    run(story())
