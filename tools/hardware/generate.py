"""What a pin map gives: the board's pins.py, WireViz drawings, bill of materials, tables for the README. All pure."""

import csv
import io
import json
from collections.abc import Iterable, Sequence

from tools.hardware.pin_map import EXPANDER, End, PinMap, Wire

FONT = "DejaVu Sans"  # no usual one is wider: where a viewer has it not, what it takes fits into the boxes, too
RAIL_COLOURS = {"5V": "RD", "3V3": "OG", "GND": "BK"}
PINS_HEADER = '"""{title}: pins and buses. Made from hardware/{board}.toml by tools/hardware, not by hand."""\n\n'


def pins_py(pin_map: PinMap) -> str:
    is_number = pin_map.raw["pins"]["kind"] == "number"
    lines = [f"{name} = {number}\n" for name, number in pin_map.buses.items()]
    for wire in pin_map.signals:
        if wire.start.part == EXPANDER:
            lines.append(f"{wire.signal} = {wire.start.pin.removeprefix('P')}  # line of the expander\n")
        else:
            lines.append(f"{wire.signal} = {wire.start.pin if is_number else json.dumps(wire.start.pin)}\n")
    return PINS_HEADER.format(title=pin_map.title, board=pin_map.board) + "".join(lines)


def signal_drawing(pin_map: PinMap) -> str:
    return _drawing(pin_map, pin_map.wires, f"{pin_map.title}: signals")


def power_drawing(pin_map: PinMap) -> str:
    wires = [
        Wire("", rail.ends[0], end, "", RAIL_COLOURS[rail.name]) for rail in pin_map.rails for end in rail.ends[1:]
    ]
    return _drawing(pin_map, wires, f"{pin_map.title}: power")


def _drawing(pin_map: PinMap, wires: Iterable[Wire], title: str) -> str:
    """WireViz reads YAML, and JSON is YAML."""
    bundles: dict[tuple[str, str], list[Wire]] = {}
    for wire in wires:
        if wire.start.part != wire.end.part:
            bundles.setdefault((wire.start.part, wire.end.part), []).append(wire)
    used = {end for bundle in bundles.values() for wire in bundle for end in (wire.start, wire.end)}
    connectors = {}
    for part in pin_map.parts.values():
        pins = [pin for pin in part.pins if End(part.key, pin) in used]
        if pins:
            connectors[part.key] = {
                "type": _wrapped(part.name),
                "subtype": _wrapped(f"{part.maker} {part.part_number}"),
                "pins": [_label(pin) for pin in pins],
                "show_pincount": False,
            }
    cables = {}
    connections = []
    for number, ((start, end), bundle) in enumerate(bundles.items(), 1):
        name = f"W{number}"
        cables[name] = {
            "wirecount": len(bundle),
            "colors": [wire.colour for wire in bundle],
            "wirelabels": [wire.signal or f"{wire.start.pin} to {wire.end.pin}" for wire in bundle],
            "show_wirenumbers": False,
            "show_wirecount": False,
        }
        connections.append(
            [
                {start: [_label(wire.start.pin) for wire in bundle]},
                {name: list(range(1, len(bundle) + 1))},
                {end: [_label(wire.end.pin) for wire in bundle]},
            ]
        )
    drawing = {
        "metadata": {"title": title},
        "options": {"color_mode": "full", "fontname": FONT},
        "connectors": connectors,
        "cables": cables,
        "connections": connections,
    }
    return json.dumps(drawing, indent=1, ensure_ascii=False) + "\n"


def _label(pin: str) -> str:
    return f"GPIO{pin}" if pin.isdigit() else pin  # numbers of a chip's pads, not of a connector's pins


def _wrapped(text: str, width: int = 28) -> str:
    lines = [""]
    for word in text.split():
        if lines[-1] and len(lines[-1]) + len(word) >= width:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".strip()
    return "\n".join(lines)


BOM_COLUMNS = "part,description,maker,part number,quantity,rail,typical mA,maximum mA,I2C,where or source"


def bom_csv(pin_map: PinMap) -> str:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(BOM_COLUMNS.split(","))
    for part in pin_map.parts.values():
        currents = (part.rail, f"{part.typ_ma:g}", f"{part.max_ma:g}") if part.rail else ("", "", "")
        address = "" if part.i2c is None else f"0x{part.i2c:02x}"
        row = (part.key, part.name, part.maker, part.part_number, part.quantity, *currents, address, part.source)
        writer.writerow(row)
    for item in pin_map.passives:
        writer.writerow(("", item.name, item.maker, item.part_number, item.quantity, "", "", "", "", item.place))
    return out.getvalue()


def pin_table(pin_map: PinMap) -> str:
    rows = [(wire.signal, str(wire.start), wire.function, str(wire.end)) for wire in pin_map.signals]
    return _table(("signal", "pin", "as", "goes to"), rows)


def power_table(pin_map: PinMap) -> str:
    parts = [part for part in pin_map.parts.values() if part.rail]
    rows = [
        (part.key, part.rail or "", f"{part.typ_ma:g}", f"{part.max_ma:g}", part.source)
        for part in sorted(parts, key=lambda part: -part.max_ma)
    ]
    typical, most = sum(part.typ_ma for part in parts), sum(part.max_ma for part in parts)
    able = pin_map.parts["supply"].source_ma
    share = f"of {able:g} mA: {most / able:.0%} at most"
    rows.append(("**all, from 5 V**", "", f"**{typical:.0f}**", f"**{most:.0f}**", share))
    return _table(("part", "rail", "typical mA", "maximum mA", "source"), rows)


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join("| " + " | ".join(line) + " |\n" for line in lines)
