"""The format of `firmware/assets/*.font`, which `firmware/terminal/font.py` draws from.

    "SFN1"  CRC-32 of the rest  height u8  bytes per row u8  glyphs u16
    for each glyph, ascending: code point << 8 | width, u32
    for each glyph: height rows, one bit a pixel, leftmost pixel in the highest bit
Integers have the least significant byte first.
"""

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

from tools.screen.errors import FontInvalid

MAGIC = b"SFN1"


@dataclass(frozen=True, slots=True)
class Glyph:
    width: int
    rows: bytes


@dataclass(frozen=True, slots=True)
class BitmapFont:
    height: int
    row_bytes: int
    glyphs: dict[str, Glyph]

    def width(self, text: str) -> int:
        """In pixels. Raises KeyError for a character that the font lacks."""
        return sum(self.glyphs[character].width for character in text)


def encode(font: BitmapFont) -> bytes:
    glyphs = sorted(font.glyphs.items())
    body = b"".join(
        (
            struct.pack("<BBH", font.height, font.row_bytes, len(glyphs)),
            *(struct.pack("<I", ord(character) << 8 | glyph.width) for character, glyph in glyphs),
            *(glyph.rows for _, glyph in glyphs),
        )
    )
    return MAGIC + struct.pack("<I", zlib.crc32(body)) + body


def decode(data: bytes) -> BitmapFont:
    """Raises FontInvalid."""
    body = data[8:]
    if data[:4] != MAGIC or len(body) < 4 or struct.unpack("<I", data[4:8])[0] != zlib.crc32(body):
        raise FontInvalid("the font is damaged")
    height, row_bytes, count = struct.unpack_from("<BBH", body)
    if len(body) != 4 + count * (4 + height * row_bytes):
        raise FontInvalid("the font has another length than it says")
    return BitmapFont(height, row_bytes, dict(_glyphs(body, count, height * row_bytes)))


def _glyphs(body: bytes, count: int, cell_bytes: int) -> Iterator[tuple[str, Glyph]]:
    for place in range(count):
        (entry,) = struct.unpack_from("<I", body, 4 + 4 * place)
        start = 4 + 4 * count + place * cell_bytes
        yield chr(entry >> 8), Glyph(entry & 0xFF, body[start : start + cell_bytes])
