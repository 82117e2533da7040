"""Scripted reader faults: what happens at an emulated reader, as a TOML file (format: scenarios/README.md).

Parsing is pure and strict. The player is one coroutine that follows the steps while the reader serves.
"""

from __future__ import annotations

import asyncio
import random
import struct
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from functools import reduce
from operator import xor
from pathlib import Path
from typing import Any, TypeVar

from host_agent.errors import ConfigError, catalogue
from tools.emulator import people
from tools.emulator.sam_reader import (
    BAUD_RATES,
    LATENCY_MS,
    PREAMBLE,
    SAM_ID,
    Answer,
    Delivery,
    ReaderLine,
    SamReader,
)

SCENARIOS = Path(__file__).with_name("scenarios")
COMMANDS: Mapping[tuple[int, int], str] = {
    (0x10, 0xFF): "reset",
    (0x11, 0xFF): "status",
    (0x12, 0xFF): "sam-id",
    (0x20, 0x01): "find",
    (0x20, 0x02): "select",
    (0x30, 0x01): "read",
    (0x30, 0x03): "address",
    (0x30, 0x05): "numbers",
}
ANY = "any"
VARIANTS: Mapping[str, Callable[[people.Person], people.Person]] = {
    "plain": lambda person: person,
    "expired": people.expired,
    "longterm": people.longterm,
    "wrong-digit": people.with_wrong_check_digit,
}
DOCUMENTS: Mapping[str, Callable[[people.Person], people.Person]] = {
    "resident": lambda person: person,
    "hmt-permit": people.hmt_permit,
    "foreign-2017": people.foreign_2017,
    "foreign-2023": people.foreign_2023,
}
PICTURE_WIDTH, PICTURE_HEIGHT = 102, 126  # section 7.1
ADDRESSES_MAX = 4  # section 1.6
_MARKER_AT = 248  # section 4.1
_HEADER_BYTES = 7
_NOISE_SEED = 1

T = TypeVar("T")


class ScenarioInvalid(ConfigError):
    """The message names the file, the place in it, and what is allowed."""


@dataclass(frozen=True, slots=True)
class Module:
    sam_id: str = SAM_ID
    mode: str = "strict"
    unauthorised: bool = False
    first_sam_id_wrong: bool = False
    numbers_unknown: bool = False
    picture: str = "none"
    baud: int = BAUD_RATES[0]
    start_up_ms: float = 0


@dataclass(frozen=True, slots=True)
class Fault:
    """What becomes of the next `times` answers to `command`; what is not given stays as it is."""

    command: str = ANY
    times: int = 1
    delay_ms: float = 0  # late
    silent: bool = False
    sw3: int | None = None  # this status, without data
    data_bytes: int | None = None  # a sound frame with data of this length
    length_error: int = 0  # added to the LEN field alone
    bad_checksum: bool = False
    cut_bytes: int | None = None  # only the first ones arrive
    noise_bytes: int = 0  # in front of the answer
    twice: bool = False

    def deliver(self, answer: Answer, rng: random.Random) -> Delivery:
        if self.silent:
            return Delivery(b"")
        end = _HEADER_BYTES + int.from_bytes(answer.frame[5:7])
        if len(answer.frame) < end:
            return Delivery(answer.frame, self.delay_ms)  # the card was pulled away: there is no frame to spoil
        frame, picture = answer.frame[:end], answer.frame[end:]
        if self.sw3 is not None:
            frame = _frame(self.sw3, b"")
        if self.data_bytes is not None:
            data = frame[_HEADER_BYTES + 3 : -1]
            frame = _frame(frame[_HEADER_BYTES + 2], data[: self.data_bytes].ljust(self.data_bytes, b"\0"))
        if self.length_error:
            length = int.from_bytes(frame[5:7]) + self.length_error
            frame = frame[:5] + (length & 0xFFFF).to_bytes(2) + frame[7:]
        if self.bad_checksum:
            frame = frame[:-1] + bytes((frame[-1] ^ 0xFF,))
        frame = (frame + picture)[: self.cut_bytes]
        return Delivery(rng.randbytes(self.noise_bytes) + frame * (2 if self.twice else 1), self.delay_ms)


@dataclass(frozen=True, slots=True)
class Step:
    """Done after the command `on` has arrived `count` times since the step before, and then `after_s` later."""

    do: str
    on: str | None = None
    count: int = 1
    after_s: float = 0
    person: str = ""
    after_bytes: int = 0
    sw3: int | None = None
    noise: bytes = b""
    fault: Fault | None = None


@dataclass(frozen=True, slots=True)
class Scenario:
    title: str
    expect: tuple[str, ...]  # what sound software ends with, card after card: a person's name, or a code
    module: Module
    burst_ms: float
    latency_ms: Mapping[tuple[int, int], float]
    cards: Mapping[str, people.Card]
    steps: tuple[Step, ...]
    repeat: bool = False

    def reader(self) -> SamReader:
        module = self.module
        return SamReader(
            module.sam_id,
            lenient=module.mode == "lenient",
            unauthorised=module.unauthorised,
            first_sam_id_wrong=module.first_sam_id_wrong,
            numbers_unknown=module.numbers_unknown,
            picture=PICTURES[module.picture](),
            baud=module.baud,
        )

    def pace(self) -> dict[str, Any]:
        """Arguments of the ReaderLine."""
        return {"latency_ms": self.latency_ms, "start_up_ms": self.module.start_up_ms, "burst_ms": self.burst_ms}


def names() -> list[str]:
    return sorted(path.stem for path in SCENARIOS.glob("*.toml"))


def find(name: str) -> Path:
    """A scenario's file by its path, or by the name of one that comes with the product."""
    path = Path(name)
    if path.is_file():
        return path
    if name in names():
        return SCENARIOS / f"{name}.toml"
    raise ScenarioInvalid(f"no scenario {name}; give a file, or one of: {', '.join(names())}")


def load(path: Path) -> Scenario:
    try:
        return parse(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ScenarioInvalid(f"{path.name}: {error.strerror}") from error
    except (ScenarioInvalid, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ScenarioInvalid(f"{path.name}: {error}") from error


def parse(text: str) -> Scenario:
    table = _Table("the scenario", tomllib.loads(text))
    module = _record(Module, table.table("module"))
    _require(module.mode in ("strict", "lenient"), "module: mode is strict or lenient")
    _require(module.picture in PICTURES, f"module: picture is one of {', '.join(PICTURES)}")
    _require(module.baud in BAUD_RATES, f"module: baud is one of {', '.join(map(str, BAUD_RATES))}")
    _require_sam_id(module)
    line = table.table("line")
    latency = table.table("latency_ms")
    cards = {name: _card(_Table(f"person.{name}", entry)) for name, entry in table.take("person", dict, {}).items()}
    scenario = Scenario(
        title=table.take("title", str),
        expect=tuple(table.take("expect", list, [])),
        module=module,
        burst_ms=line.take("burst_ms", float, 0),
        latency_ms={
            command: latency.take(name, float, LATENCY_MS.get(command, 10), at_least=1)
            for command, name in COMMANDS.items()
        },
        cards=cards,
        steps=tuple(_step(_Table(f"step {i}", entry), cards) for i, entry in _numbered(table.take("step", list, []))),
        repeat=table.take("repeat", bool, False),
    )
    for rest in (line, latency, table):
        rest.end()
    for outcome in scenario.expect:
        known = outcome in cards or outcome in catalogue() if isinstance(outcome, str) else False
        _require(known, "expect: each is the name of a person here, or a code of the catalogue")
    _require(not scenario.repeat or any(step.on or step.after_s for step in scenario.steps), "repeat: no step waits")
    return scenario


class Player:
    """Follows the steps at a reader line, whose `on_command` and `on_answer` it takes over. `on_step`: one is done."""

    def __init__(self, scenario: Scenario, line: ReaderLine, on_step: Callable[[Step], None] | None = None) -> None:
        self._scenario = scenario
        self._line = line
        self._on_step = on_step
        self._commands: asyncio.Queue[str] = asyncio.Queue()
        self._faults: list[Fault] = []
        self._rng = random.Random(_NOISE_SEED)

    async def play(self) -> None:
        """Until the last step is done; faults that were set stay until they have been used up."""
        self._line.on_command = lambda cmd, para: self._commands.put_nowait(command_name(cmd, para))
        self._line.on_answer = self._deliver
        try:
            while True:
                for step in self._scenario.steps:
                    await self._wait(step)
                    self._do(step)
                    if self._on_step:
                        self._on_step(step)
                if not self._scenario.repeat:
                    return
        finally:
            self._line.on_command = None

    async def _wait(self, step: Step) -> None:
        seen = 0
        while step.on is not None and seen < step.count:
            seen += await self._commands.get() == step.on or step.on == ANY
        await asyncio.sleep(step.after_s)
        while not self._commands.empty():
            self._commands.get_nowait()

    def _do(self, step: Step) -> None:
        match step.do:
            case "place":
                self._line.reader.place(self._scenario.cards[step.person])
            case "lift":
                self._line.reader.lift()
            case "pull":
                self._line.reader.schedule_lift(step.after_bytes)
            case "power-cycle":
                self._line.power_cycle()
            case "noise":
                self._line.inject(step.noise)
            case "hang":
                self._line.reader.hang(step.sw3)
            case "silence":
                self._line.is_silent = True
            case "speak":
                self._line.is_silent = False
            case _:
                if step.fault:
                    self._faults.append(step.fault)

    def _deliver(self, cmd: int, para: int, answer: Answer) -> Delivery:
        name = command_name(cmd, para)
        for i, fault in enumerate(self._faults):
            if fault.command in (name, ANY):
                if fault.times > 1:
                    self._faults[i] = replace(fault, times=fault.times - 1)
                else:
                    del self._faults[i]
                return fault.deliver(answer, self._rng)
        return Delivery(answer.frame)


def command_name(cmd: int, para: int) -> str:
    return COMMANDS.get((cmd, para), f"{cmd:02X} {para:02X}")


def describe(step: Step) -> str:
    detail = step.person or (f"after {step.after_bytes} bytes" if step.do == "pull" else "")
    if step.fault:
        changed = [f.name for f in fields(Fault) if getattr(step.fault, f.name) != f.default and f.name != "command"]
        detail = f"in the answer to {step.fault.command}: {', '.join(changed)}"
    return f"{step.do} {detail}".rstrip()


def bmp_picture() -> bytes:
    """102 x 126 in 24 bits, bottom up: a slope of colours, different in every corner, and nobody on it."""
    row_bytes = (PICTURE_WIDTH * 3 + 3) // 4 * 4
    size = row_bytes * PICTURE_HEIGHT
    header = struct.pack("<2sIHHI", b"BM", 54 + size, 0, 0, 54)
    header += struct.pack("<IiiHHIIiiII", 40, PICTURE_WIDTH, PICTURE_HEIGHT, 1, 24, 0, size, 2835, 2835, 0, 0)
    rows = (
        b"".join(bytes((2 * x, 2 * y, 255 - x - y)) for x in range(PICTURE_WIDTH)).ljust(row_bytes, b"\0")
        for y in range(PICTURE_HEIGHT)
    )
    return header + b"".join(rows)


def jpeg_picture() -> bytes:
    """Begins and ends like a JPEG, of a usual size; between them is noise without markers: nothing to decode."""
    noise = random.Random(_NOISE_SEED).randbytes(3000).replace(b"\xff", b"\xfe")
    return bytes.fromhex("FFD8FFE000104A46494600010100000100010000") + noise + bytes.fromhex("FFD9")


PICTURES: Mapping[str, Callable[[], bytes]] = {"none": bytes, "bmp": bmp_picture, "jpeg": jpeg_picture}


# --- reading the file


class _Table:
    """A TOML table that is taken apart key by key; a key that is left over is a mistake."""

    def __init__(self, place: str, entry: object) -> None:
        _require(isinstance(entry, dict), f"{place}: must be a table")
        self.place = place
        self._entry = dict(entry) if isinstance(entry, dict) else {}

    def __contains__(self, key: str) -> bool:
        return key in self._entry

    def take(self, key: str, kind: type, default: Any = None, *, at_least: float = 0) -> Any:
        value = self._entry.pop(key, default)
        _require(value is not None, f"{self.place}: {key} is missing")
        if kind is float and type(value) is int:
            value = float(value)
        _require(type(value) is kind, f"{self.place}: {key} must be of type {kind.__name__}")
        if kind is float or kind is int:
            _require(key == "length_error" or at_least <= value < 1e9, f"{self.place}: {key} is {at_least} or more")
        return value

    def table(self, key: str) -> _Table:
        return _Table(key, self._entry.pop(key, {}))

    def end(self) -> None:
        _require(not self._entry, f"{self.place}: unknown key {', '.join(map(str, self._entry))}")


_KINDS = {"str": str, "bool": bool, "int": int, "float": float, "int | None": int}


def _record(kind: type[Any], table: _Table) -> Any:
    """A dataclass of plain values from the keys that are there."""
    record = kind(**{f.name: table.take(f.name, _KINDS[str(f.type)]) for f in fields(kind) if f.name in table})
    table.end()
    return record


def _card(table: _Table) -> people.Card:
    index = table.take("index", int, 0)
    person = people.deck(table.take("seed", int, 1), index + 1)[index]
    document = _choice(table, "document", DOCUMENTS, "resident")
    variant = _choice(table, "variant", VARIANTS, "plain")
    addresses = tuple(table.take("addresses", list, []))
    try:
        people.address_block(addresses)
    except (ValueError, AttributeError) as error:
        raise ScenarioInvalid(f"{table.place}: addresses are texts of up to 35 characters") from error
    _require(len(addresses) <= ADDRESSES_MAX, f"{table.place}: addresses are {ADDRESSES_MAX} at most")
    card = people.card(variant(document(person)), addresses)
    marker = table.take("marker", str, card.text[_MARKER_AT : _MARKER_AT + 2].decode("utf-16-le"))
    _require(len(marker) == 1 and marker.isascii(), f"{table.place}: marker is one ASCII character")
    table.end()
    return replace(card, text=card.text[:_MARKER_AT] + marker.encode("utf-16-le") + card.text[_MARKER_AT + 2 :])


def _choice(table: _Table, key: str, choices: Mapping[str, T], default: str) -> T:
    name = table.take(key, str, default)
    _require(name in choices, f"{table.place}: {key} is one of {', '.join(choices)}")
    return choices[name]


def _step(table: _Table, cards: Mapping[str, people.Card]) -> Step:
    do = table.take("do", str)
    on = table.take("on", str) if "on" in table else None
    _require(on is None or on == ANY or on in COMMANDS.values(), f"{table.place}: on is any, {_list(COMMANDS)}")
    step = Step(do, on, count=table.take("count", int, 1, at_least=1), after_s=table.take("after_s", float, 0))
    match do:
        case "place":
            step = replace(step, person=table.take("person", str))
            _require(step.person in cards, f"{table.place}: there is no person {step.person}")
        case "pull":
            step = replace(step, after_bytes=table.take("after_bytes", int))
        case "hang":
            step = replace(step, sw3=table.take("sw3", int) if "sw3" in table else None)
        case "noise":
            step = replace(step, noise=_noise(table))
        case "fault":
            fault: Fault = _record(Fault, table)
            is_known = fault.command == ANY or fault.command in COMMANDS.values()
            _require(is_known, f"{table.place}: command is any, {_list(COMMANDS)}")
            _require(fault.times >= 1, f"{table.place}: times is 1 or more")
            step = replace(step, fault=fault)
        case _:
            known = ("lift", "power-cycle", "silence", "speak")
            _require(do in known, f"{table.place}: do is place, pull, hang, noise, fault, {', '.join(known)}")
    table.end()
    return step


def _noise(table: _Table) -> bytes:
    if "hex" not in table:
        return random.Random(_NOISE_SEED).randbytes(table.take("bytes", int))
    try:
        return bytes.fromhex(table.take("hex", str))
    except ValueError as error:
        raise ScenarioInvalid(f"{table.place}: hex is not hexadecimal") from error


def _numbered(entries: list[Any]) -> enumerate[Any]:
    return enumerate(entries, start=1)


def _list(commands: Mapping[tuple[int, int], str]) -> str:
    return ", ".join(commands.values())


def _require_sam_id(module: Module) -> None:
    try:
        SamReader(module.sam_id)
    except (ValueError, struct.error) as error:
        raise ScenarioInvalid("module: sam_id is aa.bb-cccccccc-dddddddddd-eeeeeeeeee") from error


def _require(holds: bool, message: str) -> None:
    if not holds:
        raise ScenarioInvalid(message)


def _frame(sw3: int, data: bytes) -> bytes:
    body = struct.pack(">HBBB", 4 + len(data), 0, 0, sw3 & 0xFF) + data
    return PREAMBLE + body + bytes((reduce(xor, body),))
