"""The emulated reader against the facts, byte by byte, and the terminal's driver against it over TCP."""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest
from terminal import card as parser
from terminal.errors import CardRemoved, CardTimeout, ReaderError, ReaderTimeout, ReaderUnauthorised
from terminal.reader import Reader
from terminal.samv_line import LIMITS_MS, ticks_add, ticks_diff, ticks_ms

from tools.emulator import people
from tools.emulator.sam_reader import BYTES_PER_S, LATENCY_MS, CommandStream, ReaderServer, SamReader, State

RESET, STATUS, SAM_ID = "000310ffec", "000311ffed", "000312ffee"
FIND, SELECT = "0003200122", "0003200221"
BASE, ADDRESSES, NUMBERS = "0003300132", "0003300330", "0003300536"
PERSON, OTHER = people.deck(seed=1, count=2)
CARD = people.card(PERSON)
HANG_S = 30


def ready(**options: bool) -> SamReader:
    reader = SamReader(**options)
    reader.ready()
    return reader


def ask(reader: SamReader, *commands: str) -> str:
    """The last answer, without preamble."""
    frame = b""
    for command in commands:
        frame = reader.answer(bytes.fromhex(command)).frame
        assert frame[:5].hex() == "aaaaaa9669"
    return frame[5:].hex()


def status(sw3: int) -> str:
    return f"00040000{sw3:02x}{4 ^ sw3:02x}"


# --- the facts


def test_answers_have_the_documented_bytes() -> None:
    reader = ready()
    reader.place(CARD)
    assert ask(reader, STATUS) == "000400009094"
    assert ask(reader, SAM_ID) == "0014000090050001005577330187d6120015cd5b0757"
    assert ask(reader, FIND) == "000800009f0000000097"
    assert ask(reader, SELECT) == "000c00009000000000000000009c"
    base = ask(reader, BASE)
    assert (len(base) // 2 + 5, base[:18]) == (1295, "050800009001000400")
    assert base[18:-2] == (CARD.text + CARD.photo).hex()
    assert ask(reader, ADDRESSES) == "000400009195"
    numbers = ask(reader, NUMBERS)
    assert (len(numbers) // 2 + 5, numbers[:10]) == (39, "0020000090")


def test_additional_addresses_are_records_of_70_bytes() -> None:
    reader = ready()
    reader.place(people.card(PERSON, ("虚构路８号", "虚构路９号")))
    answer = bytes.fromhex(ask(reader, FIND, SELECT, BASE, ADDRESSES))
    assert answer[:5].hex() == "0090000090"
    assert [answer[at : at + 70].decode("utf-16-le").rstrip() for at in (5, 75)] == ["虚构路８号", "虚构路９号"]


def test_our_mistakes_are_named() -> None:
    reader = ready()
    assert ask(reader, "0003200123") == status(0x10)
    assert ask(reader, "0003200023") == status(0x21)
    assert ask(reader, "000420010025") == status(0x11)
    assert ask(reader, "0002") == ask(reader, "00020002") == status(0x11)
    assert ask(reader, "0003301023") == status(0x21)  # fingerprints: not this module


def test_no_card_no_select_no_read() -> None:
    reader = ready()
    assert ask(reader, FIND) == status(0x80)
    assert [ask(reader, command) for command in (SELECT, BASE, ADDRESSES, NUMBERS)] == [status(0x21)] * 4


def test_read_needs_a_find_and_a_select_of_its_own() -> None:
    reader = ready(lenient=True)
    reader.place(CARD)
    assert ask(reader, FIND, BASE) == status(0x21)
    assert ask(reader, FIND, SELECT, BASE)[8:10] == "90"
    assert ask(reader, BASE) == status(0x21)
    assert ask(reader, SELECT) == status(0x21)


def test_strict_module_finds_a_read_card_only_after_a_lift() -> None:
    reader = ready()
    reader.place(CARD)
    ask(reader, FIND, SELECT, BASE)
    assert ask(reader, FIND) == status(0x80)
    assert ask(reader, NUMBERS)[8:10] == "90"  # it still lies there
    reader.lift()
    assert ask(reader, NUMBERS) == status(0x41)
    reader.place(CARD)
    assert ask(reader, FIND)[8:10] == "9f"


def test_lenient_module_finds_it_again() -> None:
    reader = ready(lenient=True)
    reader.place(CARD)
    assert ask(reader, FIND, SELECT, BASE, FIND)[8:10] == "9f"


def test_older_module_does_not_know_the_numbers() -> None:
    reader = ready(numbers_unknown=True)
    reader.place(CARD)
    assert ask(reader, FIND, SELECT, BASE, NUMBERS) == status(0x21)


def test_power_takes_its_state_away() -> None:
    reader = ready()
    reader.place(CARD)
    ask(reader, FIND, SELECT, BASE)
    reader.power(False)
    assert reader.is_deaf
    reader.power(True)
    assert (reader.state, reader.is_deaf) == (State.POWERED, True)
    reader.ready()
    assert ask(reader, NUMBERS) == status(0x21)
    assert ask(reader, FIND)[8:10] == "9f"  # the card has forgotten that it was read


def test_hanging_module_is_mended_by_power_and_by_nothing_else() -> None:
    reader = ready()
    reader.hang(0x60)
    assert ask(reader, STATUS) == ask(reader, RESET) == status(0x60)
    reader.hang()
    assert reader.is_deaf
    reader.power_on()
    reader.ready()
    assert ask(reader, STATUS) == status(0x90)


def test_other_rate_is_not_heard() -> None:
    reader = SamReader(baud=57600, line_baud=lambda: rate)
    reader.ready()
    heard = {}
    for rate in (115200, 57600, 9600, 0):
        heard[rate] = not reader.is_deaf
    assert heard == {115200: False, 57600: True, 9600: False, 0: False}
    rate = 57600
    assert ask(reader, "00036004 67") == status(0x90)
    assert reader.is_deaf


def test_card_lifted_between_the_steps() -> None:
    for steps, sw3 in (([FIND, SELECT], 0x81), ([FIND, SELECT, BASE], 0x41), ([FIND, SELECT, BASE, ADDRESSES], 0x41)):
        reader = ready()
        reader.place(CARD)
        ask(reader, *steps[:-1])
        reader.lift()
        reader.place(CARD)  # even when it is back at once: it has lost its field
        assert ask(reader, steps[-1]) == status(sw3)
        assert ask(reader, FIND)[8:10] == "9f"


def test_scheduled_lift_cuts_the_answer_and_takes_the_card() -> None:
    reader = ready()
    reader.place(CARD)
    reader.schedule_lift(600)
    assert len(ask(reader, FIND, SELECT, BASE)) // 2 + 5 == 600
    assert ask(reader, FIND) == status(0x80)
    reader.place(CARD)
    assert len(ask(reader, FIND, SELECT, BASE)) // 2 + 5 == 1295


def test_scheduled_lift_before_the_first_byte_is_a_failed_read() -> None:
    reader = ready()
    reader.place(CARD)
    reader.schedule_lift(0)
    assert ask(reader, FIND, SELECT, BASE) == status(0x41)


def test_reset_forgets_the_selected_card() -> None:
    reader = ready()
    reader.place(CARD)
    assert ask(reader, FIND, SELECT, RESET) == status(0x90)
    assert ask(reader, BASE) == status(0x21)


def test_module_without_keys_says_so_to_everything() -> None:
    reader = ready(unauthorised=True)
    reader.place(CARD)
    assert [ask(reader, command) for command in (STATUS, SAM_ID, FIND)] == [status(0x66)] * 3


def test_first_sam_id_after_power_on_can_be_wrong() -> None:
    reader = ready(first_sam_id_wrong=True)
    first, second, third = (ask(reader, SAM_ID) for _ in range(3))
    assert first != second == third
    reader.power_on()
    assert reader.state is State.POWERED
    reader.ready()
    assert ask(reader, SAM_ID) == first


def test_commands_are_cut_out_of_any_stream() -> None:
    preamble = "aaaaaa9669"
    stream = bytes.fromhex("00aa" + preamble + FIND + preamble + SELECT + "aaaa" + preamble + "ffff" + preamble + BASE)
    for piece in (1, 3, 100):
        commands = CommandStream()
        bodies = [body for at in range(0, len(stream), piece) for body in commands.feed(stream[at : at + piece])]
        assert [body.hex() for body in bodies] == [FIND, SELECT, "ffff", BASE]


def test_rates_are_those_of_command_60_and_survive_a_power_cycle() -> None:
    reader = ready()
    for para, baud in enumerate((115200, 57600, 38400, 19200, 9600)):
        assert ask(reader, f"000360{para:02x}{0x63 ^ para:02x}") == status(0x90)
        assert reader.baud == baud
    assert ask(reader, "0003600566") == status(0x21)
    reader.power_on()
    assert reader.baud == 9600


def test_rf_frame_size_is_taken_in_its_limits() -> None:
    reader = ready()
    assert ask(reader, "000461ff50ca") == status(0x90)
    assert ask(reader, "000461ff178d") == status(0x21)
    assert ask(reader, "000361ff9d") == status(0x11)


def test_power_cycle_makes_a_read_card_readable_again() -> None:
    reader = ready()
    reader.place(CARD)
    assert ask(reader, FIND, SELECT, BASE, FIND) == status(0x80)
    reader.power_on()
    reader.ready()
    assert ask(reader, FIND)[8:10] == "9f"


def test_picture_follows_the_frame_of_the_read_only() -> None:
    reader = SamReader(picture=b"picture")
    reader.ready()
    reader.place(CARD)
    plain = ready()
    plain.place(CARD)
    assert ask(reader, FIND, SELECT) == ask(plain, FIND, SELECT)
    assert ask(reader, BASE) == ask(plain, BASE) + b"picture".hex()
    assert ask(reader, ADDRESSES) == ask(plain, ADDRESSES)


def test_module_with_a_decoder_appends_the_picture_of_the_card() -> None:
    reader, plain = SamReader(has_decoder=True), ready()
    reader.ready()
    for module in (reader, plain):
        module.place(replace(CARD, picture=b"of this card"))
        ask(module, FIND, SELECT)
    assert ask(reader, BASE) == ask(plain, BASE) + b"of this card".hex()


# --- the driver at the emulated reader


class TcpStream:
    def __init__(self, incoming: asyncio.StreamReader, outgoing: asyncio.StreamWriter) -> None:
        self.read = incoming.read
        self.write = outgoing.write
        self.drain = outgoing.drain


QUICK_MS = {command: latency / 20 for command, latency in LATENCY_MS.items()}


@asynccontextmanager
async def counter(module: SamReader, **pace: Any) -> AsyncIterator[tuple[ReaderServer, Reader]]:
    """A module and the driver at it, twenty times as quick as real ones; patient, as test machines may be busy."""
    options = {"latency_ms": QUICK_MS, "bytes_per_s": 20 * BYTES_PER_S} | pace
    async with ReaderServer(module, **options) as server:
        incoming, outgoing = await asyncio.open_connection("127.0.0.1", server.port)
        try:
            limits_ms = dict.fromkeys(LIMITS_MS, 1000)
            yield server, Reader(TcpStream(incoming, outgoing), poll_ms=10, limits_ms=limits_ms, silence_ms=150)
        finally:
            outgoing.close()


def run(story: Callable[[], Awaitable[None]]) -> None:
    asyncio.run(asyncio.wait_for(story(), HANG_S))


def soon(within_s: float = 20) -> int:
    return ticks_add(ticks_ms(), int(within_s * 1000))


def quiet(_: str) -> None:
    return None


def test_driver_starts_at_a_module_that_is_slow_and_first_gives_a_wrong_id() -> None:
    async def story() -> None:
        async with counter(SamReader(first_sam_id_wrong=True), start_up_ms=300) as (server, reader):
            assert await reader.start() == "05.01-20150101-0001234567-0123456789"
            assert [entry.cmd for entry in server.log] == [0x11, 0x12, 0x12, 0x12]

    run(story)


def test_driver_reads_a_card_with_addresses() -> None:
    async def story() -> None:
        module = SamReader()
        async with counter(module) as (server, reader):
            module.place(people.card(PERSON, ("虚构路８号", "虚构路９号")))
            data, attempts, _ = await reader.read_card(soon(), quiet)
            assert parser.parse(data.text).number == PERSON.number
            assert (data.photo, data.addresses) == (CARD.photo, ("虚构路８号", "虚构路９号"))
            assert attempts == 1
            steps = [(entry.cmd, entry.para, entry.sw3) for entry in server.log]
            assert steps == [(0x20, 1, 0x9F), (0x20, 2, 0x90), (0x30, 1, 0x90), (0x30, 3, 0x90)]

    run(story)


@pytest.mark.parametrize("after_bytes", [0, 1, 9, 600, 1294])
def test_card_pulled_away_in_the_read_is_read_when_it_is_back(after_bytes: int) -> None:
    async def story() -> None:
        module = SamReader()
        async with counter(module) as (_, reader):
            events: list[str] = []

            def follow(event: str) -> None:
                events.append(event)
                if event == "lost":
                    module.place(CARD)

            module.schedule_lift(after_bytes)
            module.place(CARD)
            data, attempts, found_ms = await reader.read_card(soon(), follow)
            assert ticks_diff(ticks_ms(), found_ms) >= data.answer_ms  # neither counts the failed attempt
            assert data.text == CARD.text
            assert (attempts, events) == (2, ["found", "reading", "lost", "found", "reading"])

    run(story)


def test_card_pulled_away_for_good_ends_at_the_deadline() -> None:
    async def story() -> None:
        module = SamReader()
        async with counter(module) as (_, reader):
            module.schedule_lift(600)
            module.place(CARD)
            with pytest.raises(CardRemoved):
                await reader.read_card(soon(1), quiet)

    run(story)


def test_card_on_a_strict_module_is_read_once_until_lifted() -> None:
    async def story() -> None:
        module = SamReader()
        async with counter(module) as (server, reader):
            module.place(CARD)
            await reader.read_card(soon(), quiet)
            with pytest.raises(CardTimeout):
                await reader.read_card(soon(0.3), quiet)
            module.lift()
            module.place(people.card(OTHER))
            data, _, _ = await reader.read_card(soon(), quiet)
            assert data.text == people.text_block(OTHER)
            assert [(entry.cmd, entry.para) for entry in server.log].count((0x30, 0x01)) == 2

    run(story)


def test_card_on_a_lenient_module_is_not_given_twice() -> None:
    async def story() -> None:
        module = SamReader(lenient=True)
        async with counter(module) as (_, reader):
            events: list[str] = []

            def follow(event: str) -> None:
                events.append(event)
                if event == "repeat":
                    module.lift()
                    module.place(people.card(OTHER))

            module.place(CARD)
            await reader.read_card(soon(), quiet)
            data, attempts, _ = await reader.read_card(soon(), follow)
            assert data.text == people.text_block(OTHER)
            assert (attempts, events.count("repeat")) == (2, 1)

    run(story)


def test_unauthorised_module_is_named() -> None:
    async def story() -> None:
        async with counter(SamReader(unauthorised=True)) as (_, reader):
            with pytest.raises(ReaderUnauthorised):
                await reader.start()

    run(story)


def test_silent_module_times_out() -> None:
    async def story() -> None:
        async with ReaderServer(SamReader()) as server:
            server.is_silent = True
            stream = TcpStream(*await asyncio.open_connection("127.0.0.1", server.port))
            with pytest.raises(ReaderTimeout):
                await Reader(stream, limits_ms=dict.fromkeys(LIMITS_MS, 20), silence_ms=5).start()

    run(story)


def test_unplugged_module_is_a_reader_fault() -> None:
    async def story() -> None:
        async with counter(SamReader()) as (server, reader):
            assert not await reader.find()
            await server.stop()
            with pytest.raises(ReaderError):
                await reader.read_card(soon(), quiet)

    run(story)


@pytest.mark.parametrize("seed", range(3))
def test_garbage_on_the_line_never_gives_a_wrong_card(seed: int) -> None:
    """Before and inside answers, some of it with the header of a long frame; every fourth command is left alone."""
    print("seed", seed)
    rng = random.Random(seed)

    async def story() -> None:
        module = SamReader()
        async with counter(module) as (server, reader):
            commands = 0

            def disturb(cmd: int, para: int) -> None:
                nonlocal commands
                commands += 1
                if commands < 12 and commands % 4:
                    header = rng.choice((b"", bytes.fromhex("AAAAAA96690508")))
                    noise = header + rng.randbytes(rng.randint(1, 40))
                    asyncio.get_running_loop().call_later(rng.choice((0, 0.022)), server.inject, noise)

            def put_down(event: str) -> None:
                if event == "lost":
                    module.place(CARD)

            server.on_command = disturb
            module.place(CARD)
            data, _, _ = await reader.read_card(soon(), put_down)
            assert (data.text, data.photo) == (CARD.text, CARD.photo)

    run(story)


# --- the module on its port


def test_no_byte_comes_earlier_than_on_a_real_line() -> None:
    async def story() -> None:
        module = SamReader()
        module.place(CARD)
        loop = asyncio.get_running_loop()
        async with ReaderServer(module, latency_ms=dict.fromkeys(LATENCY_MS, 30)) as server:
            incoming, outgoing = await asyncio.open_connection("127.0.0.1", server.port)
            for command, size in ((FIND, 15), (SELECT, 19), (BASE, 1295)):
                sent_at = loop.time()
                outgoing.write(bytes.fromhex("aaaaaa9669" + command))
                got = 0
                while got < size:
                    got += len(await incoming.read(4096))
                    assert loop.time() - sent_at >= 0.030 + got / 11_520
                assert got == size
            outgoing.close()
            assert [(entry.cmd, entry.sw3) for entry in server.log] == [(0x20, 0x9F), (0x20, 0x90), (0x30, 0x90)]
            assert server.log[-1].answer_ms >= 30 + 1295 / 11.52

    run(story)


def test_module_keeps_its_state_when_the_terminal_comes_back() -> None:
    async def story() -> None:
        module = SamReader()
        module.place(CARD)
        async with ReaderServer(module, latency_ms=QUICK_MS) as server:
            incoming, outgoing = await asyncio.open_connection("127.0.0.1", server.port)
            await Reader(TcpStream(incoming, outgoing)).read_card(soon(), quiet)
            outgoing.close()
            incoming, outgoing = await asyncio.open_connection("127.0.0.1", server.port)
            reader = Reader(TcpStream(incoming, outgoing))
            assert not await reader.find()
            module.lift()
            module.place(CARD)
            assert await reader.find()
            outgoing.close()

    run(story)


def test_next_client_is_served_when_the_first_one_has_gone() -> None:
    async def story() -> None:
        async with ReaderServer(SamReader(), latency_ms=QUICK_MS) as server:
            _, first = await asyncio.open_connection("127.0.0.1", server.port)
            incoming, second = await asyncio.open_connection("127.0.0.1", server.port)
            second.write(bytes.fromhex("aaaaaa9669" + STATUS))
            first.close()
            assert (await incoming.readexactly(11)).hex() == "aaaaaa9669" + status(0x90)
            second.close()

    run(story)


def test_half_a_command_does_not_spoil_the_next() -> None:
    async def story() -> None:
        async with ReaderServer(SamReader(), latency_ms=QUICK_MS) as server:
            incoming, outgoing = await asyncio.open_connection("127.0.0.1", server.port)
            outgoing.write(bytes.fromhex("aaaaaa96690040"))
            answer = b""
            while not answer:  # whatever comes too soon is taken for the other half
                outgoing.write(bytes.fromhex("aaaaaa9669" + STATUS))
                try:
                    answer = await asyncio.wait_for(incoming.readexactly(11), 0.3)
                except TimeoutError:
                    continue
            assert answer.hex() == "aaaaaa9669" + status(0x90)
            outgoing.close()

    run(story)


def test_log_names_commands_and_nothing_of_the_card() -> None:
    async def story() -> None:
        module = SamReader()
        seen: list[tuple[int, int]] = []
        async with counter(module, on_command=lambda cmd, para: seen.append((cmd, para))) as (server, reader):
            module.place(CARD)
            await reader.read_card(soon(), quiet)
            assert seen == [(entry.cmd, entry.para) for entry in server.log]
            assert PERSON.number not in repr(server.log)
            assert PERSON.name not in repr(server.log)

    run(story)
