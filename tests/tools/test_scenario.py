"""Scenarios: the format is strict, and every one in the folder is played to its end by the PC's driver."""

import asyncio
import random
import re
from datetime import date
from pathlib import Path

import pytest

from host_agent.errors import ShimingError
from tools.emulator import people, scenario
from tools.emulator.sam_reader import Answer
from tools.emulator.scenario import Fault, Player, Scenario, ScenarioInvalid, Step
from tools.emulator.serial_reader import SerialReader
from tools.reader import document
from tools.reader.module import Module, driver_errors

TODAY = date(2026, 6, 1)
READ_S = 15
HANG_S = 60


@pytest.fixture(scope="module")
def ends() -> dict[str, list[str]]:
    """What the driver ends with in each scenario. They mostly wait, so all of them are played at once."""

    async def play_all() -> list[list[str]]:
        played = (play(scenario.load(scenario.find(name))) for name in scenario.names())
        return await asyncio.wait_for(asyncio.gather(*played), HANG_S)

    return dict(zip(scenario.names(), asyncio.run(play_all()), strict=True))


async def play(told: Scenario) -> list[str]:
    async with SerialReader(told.reader(), **told.pace()) as reader:
        playing = asyncio.create_task(Player(told, reader).play())
        try:
            with Module(reader.port) as module:
                return await outcomes(told, module)
        finally:
            playing.cancel()


async def outcomes(told: Scenario, module: Module) -> list[str]:
    cards = {card.text: name for name, card in told.cards.items()}
    ends: list[str] = []
    try:
        await module.probe()
        assert await module.sam_id() == told.module.sam_id
        for _ in told.expect:
            data = await module.read_card(READ_S, lambda _: None)
            with driver_errors():
                shown = document.view(data, TODAY, is_revealed=True)
            name = cards[bytes(data.text)]
            assert bytes(data.photo) == told.cards[name].photo
            assert shown["additional_addresses"] == list(told.cards[name].addresses)
            ends.append(name)
    except ShimingError as error:
        ends.append(error.code)
    return ends


@pytest.mark.parametrize("name", scenario.names())
def test_scenario_ends_as_it_says(name: str, ends: dict[str, list[str]]) -> None:
    assert ends[name] == list(scenario.load(scenario.find(name)).expect)


def test_folder_has_the_faults_that_it_promises() -> None:
    told = [scenario.load(scenario.find(name)) for name in scenario.names()]
    faults = [step.fault for each in told for step in each.steps if step.fault]
    steps = {step.do for each in told for step in each.steps}
    assert steps == {"place", "lift", "pull", "power-cycle", "noise", "silence", "hang", "fault"}
    for used in ("delay_ms", "sw3", "data_bytes", "length_error", "bad_checksum", "cut_bytes", "noise_bytes", "twice"):
        assert any(getattr(fault, used) for fault in faults), used
    modules = [each.module for each in told]
    assert {module.mode for module in modules} == {"strict", "lenient"}
    assert {module.picture for module in modules} == {"none", "bmp", "jpeg"}


def test_readme_names_every_key() -> None:
    readme = (scenario.SCENARIOS / "README.md").read_text(encoding="utf-8")
    keys = set(re.findall(r"`([a-z0-9_-]+)`", readme))
    for known in (scenario.Module, Fault, Step):
        assert set(known.__slots__) - {"fault", "noise"} <= keys | {"command", "do", "person"}
    assert set(scenario.COMMANDS.values()) | set(scenario.VARIANTS) | set(scenario.DOCUMENTS) <= keys


PLACE = 'title = "t"\n[person.a]\n[[step]]\ndo = "place"\nperson = "a"\n'


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "title is missing"),
        ("title = 1", "title must be of type str"),
        (PLACE + "colour = 1", "step 1: unknown key colour"),
        ("colour = 1\n" + PLACE, "the scenario: unknown key colour"),
        (PLACE.replace('person = "a"', 'person = "b"'), "step 1: there is no person b"),
        (PLACE + 'on = "look"', "step 1: on is any, reset"),
        (PLACE + "after_s = -1", "step 1: after_s is 0 or more"),
        (PLACE + "count = true", "step 1: count must be of type int"),
        (PLACE.replace("place", "juggle"), "step 1: do is place"),
        (PLACE + '[module]\nmode = "rude"', "module: mode is strict or lenient"),
        (PLACE + "[module]\nbaud = 300", "module: baud is one of 115200"),
        (PLACE + '[module]\npicture = "png"', "module: picture is one of"),
        (PLACE + '[module]\nsam_id = "1"', "module: sam_id is"),
        (PLACE + "[latency_ms]\nfind = 0", "latency_ms: find is 1 or more"),
        (PLACE + "[line]\nparity = 1", "line: unknown key parity"),
        ('title = "t"\n[person.a]\nvariant = "tall"', "person.a: variant is one of plain"),
        ('title = "t"\n[person.a]\nmarker = "JJ"', "person.a: marker is one ASCII"),
        ('title = "t"\n[person.a]\naddresses = [1]', "person.a: addresses are"),
        (f'title = "t"\n[person.a]\naddresses = ["{"x" * 36}"]', "person.a: addresses are"),
        ('title = "t"\nexpect = ["nobody"]', "expect: each is"),
        ('title = "t"\nexpect = [1]', "expect: each is"),
        ("repeat = true\n" + PLACE, "repeat: no step waits"),
        ('title = "t"\nstep = [1]', "step 1: must be a table"),
        ('title = "t"\nperson = {a = 1}', "person.a: must be a table"),
        ('title = "t"\n[[step]]\ndo = "noise"\nhex = "xx"', "step 1: hex is not hexadecimal"),
        ('title = "t"\n[[step]]\ndo = "fault"\ntimes = 0', "step 1: times is 1 or more"),
        ('title = "t"\n[[step]]\ndo = "fault"\ncommand = "look"', "step 1: command is any"),
    ],
)
def test_mistakes_in_a_file_are_named(text: str, message: str) -> None:
    with pytest.raises(ScenarioInvalid, match=re.escape(message)):
        scenario.parse(text)


def test_file_that_is_not_there_or_no_toml_is_named(tmp_path: Path) -> None:
    with pytest.raises(ScenarioInvalid, match="give a file, or one of: additional-addresses"):
        scenario.find("absent")
    (tmp_path / "torn.toml").write_text("title = ")
    with pytest.raises(ScenarioInvalid, match="torn.toml: "):
        scenario.load(scenario.find(str(tmp_path / "torn.toml")))
    (tmp_path / "binary.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(ScenarioInvalid, match="binary.toml: "):
        scenario.load(tmp_path / "binary.toml")


ANSWER = Answer(bytes.fromhex("AAAAAA9669 0008 00009F 00000000 97"), 0x9F)
PICTURE = Answer(ANSWER.frame + b"picture", 0x9F)


@pytest.mark.parametrize(
    ("fault", "answer", "sent"),
    [
        (Fault(), PICTURE, PICTURE.frame.hex()),
        (Fault(silent=True), ANSWER, ""),
        (Fault(sw3=0x41), ANSWER, "aaaaaa96690004000041" + "45"),
        (Fault(data_bytes=2), ANSWER, "aaaaaa9669000600009f0000" + "99"),
        (Fault(data_bytes=5), ANSWER, "aaaaaa9669000900009f0000000000" + "96"),
        (Fault(length_error=-1), ANSWER, "aaaaaa9669000700009f00000000" + "97"),
        (Fault(bad_checksum=True), PICTURE, "aaaaaa9669000800009f00000000" + "68" + b"picture".hex()),
        (Fault(cut_bytes=6), ANSWER, "aaaaaa966900"),
        (Fault(twice=True), ANSWER, ANSWER.frame.hex() * 2),
        (Fault(bad_checksum=True, data_bytes=2), Answer(ANSWER.frame[:8], 0x9F), ANSWER.frame[:8].hex()),
    ],
)
def test_fault_changes_what_it_says(fault: Fault, answer: Answer, sent: str) -> None:
    assert fault.deliver(answer, random.Random(1)).data.hex() == sent


def test_late_and_noisy_answer_is_whole() -> None:
    data, delay_ms = Fault(delay_ms=70, noise_bytes=4).deliver(ANSWER, random.Random(1))
    assert (len(data), data[4:], delay_ms) == (4 + len(ANSWER.frame), ANSWER.frame, 70)


def test_pictures_have_their_form() -> None:
    bmp, jpeg = scenario.bmp_picture(), scenario.jpeg_picture()
    assert len(bmp) == 54 + 308 * 126  # facts 7.1
    assert (bmp[:2], int.from_bytes(bmp[18:22], "little"), int.from_bytes(bmp[22:26], "little")) == (b"BM", 102, 126)
    corners = {bmp[at : at + 3] for row in (0, 125) for at in (54 + 308 * row, 54 + 308 * row + 303)}
    assert len(corners) == 4
    assert (jpeg[:4].hex(), jpeg[-2:].hex(), jpeg[20:-2].count(0xFF)) == ("ffd8ffe0", "ffd9", 0)


def test_cards_are_as_the_file_says() -> None:
    told = scenario.parse('title = "t"\n[person.a]\nindex = 3\nvariant = "expired"\nmarker = "J"')
    text = people.card(people.expired(people.deck(1, 4)[3])).text
    assert told.cards["a"].text == text[:248] + b"J\0" + text[250:]
