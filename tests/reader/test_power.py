"""A module at any baud rate is found; one that hangs, or fails its self-test, has its power cut once."""

import asyncio

import pytest
from terminal.errors import ReaderSelfTest, ReaderTimeout, ReaderUnauthorised

from tests.reader.bench import Bench
from tests.reader.test_fault_table import CARD, NEXT, at_counter, is_of
from tools.emulator.sam_reader import BAUD_RATES, SamReader


def now_s() -> float:
    return asyncio.get_running_loop().time()


@pytest.mark.parametrize("baud", BAUD_RATES)
def test_module_is_found_at_its_rate_and_the_rate_is_remembered(baud: int) -> None:
    async def story(bench: Bench) -> None:
        await bench.station.start()
        assert (bench.wire.baud, bench.power_cuts) == (baud, 0)
        began = now_s()
        await bench.station.start()
        assert now_s() - began < 0.7  # at once, at the rate of before
        bench.module.place(CARD)
        assert is_of(await bench.read_card(), CARD)
        assert bench.latest_beat_ms <= 0

    at_counter(story, SamReader(baud=baud), has_power_pin=True)


def test_healthy_start_asks_nothing_in_vain() -> None:
    async def story(bench: Bench) -> None:
        began = now_s()
        await bench.station.start()
        assert bench.wire.commands == [(0x11, 0xFF), (0x12, 0xFF), (0x12, 0xFF)]
        assert now_s() - began < 0.25

    at_counter(story)


@pytest.mark.parametrize("start_up_ms", [1500, 2900])
def test_module_that_needs_its_time_after_power_on_is_not_cut_off(start_up_ms: int) -> None:
    async def story(bench: Bench) -> None:
        await bench.station.start()
        assert (bench.power_cuts, bench.wire.baud) == (0, 115200)

    at_counter(story, start_up_ms=start_up_ms, has_power_pin=True)


def test_module_that_was_changed_for_one_of_another_rate_is_found() -> None:
    async def story(bench: Bench) -> None:
        await bench.station.start()
        bench.module.baud = 19200
        bench.module.place(CARD)
        assert is_of(await bench.read_card(60), CARD)
        assert bench.wire.baud == 19200

    at_counter(story)


@pytest.mark.parametrize("sw3", [None, 0x60])
@pytest.mark.parametrize("after_s", [0.0, 0.25, 2.0])
def test_power_is_cut_once_and_the_customer_served(sw3: int | None, after_s: float) -> None:
    async def story(bench: Bench) -> None:
        bench.later(after_s, bench.module.hang, sw3)
        bench.later(after_s + 3, bench.module.place, CARD)
        assert is_of(await bench.read_card(60), CARD)
        assert bench.power_cuts == 1
        assert bench.latest_beat_ms <= 0

    at_counter(story, has_power_pin=True, start_up_ms=800)


def test_power_is_off_for_a_second_and_on_for_one_and_a_half() -> None:
    async def story(bench: Bench) -> None:
        switched: list[tuple[float, bool]] = []
        cut = bench.power_reader
        bench.power_reader = lambda is_on: (switched.append((now_s(), is_on)), cut(is_on))
        bench.module.hang(0x60)
        await bench.station.start()
        (off_s, is_on), (on_s, is_on_again) = switched
        assert (is_on, is_on_again) == (False, True)
        assert on_s - off_s >= 1
        assert next(at for at, _ in bench.wire.sent if at > off_s) - on_s >= 1.5

    at_counter(story, has_power_pin=True)


@pytest.mark.parametrize(("sw3", "error"), [(None, ReaderTimeout), (0x60, ReaderSelfTest)])
@pytest.mark.parametrize("has_power_pin", [True, False])
def test_module_that_no_cut_helps_is_said_to_be_broken(
    sw3: int | None, error: type[Exception], has_power_pin: bool
) -> None:
    async def story(bench: Bench) -> None:
        def break_again() -> None:
            bench.module.hang(sw3)
            bench.later(0.01, break_again)

        break_again()
        with pytest.raises(error):
            await bench.station.start()
        with pytest.raises(error):
            await bench.station.start()
        assert bench.power_cuts == has_power_pin  # once for the fault, not once for every try
        with pytest.raises(error):
            await bench.read_card(30)
        assert bench.power_cuts == 2 * has_power_pin  # and once for a customer
        assert bench.latest_beat_ms <= 0

    at_counter(story, has_power_pin=has_power_pin)


def test_power_is_on_again_when_the_customer_cancels_meanwhile() -> None:
    async def story(bench: Bench) -> None:
        bench.module.hang()
        reading = asyncio.create_task(bench.read_card(60))
        while not bench.power_cuts:
            await asyncio.sleep(0.1)
        reading.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reading
        bench.module.place(NEXT)
        assert is_of(await bench.read_card(60), NEXT)

    at_counter(story, has_power_pin=True)


def test_missing_keys_are_not_mended_by_power() -> None:
    async def story(bench: Bench) -> None:
        with pytest.raises(ReaderUnauthorised):
            await bench.read_card(60)
        assert bench.power_cuts == 0

    at_counter(story, SamReader(unauthorised=True), has_power_pin=True)
