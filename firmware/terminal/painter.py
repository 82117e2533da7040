"""Paints what the view lists, band by band, and only the bands in which something has changed."""

import framebuf

from terminal import icons, layout
from terminal.font import Font
from terminal.view import BOX, CLOCK, ICON, LARGE, PERSON, ROUND_BOX, SIGNAL, SMALL, TRAY, WHITE, View
from terminal.words import Words

TYPE_CHECKING = False
if TYPE_CHECKING:
    from terminal.hardware import Display
    from terminal.panel import Status
    from terminal.stage import Act

FONTS = ("/ui_16.font", "/ui_24.font", "/ui_32.font")  # in the order of view.SMALL, MEDIUM, LARGE
BANDS = layout.HEIGHT // layout.BAND_ROWS


class Painter:
    def __init__(self, display: "Display", assets: str) -> None:
        self._display = display
        self._assets = assets
        self._band = bytearray(layout.WIDTH * layout.BAND_ROWS * 2)
        self._frame = framebuf.FrameBuffer(self._band, layout.WIDTH, layout.BAND_ROWS, framebuf.RGB565)
        self._fonts = []
        self._view: "View | None" = None
        self._items = []
        self._due = (1 << BANDS) - 1  # bands to paint, a bit each

    def open_next(self) -> bool:
        """Opens one more asset: each is checked from end to end. False when all are open. Raises AssetInvalid."""
        if self._view:
            return False
        if len(self._fonts) < len(FONTS):
            self._fonts.append(Font(self._assets + FONTS[len(self._fonts)]))
        else:
            self._view = View(Words(self._assets + "/words.bin"), self._fonts)
        return True

    def show(self, act: "Act | None", status: "Status", language: str) -> None:
        """Finds what has changed; `step` paints it. Raises AssetInvalid."""
        if self._view is None:
            return
        items = self._view.items(act, status, language)
        for item in items:
            if item not in self._items:
                self._mark(item)
        for item in self._items:
            if item not in items:
                self._mark(item)
        self._items = items

    def step(self) -> bool:
        """Paints one band; False when none was left. Raises AssetInvalid."""
        due = self._due
        if not due:
            return False
        band = 0
        while not due >> band & 1:
            band += 1
        self._due = due & ~(1 << band)
        top = band * layout.BAND_ROWS
        self._frame.fill(WHITE)
        for item in self._items:
            if item[2] < top + layout.BAND_ROWS and item[2] + item[4] > top:
                self._draw(item, top)
        self._display.blit(top, memoryview(self._band))
        if not self._due:
            self._display.present()
        return True

    def _mark(self, item: tuple) -> None:
        first = max(0, item[2] // layout.BAND_ROWS)
        last = min(BANDS - 1, (item[2] + item[4] - 1) // layout.BAND_ROWS)
        for band in range(first, last + 1):
            self._due |= 1 << band

    def _draw(self, item: tuple, top: int) -> None:
        kind, x, y, width, height, what, colour = item
        frame = self._frame
        y -= top
        if kind == BOX:
            frame.fill_rect(x, y, width, height, colour)
        elif kind <= LARGE:
            self._fonts[kind].draw(frame, what, x, y, colour)
        elif kind == ROUND_BOX:
            icons.round_box(frame, x, y, width, height, what, colour)
        elif kind == PERSON:
            font = self._fonts[SMALL]
            person = what.person or ""
            font.draw(frame, person, x + (width - font.width(person)) // 2, y + (height - font.height) // 2, colour)
        elif kind == ICON:
            icons.draw(what, icons.Pen(frame, x, y, width, WHITE, colour))
        elif kind == SIGNAL:
            icons.signal(frame, x, y, what, colour)
        elif kind == TRAY:
            icons.tray(frame, x, y, colour)
        elif kind == CLOCK:
            icons.clock(frame, x, y, colour)
