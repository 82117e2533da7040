"""The static proof fails when it has to: one pin and one keyword broken on purpose, in a copy of the tree."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tools.hardware import render
from tools.hardware.pin_map import BOARDS, ROOT, load
from tools.hardware.products import README, build, check, drawings, over_plan

DEADLINE_S = 180
STUBS = {"esp32s3": "typings-esp32s3", "openmv_n6": "typings-stm32"}


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    for folder in ("firmware", "hardware"):
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=ignored)
    return tmp_path


def change(path: Path, right: str, wrong: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert right in text, "the file has changed; change this test with it"
    path.write_text(text.replace(right, wrong, 1), encoding="utf-8")


def test_repository_is_sound() -> None:
    assert check() + over_plan([load(board) for board in BOARDS]) == []


def test_reserved_pin_fails_the_check(copy: Path) -> None:
    change(copy / "hardware/esp32s3.toml", '"board:17"', '"board:45"')
    assert any("pin 45 is reserved: strapping" in problem for problem in check(copy))


def test_pin_used_twice_fails_the_check(copy: Path) -> None:
    change(copy / "hardware/esp32s3.toml", '"board:6"', '"board:7"')
    assert any("BUTTON_START, BUTTON_CANCEL: pin 7 of board is used 2 times" in problem for problem in check(copy))


def test_pin_changed_by_hand_in_the_firmware_fails_the_check(copy: Path) -> None:
    change(copy / "firmware/boards/esp32s3/pins.py", "READER_TX = 17", "READER_TX = 1")
    assert [problem.split(":")[0] for problem in check(copy)] == ["firmware/boards/esp32s3/pins.py"]


def test_wire_moved_without_drawing_it_anew_fails_the_check(copy: Path) -> None:
    change(copy / "hardware/esp32s3.toml", '"board:17"', '"board:1"')
    build(copy, draws=False)
    assert [problem.split(":")[0] for problem in check(copy)] == ["hardware/wiring/esp32s3-signals.svg"]


def test_stale_table_of_the_readme_fails_the_check(copy: Path) -> None:
    change(copy / README, "| READER_TX | board:17 |", "| READER_TX | board:1 |")
    assert [problem.split(":")[0] for problem in check(copy)] == [str(README)]


def test_command_ends_with_1_and_names_the_fault(copy: Path) -> None:
    # The command works on its own tree: the tools are copied beside the broken map.
    shutil.copytree(ROOT / "tools", copy / "tools", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(ROOT / "host_agent", copy / "host_agent", ignore=shutil.ignore_patterns("__pycache__"))
    change(copy / "hardware/openmv_n6.toml", '"board:P9"', '"board:P15"')
    command = [sys.executable, "-m", "tools.hardware", "check"]
    result = subprocess.run(command, cwd=copy, capture_output=True, text=True, timeout=DEADLINE_S, check=False)
    assert result.returncode == 1
    assert "BUZZER: pin P15 is reserved: Ethernet PHY" in result.stderr


@pytest.mark.parametrize("board", BOARDS)
def test_wrong_uart_keyword_fails_the_types(copy: Path, board: str) -> None:
    stubs = ROOT / ".venv" / STUBS[board]
    if not (stubs / "machine.pyi").exists():
        pytest.skip(f"no stubs in .venv/{STUBS[board]}: `make check` installs them")
    hw = copy / "firmware/boards" / board / "hw.py"
    settings = copy / f"firmware/pyrightconfig.{board}.json"
    only = json.loads(settings.read_text(encoding="utf-8"))
    only |= {"include": [f"boards/{board}", "main.py"], "stubPath": str(stubs), "typeshedPath": str(stubs)}
    del only["venvPath"], only["venv"]
    settings.write_text(json.dumps(only), encoding="utf-8")
    assert errors(settings, hw) == []
    change(hw, "rxbuf=", "rxbufsize=")
    (line,) = errors(settings, hw)
    assert "UART(" in line


def errors(settings: Path, file: Path) -> list[str]:
    """The lines of this file in which basedpyright finds one."""
    command = [str(Path(sys.executable).with_name("basedpyright")), "--project", str(settings), "--outputjson"]
    result = subprocess.run(command, capture_output=True, text=True, timeout=DEADLINE_S, check=False)
    found = json.loads(result.stdout)["generalDiagnostics"]
    lines = file.read_text(encoding="utf-8").splitlines()
    mine = [one for one in found if one["severity"] == "error" and Path(one["file"]) == file.resolve()]
    return [lines[one["range"]["start"]["line"]] for one in mine]


@pytest.mark.skipif(not render.can_render(), reason="no wireviz or no dot on this machine")
def test_drawing_shows_every_part_and_pin_it_names() -> None:
    for path, drawing in drawings(load("esp32s3")).items():
        picture = render.render(drawing, path.stem)
        assert picture.endswith(render.mark(drawing))
        for name, connector in json.loads(drawing)["connectors"].items():
            assert all(f">{text}<" in picture for text in (name, *connector["pins"]))
