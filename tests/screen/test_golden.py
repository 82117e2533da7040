"""What the terminal's own code paints, by MicroPython, against the pictures that somebody has looked at."""

import re

import pytest

from tests.screen import golden
from tests.screen.shots import FAULTS, REFUSALS, STATES, shots
from tools.emulator.picture import pixels_of_png

SPENT = re.compile(r"^(\S+) (zh|en) (\d+) bands (\d+) ms$", re.MULTILINE)
AGAIN = "look at it, then: python -m tests.screen.golden --write"


@pytest.fixture(scope="module")
def drawn() -> tuple[golden.Pictures, str]:
    return golden.draw()


@pytest.fixture(scope="module")
def painted(drawn: tuple[golden.Pictures, str]) -> golden.Pictures:
    return drawn[0]


@pytest.mark.parametrize("language", golden.LANGUAGES)
@pytest.mark.parametrize("name", [name for name, _ in shots()])
def test_picture_is_the_golden_one(painted: golden.Pictures, name: str, language: str) -> None:
    key = f"{name}.{language}"
    file = golden.GOLDEN / f"{key}.png"
    assert file.exists(), f"no golden picture of {key}; {AGAIN}"
    width, height, rgb = pixels_of_png(file.read_bytes())
    assert (width, height) == (golden.WIDTH, golden.HEIGHT)
    wrong = sum(rgb[i : i + 3] != painted[key][i : i + 3] for i in range(0, len(rgb), 3))
    assert not wrong, f"{key}: {wrong} pixels differ; {AGAIN}"


def test_no_golden_picture_is_left_over(painted: golden.Pictures) -> None:
    assert {file.stem for file in golden.GOLDEN.glob("*.png")} == set(painted)


def test_contact_sheets_show_the_golden_pictures() -> None:
    assert pixels_of_png(golden.SHEET.read_bytes()) == golden.sheet(golden.golden()), AGAIN
    assert pixels_of_png(golden.FEW.read_bytes()) == golden.few(golden.golden()), AGAIN


def test_pictures_of_different_states_differ(painted: golden.Pictures) -> None:
    same = {frozenset(("found", "reading"))}  # on purpose: the second is not to catch the eye
    seen: dict[bytes, str] = {}
    for key, rgb in painted.items():
        name = key.rpartition(".")[0]
        other = seen.setdefault(rgb, name)
        assert other == name or frozenset((other, name)) in same, f"{other} and {name} look alike"


def test_languages_differ_in_every_picture(painted: golden.Pictures) -> None:
    assert [name for name, _ in shots() if painted[f"{name}.zh"] == painted[f"{name}.en"]] == []


def test_every_scene_has_its_picture() -> None:
    from terminal import scenes

    shown = {state for _, said in shots() for state, _, _ in said} | {"delivered", "queued-offline"}
    assert set(scenes.SCENES) <= shown
    assert {*scenes.RETRY_CODES, "cancelled"} <= set(REFUSALS)
    assert STATES and FAULTS


def test_time_from_a_state_to_its_picture(drawn: tuple[golden.Pictures, str], capsys: pytest.CaptureFixture) -> None:
    """Printed, not judged: an emulated terminal is faster than a real one."""
    spent = [(int(ms), int(bands), name) for name, _, bands, ms in SPENT.findall(drawn[1])]
    assert len(spent) == len(drawn[0])
    with capsys.disabled():
        ms, bands, name = max(spent)
        mean = sum(entry[0] for entry in spent) / len(spent)
        print(f"\nscreen: a picture takes {mean:.1f} ms on average, at most {ms} ms ({name}, {bands} bands)")
