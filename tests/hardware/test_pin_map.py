"""A mistake in a pin map, of each kind, is found; the maps themselves have none."""

import re
import shutil
from pathlib import Path

import pytest

from tools.hardware import generate
from tools.hardware.pin_map import BOARDS, ROOT, load, problems


@pytest.mark.parametrize("board", BOARDS)
def test_pin_map_is_sound(board: str) -> None:
    assert problems(load(board)) == []


def mistaken(folder: Path, board: str, right: str, wrong: str, file: str | None = None) -> list[str]:
    """What is found in a copy with one mistake."""
    (folder / "hardware").mkdir()
    for name in (f"{board}.toml", "parts.toml"):
        shutil.copy(ROOT / "hardware" / name, folder / "hardware" / name)
    path = folder / "hardware" / (file or f"{board}.toml")
    text = path.read_text(encoding="utf-8")
    assert right in text, "the pin map has changed; change this test with it"
    path.write_text(text.replace(right, wrong, 1), encoding="utf-8")
    return problems(load(board, folder))


@pytest.mark.parametrize(
    ("board", "right", "wrong", "found"),
    [
        ("esp32s3", '"board:17"', '"board:0"', "pin 0 is reserved: strapping"),
        ("esp32s3", '"board:17"', '"board:19"', "pin 19 is reserved: USB"),
        ("esp32s3", '"board:17"', '"board:36"', "pin 36 is reserved: octal PSRAM"),
        ("esp32s3", '"board:17"', '"board:18"', "pin 18 of board is used 2 times"),
        ("esp32s3", '"board:17"', '"board:23"', "no such pin"),
        ("esp32s3", '"translator:A1"', '"translator:A9"', "no such pin"),
        ("esp32s3", '"board:17", "translator:A1"', '"board:17", "shifter:A1"', "no such part"),
        ("esp32s3", '"translator:A2Y", "uart"', '"reader:TXD", "uart"', "drives 5.0 V into the board"),
        ("esp32s3", '["LIGHT", ', '["LIGHTS", ', "LIGHT: not wired"),
        ("esp32s3", '["BUZZER", ', '["LIGHT", ', "LIGHT: wired 2 times"),
        ("esp32s3", '"reader:VCC", ', "", "reader:VCC: left in the air"),
        ("esp32s3", "rails_out_ma = { 3V3 = 400 }", "rails_out_ma = { 3V3 = 50 }", "board:3V3"),
        ("openmv_n6", '"board:P9"', '"board:P17"', "pin P17 is reserved: Ethernet"),
        ("openmv_n6", '"board:P9"', '"board:P10"', "pin P10 is reserved: frame synchronisation"),
        ("openmv_n6", '"board:P9"', '"board:P7"', "pin P7 of board is used 2 times"),
        ("openmv_n6", '"board:P13"', '"board:P0"', "cannot be 'uart7 rx'"),
        ("openmv_n6", '"expander:P4"', '"expander:P5"', "pin P5 of expander is used 2 times"),
        ("openmv_n6", '"expander:P4"', '"expander:P7"', "is to be left open"),
    ],
)
def test_mistake_is_found(tmp_path: Path, board: str, right: str, wrong: str, found: str) -> None:
    told = mistaken(tmp_path, board, right, wrong)
    assert any(found in problem for problem in told), told


@pytest.mark.parametrize(
    ("right", "wrong", "found"),
    [
        ("source_ma = 3000", "source_ma = 2000", "supply: "),
        ("i2c = 0x60", "i2c = 0x20", "I2C address 0x20: 2 parts"),
    ],
)
def test_mistake_among_the_parts_is_found(tmp_path: Path, right: str, wrong: str, found: str) -> None:
    told = mistaken(tmp_path, "openmv_n6", right, wrong, "parts.toml")
    assert any(found in problem for problem in told), told


def test_every_reserved_pin_of_the_esp32s3_is_in_the_map() -> None:
    named = {0, 3, 45, 46, 19, 20, 43, 44, *range(26, 38)}
    assert {str(pin) for pin in named} <= load("esp32s3").reserved.keys()


@pytest.mark.parametrize("board", BOARDS)
def test_hw_uses_only_pins_of_its_map(board: str) -> None:
    source = (ROOT / "firmware" / "boards" / board / "hw.py").read_text(encoding="utf-8")
    pin_map = load(board)
    names = set(re.findall(r"\bpins\.(\w+)", source))
    known = {wire.signal for wire in pin_map.signals} | pin_map.buses.keys()
    assert names
    assert names <= known


def test_bill_of_materials_names_every_part_once() -> None:
    for board in BOARDS:
        rows = generate.bom_csv(load(board)).splitlines()[1:]
        keys = [row.split(",")[0] for row in rows if not row.startswith(",")]
        assert keys == list(load(board).parts)
