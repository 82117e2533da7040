"""Icons on a grid of 48 x 48, drawn with framebuf's primitives at any size: white on a tile in the scene's tone."""

from array import array

TYPE_CHECKING = False
if TYPE_CHECKING:
    from framebuf import FrameBuffer

GRID = 48
_TOP_HALF, _BOTTOM_HALF = 0b0011, 0b1100  # quadrants of framebuf's ellipse


class Pen:
    """Draws in the grid; `white` and `tile` are the two colours."""

    def __init__(self, frame: "FrameBuffer", left: int, top: int, size: int, white: int, tile: int) -> None:
        self._frame = frame
        self._left = left
        self._top = top
        self._size = size
        self.white = white
        self.tile = tile

    def box(self, x: int, y: int, width: int, height: int, colour: int) -> None:
        left, top = self._scaled(x), self._scaled(y)
        width, height = self._scaled(x + width) - left, self._scaled(y + height) - top
        self._frame.fill_rect(self._left + left, self._top + top, width, height, colour)

    def disc(self, x: int, y: int, radius: int, colour: int, quadrants: int = 0b1111) -> None:
        self.oval(x, y, radius, radius, colour, quadrants)

    def oval(self, x: int, y: int, across: int, down: int, colour: int, quadrants: int = 0b1111) -> None:
        x, y = self._left + self._scaled(x), self._top + self._scaled(y)
        self._frame.ellipse(x, y, self._scaled(across), self._scaled(down), colour, True, quadrants)

    def shape(self, corners: bytes, colour: int) -> None:
        """A filled polygon: x, y, x, y, ..."""
        scaled = array("h", (self._scaled(place) for place in corners))
        self._frame.poly(self._left, self._top, scaled, colour, True)

    def round_box(self, x: int, y: int, width: int, height: int, radius: int, colour: int) -> None:
        left, top = self._scaled(x), self._scaled(y)
        width, height = self._scaled(x + width) - left, self._scaled(y + height) - top
        round_box(self._frame, self._left + left, self._top + top, width, height, self._scaled(radius), colour)

    def _scaled(self, place: int) -> int:
        return place * self._size // GRID


def round_box(frame: "FrameBuffer", x: int, y: int, width: int, height: int, radius: int, colour: int) -> None:
    frame.fill_rect(x + radius, y, width - 2 * radius, height, colour)
    frame.fill_rect(x, y + radius, width, height - 2 * radius, colour)
    for corner_x in (x + radius, x + width - radius - 1):
        for corner_y in (y + radius, y + height - radius - 1):
            frame.ellipse(corner_x, corner_y, radius, radius, colour, True)


# --- small ones of the staff line, 16 high


def signal(frame: "FrameBuffer", x: int, y: int, is_up: bool, colour: int) -> None:
    """Four bars; outlines only when there is no link."""
    for i in range(4):
        height = 4 + 4 * i
        if is_up:
            frame.fill_rect(x + 5 * i, y + 16 - height, 3, height, colour)
        else:
            frame.rect(x + 5 * i, y + 16 - height, 3, height, colour)


def tray(frame: "FrameBuffer", x: int, y: int, colour: int) -> None:
    """Sheets that wait to be taken."""
    frame.fill_rect(x, y + 9, 2, 6, colour)
    frame.fill_rect(x + 14, y + 9, 2, 6, colour)
    frame.fill_rect(x, y + 14, 16, 2, colour)
    for row in (2, 6, 10):
        frame.fill_rect(x + 4, y + row, 8, 2, colour)


def clock(frame: "FrameBuffer", x: int, y: int, colour: int) -> None:
    frame.ellipse(x + 8, y + 8, 7, 7, colour)
    frame.ellipse(x + 8, y + 8, 6, 6, colour)
    frame.fill_rect(x + 8, y + 4, 2, 6, colour)
    frame.fill_rect(x + 8, y + 8, 4, 2, colour)


# --- the large ones


def draw(name: str, pen: Pen) -> None:
    pen.round_box(0, 0, GRID, GRID, 9, pen.tile)
    _ICONS[name](pen)


def _card(pen: Pen, top: int = 13) -> None:
    """An ID card, its photo on the right."""
    tile = pen.tile
    pen.round_box(8, top, 32, 22, 3, pen.white)
    pen.box(27, top + 5, 9, 12, tile)
    pen.box(12, top + 5, 11, 2, tile)
    pen.box(12, top + 10, 8, 2, tile)
    pen.box(12, top + 15, 11, 2, tile)


def _card_down(pen: Pen) -> None:
    _card(pen, 21)
    pen.box(22, 4, 4, 8, pen.white)
    pen.shape(b"\x10\x0b\x20\x0b\x18\x13", pen.white)


def _card_up(pen: Pen) -> None:
    _card(pen, 21)
    pen.box(22, 11, 4, 8, pen.white)
    pen.shape(b"\x10\x0c\x20\x0c\x18\x04", pen.white)


def _card_waves(pen: Pen) -> None:
    for radius, colour in ((15, pen.white), (12, pen.tile), (9, pen.white), (6, pen.tile)):
        pen.disc(24, 20, radius, colour, _TOP_HALF)
    pen.disc(24, 18, 3, pen.white)
    _card(pen, 22)


def _check(pen: Pen) -> None:
    pen.shape(b"\x0a\x19\x0f\x14\x15\x1a\x22\x0d\x27\x12\x15\x24", pen.white)


def _cross(pen: Pen) -> None:
    pen.shape(b"\x0c\x11\x11\x0c\x24\x1f\x1f\x24", pen.white)
    pen.shape(b"\x1f\x0c\x24\x11\x11\x24\x0c\x1f", pen.white)


def _warning(pen: Pen) -> None:
    pen.shape(b"\x18\x06\x2b\x28\x05\x28", pen.white)
    pen.box(22, 18, 4, 11, pen.tile)
    pen.box(22, 32, 4, 4, pen.tile)


def _lock(pen: Pen, left: int = 12, top: int = 8) -> None:
    middle = left + 12
    pen.disc(middle, top + 9, 9, pen.white, _TOP_HALF)
    pen.disc(middle, top + 9, 5, pen.tile, _TOP_HALF)
    pen.box(middle - 9, top + 9, 4, 7, pen.white)
    pen.box(middle + 6, top + 9, 4, 7, pen.white)
    pen.round_box(left, top + 14, 25, 18, 3, pen.white)
    pen.disc(middle, top + 21, 3, pen.tile)
    pen.box(middle - 1, top + 22, 3, 6, pen.tile)


def _hourglass(pen: Pen) -> None:
    pen.box(12, 8, 24, 4, pen.white)
    pen.box(12, 36, 24, 4, pen.white)
    pen.shape(b"\x0f\x0d\x21\x0d\x18\x18", pen.white)
    pen.shape(b"\x18\x18\x21\x23\x0f\x23", pen.white)


def _cloud(pen: Pen) -> None:
    pen.disc(15, 27, 9, pen.white)
    pen.disc(24, 20, 11, pen.white)
    pen.disc(34, 27, 8, pen.white)
    pen.box(15, 26, 20, 11, pen.white)


def _sealed(pen: Pen) -> None:
    """A closed lock in a cloud: kept, for no eyes here."""
    _cloud(pen)
    tile = pen.tile
    pen.disc(24, 22, 6, tile, _TOP_HALF)
    pen.disc(24, 22, 3, pen.white, _TOP_HALF)
    pen.box(18, 22, 3, 3, tile)
    pen.box(28, 22, 3, 3, tile)
    pen.box(16, 24, 17, 10, tile)


def _delivered(pen: Pen) -> None:
    _cloud(pen)
    pen.shape(b"\x10\x19\x13\x16\x17\x1a\x1e\x12\x21\x15\x17\x20", pen.tile)


def _face_at(pen: Pen, x: int = 24, y: int = 24, size: int = 16, look_x: int = 0, look_y: int = 0) -> None:
    """A face `size` high above its middle; it looks aside by so much."""
    pen.oval(x, y, size * 13 // 16, size, pen.white)
    across, eye = size * 6 // 16, max(1, size // 7)
    for side in (-across, across):
        pen.disc(x + side + look_x, y - size // 5 + look_y, eye, pen.tile)
    pen.oval(x + look_x, y + size * 3 // 8 + look_y, across, size // 4, pen.tile, _BOTTOM_HALF)


def _face(pen: Pen) -> None:
    """Within the corners of a view finder."""
    for x, y in ((5, 5), (34, 5), (5, 41), (34, 41)):
        pen.box(x, y, 9, 3, pen.white)
    for x, y in ((5, 5), (40, 5), (5, 35), (40, 35)):
        pen.box(x, y, 3, 9, pen.white)
    _face_at(pen, size=13)


def _face_closer(pen: Pen) -> None:
    """Arrows that point out of the picture."""
    _face_at(pen, size=11)
    for corners in (b"\x05\x05\x0f\x05\x05\x0f", b"\x2b\x05\x2b\x0f\x21\x05"):
        pen.shape(corners, pen.white)
    for corners in (b"\x05\x2b\x05\x21\x0f\x2b", b"\x2b\x2b\x21\x2b\x2b\x21"):
        pen.shape(corners, pen.white)


def _face_farther(pen: Pen) -> None:
    """Arrows that point into it."""
    _face_at(pen, size=11)
    for corners in (b"\x0f\x0f\x05\x0f\x0f\x05", b"\x21\x0f\x21\x05\x2b\x0f"):
        pen.shape(corners, pen.white)
    for corners in (b"\x0f\x21\x0f\x2b\x05\x21", b"\x21\x21\x2b\x21\x21\x2b"):
        pen.shape(corners, pen.white)


def _face_center(pen: Pen) -> None:
    """Arrows from all sides."""
    _face_at(pen, size=12)
    for corners in (b"\x04\x12\x0b\x18\x04\x1e", b"\x2c\x12\x2c\x1e\x25\x18"):
        pen.shape(corners, pen.white)
    for corners in (b"\x12\x03\x1e\x03\x18\x09", b"\x12\x2d\x18\x27\x1e\x2d"):
        pen.shape(corners, pen.white)


def _face_lighter(pen: Pen) -> None:
    """A sun."""
    pen.disc(24, 24, 9, pen.white)
    for x, y, width, height in ((22, 5, 4, 6), (22, 37, 4, 6), (5, 22, 6, 4), (37, 22, 6, 4)):
        pen.box(x, y, width, height, pen.white)
    for corners in (b"\x09\x0c\x0c\x09\x11\x0e\x0e\x11", b"\x24\x09\x27\x0c\x22\x11\x1f\x0e"):
        pen.shape(corners, pen.white)
    for corners in (b"\x09\x24\x0e\x1f\x11\x22\x0c\x27", b"\x1f\x22\x22\x1f\x27\x24\x24\x27"):
        pen.shape(corners, pen.white)


def _face_mouth(pen: Pen) -> None:
    pen.oval(24, 24, 13, 17, pen.white)
    for x in (18, 30):
        pen.disc(x, 18, 2, pen.tile)
    pen.oval(24, 31, 5, 6, pen.tile)


def _face_left(pen: Pen) -> None:
    _face_at(pen, 29, 24, 16, -3)
    pen.shape(b"\x04\x18\x0c\x10\x0c\x20", pen.white)


def _face_right(pen: Pen) -> None:
    _face_at(pen, 19, 24, 16, 3)
    pen.shape(b"\x2c\x18\x24\x20\x24\x10", pen.white)


def _face_alone(pen: Pen) -> None:
    """No second one."""
    _face_at(pen, 16, 20, 15)
    pen.oval(35, 22, 8, 10, pen.white)
    _corner_cross(pen)


def _face_glare(pen: Pen) -> None:
    """No sun."""
    _face_lighter(pen)
    _corner_cross(pen)


def _face_neutral(pen: Pen) -> None:
    """A mouth that is a line."""
    pen.oval(24, 24, 13, 17, pen.white)
    for x in (18, 30):
        pen.disc(x, 18, 2, pen.tile)
    pen.box(18, 30, 13, 3, pen.tile)


def _face_stay(pen: Pen) -> None:
    """The sign for a pause."""
    _face_at(pen, 17, 24, 16)
    pen.box(33, 15, 4, 18, pen.white)
    pen.box(40, 15, 4, 18, pen.white)


def _face_back(pen: Pen) -> None:
    """Arrows from both sides."""
    _face_at(pen, 24, 24, 15)
    pen.shape(b"\x04\x10\x0b\x18\x04\x20", pen.white)
    pen.shape(b"\x2c\x10\x2c\x20\x25\x18", pen.white)


def _face_again(pen: Pen) -> None:
    """Once more round."""
    pen.disc(23, 24, 18, pen.white)
    pen.disc(23, 24, 14, pen.tile)
    pen.shape(b"\x17\x18\x2d\x0b\x2d\x18", pen.tile)
    pen.shape(b"\x20\x17\x2d\x17\x27\x0d", pen.white)
    _face_at(pen, 23, 24, 10)


def _face_cross(pen: Pen) -> None:
    pen.oval(21, 22, 13, 16, pen.white)
    for x in (15, 27):
        pen.disc(x, 19, 2, pen.tile)
    pen.oval(21, 32, 6, 4, pen.tile, _TOP_HALF)
    _corner_cross(pen)


def _corner_cross(pen: Pen) -> None:
    pen.disc(35, 35, 11, pen.tile)
    pen.shape(b"\x1c\x1f\x1f\x1c\x2a\x27\x27\x2a", pen.white)
    pen.shape(b"\x27\x1c\x2a\x1f\x1f\x2a\x1c\x27", pen.white)


_ICONS = {
    "card": _card,
    "card-down": _card_down,
    "card-up": _card_up,
    "card-waves": _card_waves,
    "check": _check,
    "cross": _cross,
    "warning": _warning,
    "lock": _lock,
    "hourglass": _hourglass,
    "sealed": _sealed,
    "delivered": _delivered,
    "face": _face,
    "face-alone": _face_alone,
    "face-closer": _face_closer,
    "face-farther": _face_farther,
    "face-center": _face_center,
    "face-lighter": _face_lighter,
    "face-glare": _face_glare,
    "face-neutral": _face_neutral,
    "face-mouth": _face_mouth,
    "face-left": _face_left,
    "face-right": _face_right,
    "face-stay": _face_stay,
    "face-back": _face_back,
    "face-again": _face_again,
    "face-cross": _face_cross,
}
