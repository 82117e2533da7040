"""The committed drawings: no text leaves the box it stands in."""

import re
from pathlib import Path
from xml.etree import ElementTree

import pytest
from PIL import ImageFont

from tools.hardware.generate import FONT
from tools.hardware.pin_map import ROOT

PICTURES = sorted((ROOT / "hardware/wiring").glob("*.svg"))
SVG = "{http://www.w3.org/2000/svg}"
SLACK = 2.0  # points, between the widths of two renderers
Box = tuple[float, float, float, float]


def boxes(picture: ElementTree.Element) -> list[Box]:
    """Left, top, right and bottom of what is drawn with straight lines."""
    found = []
    for polygon in picture.iter(f"{SVG}polygon"):
        numbers = [float(number) for number in re.findall(r"-?[\d.]+", polygon.attrib["points"])]
        xs, ys = numbers[::2], numbers[1::2]
        found.append((min(xs), min(ys), max(xs), max(ys)))
    return found


def around(x: float, y: float, within: list[Box]) -> Box:
    """The smallest box there."""
    holding = [box for box in within if box[0] <= x <= box[2] and box[1] <= y <= box[3]]
    return min(holding, key=lambda box: (box[2] - box[0]) * (box[3] - box[1]))


@pytest.mark.parametrize("path", PICTURES, ids=lambda path: path.stem)
def test_no_text_leaves_its_box(path: Path) -> None:
    try:
        font = ImageFont.truetype(f"{FONT.replace(' ', '')}.ttf", 14)
    except OSError:
        pytest.skip(f"no {FONT} on this machine")
    picture = ElementTree.parse(path).getroot()
    places = boxes(picture)
    texts = list(picture.iter(f"{SVG}text"))
    assert len(texts) > 50
    for text in texts:
        words = text.text or ""
        assert (text.attrib["font-family"], text.attrib["font-size"]) == (FONT, "14.00")
        x, y = float(text.attrib["x"]), float(text.attrib["y"])
        over = x + font.getlength(words) - around(x, y, places)[2]
        assert over <= SLACK, f"{words!r} ends {over:.0f} points outside"


def test_each_board_has_both_drawings() -> None:
    assert [path.stem for path in PICTURES] == [
        f"{board}-{what}" for board in ("esp32s3", "openmv_n6") for what in ("power", "signals")
    ]
