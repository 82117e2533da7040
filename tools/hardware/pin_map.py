"""A board's pin map, `hardware/<board>.toml`, and what can be wrong with it. Pure but for reading the files."""

import tomllib
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).parents[2]
BOARDS = ("esp32s3", "openmv_n6")
EXPANDER = "expander"
# What every board's hw.py needs, whichever way it is wired.
SIGNALS = frozenset(
    {
        "READER_TX",
        "READER_RX",
        "READER_POWER",
        "DISPLAY_SCK",
        "DISPLAY_MOSI",
        "DISPLAY_CS",
        "DISPLAY_DC",
        "DISPLAY_RST",
        "DISPLAY_BACKLIGHT",
        "LIGHT",
        "BUZZER",
        "BUTTON_START",
        "BUTTON_CANCEL",
        "BUTTON_LANGUAGE",
        "I2C_SDA",
        "I2C_SCL",
        "TAMPER",
    }
)
SUPPLY_USE = 0.8  # of what an adapter or regulator can give, at the sum of all maxima


class End(NamedTuple):
    part: str
    pin: str

    @classmethod
    def of(cls, text: str) -> "End":
        part, _, pin = text.partition(":")
        return cls(part, pin)

    def __str__(self) -> str:
        return f"{self.part}:{self.pin}"


class Wire(NamedTuple):
    """`signal` and `function` are empty for what is no signal of the board's."""

    signal: str
    start: End
    end: End
    function: str
    colour: str


class Rail(NamedTuple):
    name: str
    ends: tuple[End, ...]  # the first one feeds the others


class Passive(NamedTuple):
    name: str
    maker: str
    part_number: str
    quantity: int
    place: str


@dataclass(frozen=True, slots=True)
class Part:
    key: str
    name: str
    maker: str
    part_number: str
    pins: tuple[str, ...]
    open: frozenset[str]
    drives: Mapping[str, float]
    quantity: int = 1
    rail: str | None = None
    typ_ma: float = 0
    max_ma: float = 0
    source_ma: float = 0
    source: str = ""
    i2c: int | None = None


@dataclass(frozen=True, slots=True)
class PinMap:
    board: str
    title: str
    arch: str
    raw: Mapping[str, Any]
    parts: Mapping[str, Part]
    functions: Mapping[str, tuple[str, ...]]  # of the board's pins, by name
    reserved: Mapping[str, str]  # pin -> why
    buses: Mapping[str, int]
    wires: tuple[Wire, ...]  # signals, then links
    rails: tuple[Rail, ...]
    passives: tuple[Passive, ...]

    @property
    def signals(self) -> tuple[Wire, ...]:
        return tuple(wire for wire in self.wires if wire.signal)


def load(board: str, root: Path = ROOT) -> PinMap:
    """Raises OSError, and ValueError or KeyError for a file that is not of the form."""
    folder = root / "hardware"
    raw = tomllib.loads((folder / f"{board}.toml").read_text(encoding="utf-8"))
    catalogue = tomllib.loads((folder / "parts.toml").read_text(encoding="utf-8"))
    functions = {name: tuple(group["functions"]) for group in raw["pins"]["group"] for name in group["names"]}
    reserved = {name: group["reason"] for group in raw["pins"]["reserved"] for name in group["names"]}
    own = _part("board", {**raw["board"], "pins": [*functions, *reserved]})
    wiring = raw["wiring"]
    signals = [Wire(name, End.of(a), End.of(b), use, colour) for name, a, b, use, colour in wiring["signals"]]
    links = [Wire("", End.of(a), End.of(b), "", colour) for a, b, colour in wiring["links"]]
    return PinMap(
        board=board,
        title=raw["title"],
        arch=raw["arch"],
        raw=raw,
        parts={"board": own} | {key: _part(key, catalogue[key]) for key in raw["parts"]},
        functions=functions,
        reserved=reserved,
        buses=raw["buses"],
        wires=(*signals, *links),
        rails=tuple(Rail(name, tuple(map(End.of, ends))) for name, *ends in wiring["power"]),
        passives=tuple(Passive(*item) for group in raw["passives"] for item in group["items"]),
    )


def _part(key: str, raw: Mapping[str, Any]) -> Part:
    return Part(
        key=key,
        name=raw["name"],
        maker=raw["maker"],
        part_number=raw["part_number"],
        pins=tuple(raw["pins"]),
        open=frozenset(raw.get("open", ())),
        drives=raw.get("drives", {}),
        quantity=raw.get("quantity", 1),
        rail=raw.get("rail"),
        typ_ma=raw.get("typ_ma", 0),
        max_ma=raw.get("max_ma", 0),
        source_ma=raw.get("source_ma", 0),
        source=raw.get("source", ""),
        i2c=raw.get("i2c"),
    )


def problems(pin_map: PinMap) -> list[str]:
    """What is wrong with it, in words; nothing when it can be built."""
    found = [*_unknown_ends(pin_map)]
    if found:
        return found  # the rest would stumble over them
    return [
        *_misused_pins(pin_map),
        *_missing(pin_map),
        *_loose_ends(pin_map),
        *_levels(pin_map),
        *_power(pin_map),
        *_addresses(pin_map),
    ]


def _ends(pin_map: PinMap) -> Iterator[End]:
    for wire in pin_map.wires:
        yield from (wire.start, wire.end)
    for rail in pin_map.rails:
        yield from rail.ends


def _unknown_ends(pin_map: PinMap) -> Iterator[str]:
    for end in dict.fromkeys(_ends(pin_map)):
        part = pin_map.parts.get(end.part)
        if part is None:
            yield f"{end}: no such part on this board"
        elif end.pin not in part.pins:
            yield f"{end}: no such pin"


def _misused_pins(pin_map: PinMap) -> Iterator[str]:
    for wire in pin_map.wires:
        for end in (wire.start, wire.end):
            if end.part == "board" and end.pin in pin_map.reserved:
                yield f"{wire.signal or end}: pin {end.pin} is reserved: {pin_map.reserved[end.pin]}"
        if wire.start.part == "board" and wire.start.pin not in pin_map.reserved:
            able = pin_map.functions[wire.start.pin]
            if wire.function not in able:
                yield f"{wire.signal}: pin {wire.start.pin} cannot be {wire.function!r}, only {', '.join(able)}"
    starts = Counter(wire.start for wire in pin_map.signals)
    for end, count in starts.items():
        if count > 1:
            names = ", ".join(wire.signal for wire in pin_map.signals if wire.start == end)
            yield f"{names}: pin {end.pin} of {end.part} is used {count} times"


def _missing(pin_map: PinMap) -> Iterator[str]:
    names = Counter(wire.signal for wire in pin_map.signals)
    for name in sorted(SIGNALS - names.keys()):
        yield f"{name}: not wired"
    for name in sorted(names.keys() - SIGNALS):
        yield f"{name}: no signal of this name is known"
    for name in sorted(name for name, count in names.items() if count > 1):
        yield f"{name}: wired {names[name]} times"


def _loose_ends(pin_map: PinMap) -> Iterator[str]:
    used = set(_ends(pin_map))
    for part in pin_map.parts.values():
        for pin in part.pins:
            is_used = End(part.key, pin) in used
            if pin in part.open and is_used:
                yield f"{part.key}:{pin}: is wired, though it is to be left open"
            if part.key != "board" and pin not in part.open and not is_used:
                yield f"{part.key}:{pin}: left in the air"


def _levels(pin_map: PinMap) -> Iterator[str]:
    limit = pin_map.raw["board"]["input_max_v"]
    for wire in pin_map.wires:
        for ours, theirs in ((wire.start, wire.end), (wire.end, wire.start)):
            volts = pin_map.parts[theirs.part].drives.get(theirs.pin, 0)
            if ours.part == "board" and volts > limit:
                yield f"{wire.signal}: {theirs} drives {volts} V into the board, which stands {limit} V"


def _power(pin_map: PinMap) -> Iterator[str]:
    total = sum(part.max_ma for part in pin_map.parts.values() if part.rail == "5V")
    out = {rail: 0.0 for rail in pin_map.raw["board"]["rails_out_ma"]}
    for part in pin_map.parts.values():
        if part.rail in out:
            out[part.rail] += part.max_ma
    total += sum(out.values())  # the board makes those rails from its own
    able = pin_map.parts["supply"].source_ma
    if total > SUPPLY_USE * able:
        yield f"supply: {total:.0f} mA at most, more than {SUPPLY_USE:.0%} of {able:.0f} mA"
    for rail, drawn in out.items():
        able = pin_map.raw["board"]["rails_out_ma"][rail]
        if drawn > SUPPLY_USE * able:
            yield f"board:{rail}: {drawn:.0f} mA at most, more than {SUPPLY_USE:.0%} of {able:.0f} mA"


def _addresses(pin_map: PinMap) -> Iterator[str]:
    addresses = Counter(part.i2c for part in pin_map.parts.values() if part.i2c is not None)
    for address, count in addresses.items():
        if count > 1:
            yield f"I2C address 0x{address:02x}: {count} parts answer"
