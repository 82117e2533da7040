"""What stands behind the frame of 30 01: a picture, which is offered on, or noise, which is doubted."""

import asyncio

import pytest
from terminal.samv_line import LIMITS_MS, PICTURE_BYTES

from tests.reader.bench import Bench, run
from tests.reader.test_fault_table import ADDRESS, CARD, NEXT, READ, at_counter, is_of, relay, spoil
from tests.reader.traces import traces_of
from tools.emulator.sam_reader import Answer, Delivery, SamReader
from tools.emulator.scenario import bmp_picture, jpeg_picture

PICTURES = {"bmp": bmp_picture(), "jpeg": jpeg_picture()}


@pytest.mark.parametrize("baud", [115200, 9600])
@pytest.mark.parametrize("name", PICTURES)
def test_picture_is_offered_whole_and_forgotten_with_the_card(name: str, baud: int) -> None:
    async def story(bench: Bench) -> None:
        bench.module.place(CARD)
        read = await bench.read_card(30)
        assert is_of(read, CARD)
        assert bench.picture == PICTURES[name]
        assert bench.wire.commands[-1] == ADDRESS
        assert bench.latest_beat_ms <= 0, "the watchdog has bitten"
        line_ms = len(PICTURES[name]) * 10_000 / baud
        assert line_ms < read.waited_ms < line_ms + 3000  # it is the module's time
        await bench.station.look_after()
        assert bench.picture == b""

    at_counter(story, SamReader(picture=PICTURES[name], baud=baud))


def test_module_without_a_picture_is_not_waited_for() -> None:
    async def story(bench: Bench) -> None:
        bench.module.place(CARD)
        read = await bench.read_card()
        assert read.elapsed_ms() - 1000 * (1295 + 81 + 34) * 10 / 115200 - 540 < 150  # with the emulator's own times

    at_counter(story)


def test_line_that_never_falls_silent_is_not_waited_for() -> None:
    async def story(bench: Bench) -> None:
        await bench.station.start()
        bench.module.place(CARD)
        began = asyncio.get_running_loop().time()

        def babble() -> None:
            bench.wire.write(b"\x55" * 16)
            bench.later(0.003, babble)

        spoil(bench, READ, lambda answer: babble() or Delivery(answer.frame))
        with pytest.raises(Exception, match="answer") as raised:
            await bench.read_card(20)
        assert raised.value.code in ("card-removed", "reader-timeout")
        # one picture's time for the first flush, then a second and a frame for each command
        assert asyncio.get_running_loop().time() - began < 20 + PICTURE_BYTES / 11520 + 5 * (LIMITS_MS[READ] / 1000 + 2)

    at_counter(story)


def test_cancelled_while_a_picture_comes() -> None:
    """The next customer's first command waits for the rest of it."""

    async def story(bench: Bench) -> None:
        await bench.station.start()
        bench.module.place(CARD)
        reading = asyncio.create_task(bench.read_card())
        bench.later(2, reading.cancel)
        with pytest.raises(asyncio.CancelledError):
            await reading
        assert bench.picture == b""
        assert traces_of(bench.station, CARD) == []
        bench.module.place(NEXT)
        assert is_of(await bench.read_card(), NEXT)
        assert bench.picture == PICTURES["bmp"]

    at_counter(story, SamReader(lenient=True, picture=PICTURES["bmp"]))


@pytest.mark.parametrize("command", [READ, ADDRESS])
def test_noise_inside_a_frame_is_doubted_when_the_check_byte_fits(command: tuple[int, int]) -> None:
    """Noise in a frame shifts it, and once in 256 times XOR fits: what is pushed out behind the frame tells."""

    def insert(answer: Answer) -> Delivery:
        for noise in (bytes((a, b)) for a in range(1, 256) for b in range(256)):
            shifted = answer.frame[:60] + noise + answer.frame[60:]
            check = 0
            for byte in shifted[5 : len(answer.frame)]:
                check ^= byte
            if check == 0:
                return Delivery(shifted)
        raise AssertionError("no noise fits")

    async def story(bench: Bench) -> None:
        bench.on_show = relay(bench, CARD)
        spoil(bench, command, insert)
        bench.module.place(CARD)
        read = await bench.read_card()
        assert is_of(read, CARD)
        assert read.attempts == 2

    at_counter(story)


def test_module_that_always_appends_a_few_bytes_is_believed_the_second_time() -> None:
    async def story(bench: Bench) -> None:
        bench.on_show = relay(bench, CARD)
        bench.line.on_answer = lambda cmd, para, answer: Delivery(answer.frame + b"\r\n" * ((cmd, para) == READ))
        for card, attempts in ((CARD, 2), (NEXT, 1)):
            bench.module.place(card)
            read = await bench.read_card()
            assert (is_of(read, card), read.attempts) == (True, attempts)

    at_counter(story)


def test_simulated_time_is_what_everybody_waits_for() -> None:
    async def story() -> float:
        await asyncio.sleep(86_400)
        return asyncio.get_running_loop().time()

    assert run(story) >= 86_400
