"""Glyphs of Noto Sans CJK SC as bitmaps.

FreeType's hinting for one bit a pixel decides every pixel: Pillow, which brings FreeType, is pinned to one version.
Bold is for what is read from a distance; at 16 pixels its strokes would run together.
"""

import hashlib
import struct
from dataclasses import dataclass
from pathlib import Path

import PIL
from PIL import Image, ImageDraw, ImageFont, features

from tools.screen.bitmap_font import BitmapFont, Glyph
from tools.screen.errors import BuildFailed

FACE = 2  # of the ten in a .ttc: Noto Sans CJK SC
NAME_FULL, NAME_VERSION = 4, 5
VERSIONS = {"pillow": PIL.__version__, "freetype": str(features.version("freetype2"))}


@dataclass(frozen=True, slots=True)
class Style:
    file: str  # of the source font
    size: int
    height: int
    baseline: int  # rows above it


STYLES = {
    "ui_16.font": Style("NotoSansCJK-Regular.ttc", 16, 20, 15),
    "ui_24.font": Style("NotoSansCJK-Bold.ttc", 24, 26, 20),
    "ui_32.font": Style("NotoSansCJK-Bold.ttc", 32, 36, 29),
}


def describe(path: Path) -> dict[str, str]:
    """A source font, as the manifest names it."""
    data = path.read_bytes()
    names = _names(data)
    return {"name": names[NAME_FULL], "version": names[NAME_VERSION], "sha256": hashlib.sha256(data).hexdigest()}


def rasterise(folder: Path, style: Style, characters: set[str]) -> BitmapFont:
    """Raises BuildFailed, also for ink outside the cell."""
    font = ImageFont.truetype(folder / style.file, style.size, index=FACE, layout_engine=ImageFont.Layout.BASIC)
    missing = _draw(font, style, "\U0010fffe")  # what this font draws for a character that it has not
    glyphs = {character: _glyph(font, style, character) for character in characters}
    for character, glyph in glyphs.items():
        if glyph.rows == missing.tobytes():
            raise BuildFailed(f"{style.file} has no U+{ord(character):04X}")
    return BitmapFont(style.height, style.size // 8, glyphs)


def _glyph(font: ImageFont.FreeTypeFont, style: Style, character: str) -> Glyph:
    left, top, right, bottom = font.getbbox(character, mode="1", anchor="ls")
    rows = _draw(font, style, character, -min(0, int(left)))
    if style.baseline + top < 0 or style.baseline + bottom > style.height or right - min(0, left) > style.size:
        raise BuildFailed(f"U+{ord(character):04X} is larger than its cell: {left, top, right, bottom}")
    return Glyph(round(font.getlength(character, mode="1")), rows.tobytes())


def _draw(font: ImageFont.FreeTypeFont, style: Style, character: str, x: int = 0) -> Image.Image:
    image = Image.new("1", (style.size, style.height))
    ImageDraw.Draw(image).text((x, style.baseline), character, font=font, fill=1, anchor="ls")
    return image


def _names(data: bytes) -> dict[int, str]:
    """The Windows English entries of the face's `name` table (OpenType 1.9)."""
    (face,) = struct.unpack_from(">I", data, 12 + 4 * FACE)
    (tables,) = struct.unpack_from(">H", data, face + 4)
    for entry in range(tables):
        tag, _, offset, _ = struct.unpack_from(">4sIII", data, face + 12 + 16 * entry)
        if tag == b"name":
            return _entries(data, offset)
    return {}


def _entries(data: bytes, table: int) -> dict[int, str]:
    _, count, strings = struct.unpack_from(">HHH", data, table)
    names = {}
    for entry in range(count):
        platform, _, language, number, length, offset = struct.unpack_from(">6H", data, table + 6 + 12 * entry)
        if (platform, language) == (3, 0x409):
            start = table + strings + offset
            names[number] = data[start : start + length].decode("utf-16-be")
    return names
