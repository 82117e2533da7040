"""Draws text in one of the bitmap fonts of `assets/` (format: `tools/screen/bitmap_font.py`).

Glyphs stay in the file. A character that the font lacks is drawn as a box with its code point, never as another one.
"""

import struct
from array import array

import framebuf

from terminal.asset import HEAD_BYTES, open_asset, read_exactly
from terminal.errors import AssetInvalid

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

_MAGIC = b"SFN1"
_INDEX = HEAD_BYTES + 4  # after height, bytes per row, number of glyphs
# Hexadecimal digits of 3 x 5 pixels: for each row an octal digit.
_DIGITS = b"75557262277174771717557117471774757711117575775717257556565674447655567474774744"


class Font:
    def __init__(self, path: str) -> None:
        """Raises AssetInvalid."""
        self._file = open_asset(path, _MAGIC)
        head = bytearray(4)
        read_exactly(self._file, HEAD_BYTES, head)
        self.height, row_bytes, count = struct.unpack("<BBH", head)
        if not self.height or not row_bytes:
            raise AssetInvalid("empty glyphs")
        index = bytearray(4 * count)
        read_exactly(self._file, _INDEX, index)
        self._index = array("I", index)  # code point << 8 | width, ascending
        self._cell = bytearray(row_bytes * self.height)
        self._glyph = framebuf.FrameBuffer(self._cell, row_bytes * 8, self.height, framebuf.MONO_HLSB)
        self._em = row_bytes * 8
        self._glyphs = _INDEX + 4 * count
        self._palette = framebuf.FrameBuffer(bytearray(4), 2, 1, framebuf.RGB565)

    def width(self, text: str) -> int:
        """In pixels."""
        return sum(self._width(code) for code in _code_points(text))

    def draw(self, frame: framebuf.FrameBuffer, text: str, x: int, y: int, colour: int) -> int:
        """Puts the text's top left corner at x, y, clipped to the frame. Returns the x after the text."""
        if y <= -self.height:
            return x + self.width(text)
        clear = colour ^ 1
        self._palette.pixel(0, 0, clear)
        self._palette.pixel(1, 0, colour)
        for code in _code_points(text):
            place = self._find(code)
            if place < 0:
                self._draw_code_point(code)
            else:
                read_exactly(self._file, self._glyphs + place * len(self._cell), self._cell)
            frame.blit(self._glyph, x, y, clear, self._palette)
            x += self._em if place < 0 else self._index[place] & 0xFF
        return x

    def _width(self, code: int) -> int:
        place = self._find(code)
        return self._em if place < 0 else self._index[place] & 0xFF

    def _find(self, code: int) -> int:
        """The glyph's place in the file, -1 where there is none."""
        low, high = 0, len(self._index)
        while low < high:
            middle = (low + high) // 2
            found = self._index[middle] >> 8
            if found == code:
                return middle
            if found < code:
                low = middle + 1
            else:
                high = middle
        return -1

    def _draw_code_point(self, code: int) -> None:
        """A box with four hexadecimal digits, or six beyond the basic plane, in two lines."""
        glyph = self._glyph
        glyph.fill(0)
        glyph.rect(0, 0, self._em - 1, self.height, 1)
        columns = 2 if code < 0x10000 else 3
        scale = self._em // 16
        left = (self._em - 1 - (4 * columns - 1) * scale) // 2
        top = (self.height - 11 * scale) // 2
        for position in range(2 * columns):
            digit = code >> 4 * (2 * columns - 1 - position) & 15
            line, column = divmod(position, columns)
            for row in range(5):
                for bit in range(3):
                    if _DIGITS[5 * digit + row] >> 2 - bit & 1:
                        x = left + (4 * column + bit) * scale
                        y = top + (6 * line + row) * scale
                        glyph.fill_rect(x, y, scale, scale, 1)


def _code_points(text: str) -> "Iterator[int]":
    """By hand: to take characters out of a str makes MicroPython keep each of them in memory for good."""
    code = more = 0
    for byte in text.encode():
        if byte < 0x80:
            code = byte
        elif byte < 0xC0:
            code = code << 6 | byte & 0x3F
            more -= 1
        elif byte < 0xE0:
            code, more = byte & 0x1F, 1
        elif byte < 0xF0:
            code, more = byte & 0x0F, 2
        else:
            code, more = byte & 0x07, 3
        if not more:
            yield code
