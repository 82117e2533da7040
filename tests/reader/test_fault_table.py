"""Every row of the reader facts' section 11, "faults seen in existing drivers", by name; README.md has the list.

The terminal's driver at the emulated module, in simulated time (bench.py).
"""

import asyncio
import csv
import random
import re
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from terminal import card as parser
from terminal import claim, samv
from terminal.errors import CardError, CardMalformed, CardTimeout, CardUnsupported, ReaderError
from terminal.reader import Reader
from terminal.samv_line import LIMITS_MS, SILENCE_MS

from host_agent import tables
from tests.reader.bench import Bench, run
from tests.reader.traces import traces_of
from tests.shared import ROOT, SHARED
from tools.emulator import people
from tools.emulator.sam_reader import Answer, Delivery, SamReader
from tools.emulator.scenario import Fault

PERSON, OTHER, THIRD = people.deck(11, 3)
CARD = people.card(PERSON, ("北京市样本区虚构路８号",))
NEXT = people.card(OTHER)
FIND, SELECT, READ, ADDRESS, NUMBERS = (0x20, 1), (0x20, 2), (0x30, 1), (0x30, 3), (0x30, 5)
ONE_READ = [FIND, SELECT, READ, ADDRESS]


def at_counter(story: Callable[[Bench], Awaitable[None]], module: SamReader | None = None, **options: Any) -> None:
    async def told() -> None:
        bench = Bench(module, **options)
        try:
            await story(bench)
        finally:
            bench.close()

    run(told)


def spoil(bench: Bench, command: tuple[int, int], *deliveries: Callable[[Answer], Delivery]) -> None:
    """The next answers to a command, one after the other."""
    left = list(deliveries)

    def deliver(cmd: int, para: int, answer: Answer) -> Delivery:
        return left.pop(0)(answer) if left and (cmd, para) == command else Delivery(answer.frame)

    bench.line.on_answer = deliver


def fault(**changes: Any) -> Callable[[Answer], Delivery]:
    return lambda answer: Fault(**changes).deliver(answer, random.Random(1))


def is_of(read: Any, card: people.Card) -> bool:
    return (bytes(read.text), bytes(read.photo), read.addresses) == (card.text, card.photo, card.addresses)


def relay(bench: Bench, card: people.Card) -> Callable[[str], None]:
    """A customer who lifts the card when told so, and puts it down again."""

    def on_show(state: str) -> None:
        if state == "card-lost":
            bench.later(1, bench.module.lift)
            bench.later(2, bench.module.place, card)

    return on_show


def frame(sw3: int, data: bytes) -> bytes:
    body = (4 + len(data)).to_bytes(2, "big") + bytes((0, 0, sw3)) + data
    check = 0
    for byte in body:
        check ^= byte
    return bytes.fromhex("AAAAAA9669") + body + bytes((check,))


def decoded(stream: bytes, piece: int) -> list[tuple[int, int]]:
    decoder = samv.Decoder()
    found = []
    for at in range(0, len(stream), piece):
        decoder.feed(stream[at : at + piece])
        while (answer := decoder.next_frame()) is not None:
            found.append((answer.sw3, len(answer.data)))
    return found


# --- frames


@pytest.mark.parametrize("piece", [1, 2, 7, 64, 256])
def test_one_read_is_not_a_whole_frame(piece: int) -> None:
    async def story(bench: Bench) -> None:
        bench.wire.piece_bytes = piece
        bench.module.place(CARD)
        assert is_of(await bench.read_card(), CARD)
        assert bench.wire.commands[-4:] == ONE_READ

    at_counter(story)


def test_length_has_two_bytes() -> None:
    for size in (1284, 2310, 0x0580, 0x0180, 0x00FB, 0x00FC):  # LEN 0508, 090A; a byte that a sign would spoil
        for piece in (1, 256):
            assert decoded(frame(0x90, bytes(size)), piece) == [(0x90, size)]


def test_length_fields_decide_and_no_fixed_totals() -> None:
    short = replace(CARD, photo=CARD.photo[:512])

    async def story(bench: Bench) -> None:
        bench.module.place(short)
        assert is_of(await bench.read_card(), short)
        bench.module.lift()

    at_counter(story)
    for total in (1283, 1285):
        with pytest.raises(CardMalformed):
            samv.parse_base(b"\x01\x00\x04\x00" + bytes(total - 4))


@pytest.mark.parametrize("at", [0, 4, 5, 6, 7, 9, 10, 11, 60, 137, -2, -1])
@pytest.mark.parametrize("command", [FIND, SELECT, READ, ADDRESS])
def test_checksum_is_always_verified(command: tuple[int, int], at: int) -> None:
    """One byte wrong in an answer: that answer is never believed, and the customer is asked again."""

    def damage(answer: Answer) -> Delivery:
        spoilt = bytearray(answer.frame)
        spoilt[at % len(spoilt)] ^= 0x04
        return Delivery(bytes(spoilt))

    async def story(bench: Bench) -> None:
        bench.on_show = relay(bench, CARD)
        await bench.station.start()
        del bench.wire.sent[:]
        spoil(bench, command, damage)
        bench.module.place(CARD)
        assert is_of(await bench.read_card(), CARD)
        assert bench.wire.commands.count(FIND) > 1

    at_counter(story)


def test_preamble_is_not_searched_inside_a_frame() -> None:
    whole = frame(0x90, people.address_block(("北京市样本区别人路１号",)))
    trap = replace(CARD, photo=(CARD.photo[:100] + whole + frame(0x41, b"") + bytes(1024))[:1024])

    async def story(bench: Bench) -> None:
        bench.module.place(trap)
        assert is_of(await bench.read_card(), trap)

    at_counter(story)
    assert decoded(frame(0x90, trap.photo), 7) == [(0x90, 1024)]


@pytest.mark.parametrize("delay_ms", [2650, 3050, 3200, 3500, 5000, 9000])
def test_late_answer_is_not_taken_for_the_next(delay_ms: int) -> None:
    """The first customer's answer to 30 01 comes when nobody waits for it any more; their card is gone by then. Nothing
    is asked before the line has been silent."""

    async def story(bench: Bench) -> None:
        spoil(bench, READ, fault(delay_ms=delay_ms))
        bench.module.place(CARD)
        bench.later(3.2, bench.module.place, NEXT)
        bench.on_show = relay(bench, NEXT)
        assert is_of(await bench.read_card(60), NEXT)
        asked_at = next(at for at, command in bench.wire.sent if command == READ)
        next_at = min(at for at, _ in bench.wire.sent if at > asked_at)
        given_up_at = asked_at + LIMITS_MS[READ] / 1000
        assert next_at - max(given_up_at, *(at for at in bench.wire.heard if at < next_at)) >= SILENCE_MS / 1000

    at_counter(story)


def test_line_is_silent_before_the_next_command() -> None:
    """A status may answer anything: this one, late, would have the next find reset the module."""

    async def story(bench: Bench) -> None:
        spoil(bench, SELECT, fault(delay_ms=1520, sw3=0x24))
        bench.module.place(CARD)
        assert is_of(await bench.read_card(), CARD)
        assert (0x10, 0xFF) not in bench.wire.commands

    at_counter(story)


def test_every_command_sent_is_a_documented_one() -> None:
    known = SHARED / "data/sam_commands.csv"
    if not known.exists():
        pytest.skip("absent: ../shared/data/sam_commands.csv")
    rows = list(csv.DictReader(known.read_text(encoding="utf-8").splitlines()))
    frames = {row["full_frame_hex"]: row["confidence"] for row in rows}
    commands = [value for name, value in vars(samv).items() if name.isupper() and isinstance(value, tuple)]
    assert {samv.RESET, samv.SELECT, samv.READ_NUMBERS} <= set(commands)
    for command in commands:
        assert frames.get(samv.command(*command).hex().upper(), "").startswith("confirmed"), command

    async def story(bench: Bench) -> None:
        spoil(bench, SELECT, fault(sw3=0x24))  # a reset, too
        bench.module.place(CARD)
        await bench.read_card()
        assert (0x10, 0xFF) in bench.wire.commands
        assert set(bench.wire.commands) <= set(commands)

    at_counter(story)


# --- the card


@pytest.mark.parametrize(
    "spoilt",
    [
        [fault(sw3=0x41)] * 3,
        [fault(sw3=0x21), fault(sw3=0x47)],
        [fault(cut_bytes=700), fault(bad_checksum=True)],
        [fault(silent=True), fault(data_bytes=8)],
    ],
)
def test_read_is_never_retried_without_find_and_select(spoilt: list[Callable[[Answer], Delivery]]) -> None:
    async def story(bench: Bench) -> None:
        bench.on_show = relay(bench, CARD)
        spoil(bench, READ, *spoilt)
        bench.module.place(CARD)
        assert is_of(await bench.read_card(90), CARD)
        asked = bench.wire.commands
        reads = [i for i, command in enumerate(asked) if command == READ]
        assert len(reads) == len(spoilt) + 1
        assert all(asked[i - 2 : i] == [FIND, SELECT] for i in reads)

    at_counter(story)


@pytest.mark.parametrize("numbers_unknown", [False, True])
def test_80_after_a_read_is_not_no_card(numbers_unknown: bool) -> None:
    """The card lies there and is not found: the next customer is told to lift it, and then their own is read."""

    async def story(bench: Bench) -> None:
        bench.module.place(CARD)
        await bench.read_card()
        bench.later(4, bench.module.lift)
        bench.later(5, bench.module.place, NEXT)
        del bench.shown[:]
        assert is_of(await bench.read_card(), NEXT)
        asked_to_lift = [] if numbers_unknown else ["card-left"]
        assert bench.states == [*asked_to_lift, "found", "reading"]

    at_counter(story, SamReader(numbers_unknown=numbers_unknown))


def test_card_that_the_module_has_read_for_nobody_is_asked_for_again() -> None:
    """The answer came too late for anybody; on a strict module the card would lie there for ever."""

    async def story(bench: Bench) -> None:
        await bench.station.start()
        bench.module.place(CARD)
        for command in ("00032001 22", "00032002 21", "00033001 32"):
            bench.module.answer(bytes.fromhex(command))
        bench.on_show = relay(bench, CARD)
        assert is_of(await bench.read_card(), CARD)
        assert bench.states[0] == "card-lost"

    at_counter(story)


@pytest.mark.parametrize("mode", ["strict", "lenient", "numbers unknown"])
def test_card_left_lying_is_registered_once(mode: str) -> None:
    async def story(bench: Bench) -> None:
        bench.module.place(CARD)
        assert is_of(await bench.read_card(), CARD)
        for _ in range(30):
            await bench.station.look_after()
            await asyncio.sleep(0.3)
        with pytest.raises(CardTimeout):
            await bench.read_card(20)
        bench.module.lift()
        for _ in range(15):
            await bench.station.look_after()
            await asyncio.sleep(0.3)
        bench.module.place(CARD)  # they come back for a second number
        assert is_of(await bench.read_card(20), CARD)

    at_counter(story, SamReader(lenient=mode == "lenient", numbers_unknown=mode == "numbers unknown"))


def test_card_left_lying_through_a_fault_of_the_module_is_registered_once() -> None:
    async def story(bench: Bench) -> None:
        bench.module.place(CARD)
        await bench.read_card()
        bench.wire.unplug()
        bench.line.power_cycle()
        with pytest.raises(CardTimeout):
            await bench.read_card(20)
        assert "card-left" in bench.states

    at_counter(story, SamReader(lenient=True))


FAILURES = {
    "refused": [fault(sw3=0x33)] * 4,
    "unknown": [fault(sw3=0x40)],
    "broken off": [fault(cut_bytes=60)] * 9,
    "damaged": [fault(bad_checksum=True)] * 9,
    "lengths": [fault(data_bytes=1285)] * 9,
}


@pytest.mark.parametrize("command", [READ, ADDRESS])
@pytest.mark.parametrize("name", FAILURES)
def test_nothing_of_the_last_person_is_left_after_a_failed_read(name: str, command: tuple[int, int]) -> None:
    """And nothing of the failed card is left either."""

    async def story(bench: Bench) -> None:
        bench.module.place(CARD)
        read = await bench.read_card()
        assert traces_of(bench.station, CARD)  # or this test could not fail
        read.wipe()
        bench.module.place(NEXT_WITH_ADDRESS)
        spoil(bench, command, *FAILURES[name])
        with pytest.raises(CardError):
            await bench.read_card(20)
        assert traces_of(bench.station, CARD, NEXT_WITH_ADDRESS) == []
        assert not bench.picture

    at_counter(story, SamReader(lenient=True, picture=bytes(2000)))


NEXT_WITH_ADDRESS = people.card(THIRD, ("北京市样本区虚构路９９９号",))


@pytest.mark.parametrize("after_ms", range(1, 700, 31))
def test_nothing_is_left_when_the_customer_cancels(after_ms: int) -> None:
    """At any moment of the read; the next customer's card is read at once, and right."""

    async def story(bench: Bench) -> None:
        await bench.station.start()
        bench.module.place(CARD)
        reading = asyncio.create_task(bench.read_card())
        bench.later(after_ms / 1000, reading.cancel)
        with pytest.raises(asyncio.CancelledError):
            await reading
        assert traces_of(bench.station, CARD) == []
        bench.module.place(NEXT)
        assert is_of(await bench.read_card(), NEXT)

    at_counter(story, SamReader(lenient=True, picture=bytes(5000)))


def test_nothing_is_left_after_a_wipe() -> None:
    async def story(bench: Bench) -> None:
        bench.module.place(CARD)
        read = await bench.read_card()
        text, photo = read.text, read.photo
        read.wipe()
        assert not any(text) and not any(photo) and not read.addresses
        assert traces_of((bench.station, read), CARD) == []

    at_counter(story)


# --- the module


def test_two_callers_at_once_are_refused() -> None:
    async def story(bench: Bench) -> None:
        await bench.station.start()
        first = asyncio.create_task(bench.read_card(2))
        await asyncio.sleep(0.01)
        with pytest.raises(ReaderError, match="two tasks"):
            await Reader.find(bench.station._reader)
        bench.module.place(CARD)
        assert is_of(await first, CARD)

    at_counter(story)


def test_find_is_not_polled_without_a_pause() -> None:
    async def story(bench: Bench) -> None:
        await bench.station.start()
        began = len(bench.wire.commands)
        with pytest.raises(CardTimeout):
            await bench.read_card(30)
        finds = [at for at, command in bench.wire.sent[began:] if command == FIND]
        assert min(later - at for at, later in zip(finds, finds[1:], strict=False)) >= 0.3
        assert len(finds) > 50  # nor so seldom that a customer waits

    at_counter(story)


def test_first_sam_id_after_power_on_is_not_trusted() -> None:
    async def story(bench: Bench) -> None:
        await bench.station.start()
        assert bench.station.sam_id == "05.01-20150101-0001234567-0123456789"
        bench.line.power_cycle()
        bench.wire.unplug()
        bench.module.place(CARD)
        await bench.read_card()
        assert bench.station.sam_id == "05.01-20150101-0001234567-0123456789"

    at_counter(story, SamReader(first_sam_id_wrong=True))


# --- what stands on the card


def read_person(person: people.Person, **fields: Any) -> Any:
    return parser.parse(people.card(replace(person, **fields)).text)


def test_name_is_trimmed_at_the_right_only() -> None:
    for name in ("测试 阿不都 样本", "测试·阿不都", "测试　甲"):
        assert read_person(PERSON, name=name).name == name
    foreigner = people.foreign_2023(PERSON, "SPECIMEN, TEST NAME OF A HOLDER IN TWO PARTS")
    assert read_person(foreigner).english_name == "SPECIMEN, TEST NAME OF A HOLDER IN TWO PARTS"


def test_long_term_is_a_value_of_its_own() -> None:
    person = read_person(people.longterm(PERSON))
    assert person.valid_to == "长期"
    assert parser.validity(person, "20991231") == parser.VALID
    assert parser.validity(person, None) == parser.NOT_CHECKED


def test_sex_other_than_1_is_not_female() -> None:
    shown = {code: read_person(PERSON, sex=code).sex for code in (0, 1, 2, 3, 9)}
    assert shown == {0: 0, 1: 1, 2: 2, 3: 0, 9: 9}


def test_marker_decides_over_the_layout() -> None:
    for make, marker in (
        (people.hmt_permit, "J"),
        (people.foreign_2017, "I"),
        (people.foreign_2023, "Y"),
    ):
        person = make(PERSON)
        parsed = read_person(person)
        assert (parsed.number, parsed.sex, parsed.birth) == (person.number, person.sex, person.birth), marker
        parser.check_number(parsed)
    text = bytearray(CARD.text)
    text[248:250] = b"Q\0"
    with pytest.raises(CardUnsupported):
        parser.parse(text)


def test_ethnic_groups_are_those_of_the_standard() -> None:
    """The terminal carries the code as read; names are the host's."""
    assert all(read_person(PERSON, ethnic=code).ethnic == code for code in ("01", "46", "56", "97", "57", "??"))
    table = SHARED / "data/ethnic_groups_gbt3304.csv"
    if not table.exists():
        pytest.skip("absent: ../shared/data/ethnic_groups_gbt3304.csv")
    rows = list(csv.reader(table.read_text(encoding="utf-8").splitlines()))[1:]
    assert {row[0]: row[1] for row in rows} == {str(code): name for code, name in tables.ETHNIC_GROUPS.items()}


# --- the photo, the port, and who may know


def test_photo_goes_undecoded_through_the_terminal() -> None:
    """No decoder library, no licence, no temporary file: the block is sealed as it was read."""

    async def story(bench: Bench) -> None:
        bench.module.place(CARD)
        read = await bench.read_card()
        sealed = claim.identity(parser.parse(read.text), read.addresses, read.photo, "13900000000")
        assert CARD.photo in sealed

    at_counter(story)
    for name in ("samv", "samv_line", "reader", "station", "card", "claim"):
        assert not re.search(r"(?<![.\w] )(?<![.\w])(?<!def )open\(", source(name)), name


def test_photo_that_nobody_can_decode_does_not_make_the_read_fail() -> None:
    for photo in (bytes(1024), b"", b"\xff" * 1024, CARD.photo[:700]):
        card = replace(CARD, photo=photo)

        async def story(bench: Bench, card: people.Card = card) -> None:
            bench.module.place(card)
            assert is_of(await bench.read_card(), card)

        at_counter(story)


@pytest.mark.parametrize("after_s", [0.001, 0.1, 0.2, 0.45, 0.6])
def test_reader_unplugged_in_a_read_is_opened_again(after_s: float) -> None:
    async def story(bench: Bench) -> None:
        await bench.station.start()
        bench.module.place(CARD)

        def plug(is_in: bool) -> None:
            bench.is_unplugged = not is_in
            if not is_in:
                bench.wire.unplug()
                bench.line.power_cycle()

        bench.later(after_s, plug, False)
        bench.later(5, plug, True)
        assert is_of(await bench.read_card(), CARD)
        assert ("fault", "reader-fault") in bench.shown
        assert bench.latest_beat_ms <= 0

    at_counter(story, start_up_ms=800)


def test_reader_that_stays_unplugged_ends_with_a_code() -> None:
    async def story(bench: Bench) -> None:
        bench.is_unplugged = True
        with pytest.raises(ReaderError) as raised:
            await bench.read_card(20)
        assert raised.value.code == "reader-fault"
        assert bench.clock.now() < EPOCH_END

    EPOCH_END = 1_800_000_000 + 25
    at_counter(story)


def test_no_service_listens_for_whoever_wants_a_card() -> None:
    """The PC's tool is a command, not a service; the terminal opens its links itself."""
    listening = re.compile(r"start_server|create_server|\.listen\(|HTTPServer|aiohttp|socketserver|\.bind\(")
    paths = [*(ROOT / "tools/reader").glob("*.py"), *(ROOT / "firmware").rglob("*.py")]
    assert len(paths) > 20
    for path in paths:
        assert not listening.search(path.read_text(encoding="utf-8")), path.name


@pytest.mark.parametrize("command", [SELECT, READ, ADDRESS])
@pytest.mark.parametrize("name", [None, *FAILURES])
def test_nothing_of_the_card_is_said_in_errors_or_logs(
    name: str | None, command: tuple[int, int], capfd: pytest.CaptureFixture[str]
) -> None:
    said: list[str] = []

    async def story(bench: Bench) -> None:
        bench.module.place(CARD)
        spoil(bench, command, *FAILURES.get(name, []))
        try:
            read = await bench.read_card(15)
            parser.check_number(replace_number(parser.parse(read.text)))
        except (CardError, ReaderError) as error:
            said.append(f"{error!r} {error.code}")
        said.append(str(bench.shown))

    at_counter(story)
    out, err = capfd.readouterr()
    told = out + err + "".join(said)
    assert "found" in told
    assert " card-" in told or " number-" in told
    for secret in (PERSON.name, PERSON.number, PERSON.birth, PERSON.address, CARD.addresses[0], CARD.text.hex()[:24]):
        assert secret not in told
    for name in (
        "samv",
        "samv_line",
        "reader",
        "station",
        "card",
        "card_hmt",
        "card_foreign_2017",
        "card_foreign_2023",
    ):
        assert not re.search(r"\bprint\(", source(name)), name


def source(name: str) -> str:
    return (ROOT / f"firmware/terminal/{name}.py").read_text(encoding="utf-8")


def replace_number(person: Any) -> Any:
    """Its last character wrong, for an error about it."""
    return person._replace(number=person.number[:-1] + ("0" if person.number[-1] != "0" else "1"))


# --- the list itself

README = Path(__file__).with_name("README.md")


def test_readme_names_a_test_for_every_row() -> None:
    table = README.read_text(encoding="utf-8").partition("| Fault | Tests |")[2]
    rows = re.findall(r"^\| (.+?) \| (.+?) \|$", table, re.MULTILINE)
    named = {name for _, tests in rows for name in re.findall(r"`(test_\w+)`", tests)}
    assert all(re.search(r"`test_\w+`", tests) for _, tests in rows)
    assert named <= set(globals())
    facts = SHARED / "spec/id-card-reader.md"
    if not facts.exists():
        pytest.skip("absent: ../shared/spec/id-card-reader.md")
    section = facts.read_text(encoding="utf-8").partition("## 11. ")[2].partition("\n## ")[0]
    faults = [line.split(" | ")[0].removeprefix("| ") for line in section.splitlines() if line.startswith("| ")][1:]
    assert [fault for fault, _ in rows] == faults
