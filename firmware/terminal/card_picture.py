"""The picture that some reader modules send behind a card's photo: a BMP of 24 bits, kept in memory and nowhere else.

Reader facts §1.6 and §6. A module may send a JPEG instead, which nothing here can read: then there is no picture.
"""

import struct

from terminal.face.frame import RGB888, Frame, overwrite

TYPE_CHECKING = False
if TYPE_CHECKING:
    Piece = bytes | bytearray | memoryview

WIDTH, HEIGHT = 102, 126
ROW_BYTES = 308  # three a pixel, filled up to a multiple of four
HEADER_BYTES = 54
BMP_BYTES = HEADER_BYTES + ROW_BYTES * HEIGHT
# mark, size, nothing, start of the rows; size of this part, width, height, planes, bits, compression
_HEADER = "<2sIIIIiiHHI"


class CardPicture:
    """One for all cards: a torn heap may have no room for a second. `feed` is for `Reader`'s `on_picture`."""

    def __init__(self) -> None:
        self._buffer = bytearray(BMP_BYTES)
        self._size = 0  # bytes that came, also those for which there was no room

    def feed(self, piece: "Piece") -> None:
        """The next bytes; none: forget those that came."""
        if not len(piece):
            self.wipe()
            return
        start, self._size = self._size, self._size + len(piece)
        if self._size <= BMP_BYTES:
            self._buffer[start : self._size] = piece

    def frame(self) -> "Frame | None":
        """In the same memory, once; None where no whole picture of the right kind came. The caller overwrites it."""
        is_whole, self._size = self._size == BMP_BYTES, 0
        if not is_whole or not self._has_header():
            self.wipe()
            return None
        is_bottom_up = self._buffer[25] < 128  # the sign of the height
        self._close_up()
        if is_bottom_up:
            self._turn_over()
        return Frame(memoryview(self._buffer)[: 3 * WIDTH * HEIGHT], WIDTH, HEIGHT, RGB888)

    def wipe(self) -> None:
        overwrite(self._buffer)
        self._size = 0

    def _has_header(self) -> bool:
        mark, _, _, start, size, width, height, planes, bits, compression = struct.unpack_from(_HEADER, self._buffer)
        shape = (start, size, width, abs(height), planes, bits, compression)
        return mark == b"BM" and shape == (HEADER_BYTES, 40, WIDTH, HEIGHT, 1, 24, 0)

    def _close_up(self) -> None:
        """Rows of red, green, blue without a gap, from those of blue, green, red."""
        buffer, at = self._buffer, 0
        for row in range(HEADER_BYTES, BMP_BYTES, ROW_BYTES):
            for pixel in range(row, row + 3 * WIDTH, 3):
                blue = buffer[pixel]  # what is written never lies before what is read next
                buffer[at], buffer[at + 1], buffer[at + 2] = buffer[pixel + 2], buffer[pixel + 1], blue
                at += 3

    def _turn_over(self) -> None:
        buffer, row_bytes = self._buffer, 3 * WIDTH
        for y in range(HEIGHT // 2):
            upper, lower = y * row_bytes, (HEIGHT - 1 - y) * row_bytes
            kept = buffer[upper : upper + row_bytes]
            buffer[upper : upper + row_bytes] = buffer[lower : lower + row_bytes]
            buffer[lower : lower + row_bytes] = kept
            overwrite(kept)
