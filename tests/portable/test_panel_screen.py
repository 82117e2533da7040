"""The panel's screen: what is painted when, and what is left of a person. Needs framebuf, which CPython has not."""

import asyncio
import gc

from harness import ROOT, skip
from terminal import layout
from terminal.layout import BAND_ROWS
from terminal.panel import CANCEL, POLL_MS, Panel

try:
    import framebuf  # noqa: F401
except ImportError:
    framebuf = None

ASSETS = ROOT + "/firmware/assets"
PERSON = "测＊＊ ＊＊＊0017"
BANDS = layout.HEIGHT // BAND_ROWS


class Board:
    """With a screen that remembers what was painted, and in which order."""

    width, height = 320, 240

    def __init__(self, assets: str = ASSETS) -> None:
        if framebuf is None:
            skip("no framebuf")
        self.assets = assets
        self.display = self.light = self.buzzer = self.buttons = self
        self.pixels = bytearray(self.width * self.height * 2)
        self.painted = []
        self.pictures = 0
        self.pressed = 0
        self.lights = []
        self.told = []
        self.now = 0
        self.panel = Panel(self)

    def blit(self, y: int, band: memoryview) -> None:
        start = y * self.width * 2
        self.pixels[start : start + len(band)] = band
        self.painted.append(y)

    def present(self) -> None:
        self.pictures += 1

    def set(self, rgb: int) -> None:
        self.lights.append(rgb)

    def tone(self, hz: int) -> None:
        """Not listened to."""

    def held(self) -> int:
        return self.pressed

    def tell(self, state: str, code: "str | None", value: "int | None") -> None:
        self.told.append((state, code))

    def settle(self) -> None:
        while self.panel.step(self.now):
            pass

    def show(self, state: str, code: "str | None" = None, value: "int | None" = None) -> list:
        """Returns which bands were painted."""
        self.settle()
        self.painted.clear()
        self.panel.show(state, code, value)
        self.settle()
        return self.painted


def test_no_pass_paints_more_than_one_band() -> None:
    board = Board()
    board.panel.show("idle")
    more, before = True, 0
    while more:
        more = board.panel.step(0)
        assert len(board.painted) <= before + 1
        before = len(board.painted)
    assert board.painted == [BAND_ROWS * band for band in range(BANDS)]
    assert board.pictures == 1


def test_nothing_is_painted_while_nothing_changes() -> None:
    board = Board()
    board.show("idle")
    assert board.show("idle") == []
    assert board.show("found") and board.show("reading") == [], "the same words, the same picture"


def test_staff_line_is_painted_alone() -> None:
    board = Board()
    board.show("idle")
    for state, value in (("online", None), ("waiting", 3), ("waiting", 1234), ("clock", 1)):
        assert board.show(state, None, value) == [0, 8, 16], state


def test_progress_paints_its_bar_alone() -> None:
    board = Board()
    board.show("hold", None, 100)
    assert board.show("hold", None, 200) == [200, 208]
    assert board.show("hold", None, 200) == []


def test_change_in_the_middle_of_a_picture_leaves_the_right_one() -> None:
    straight = Board()
    straight.show("refused", "card-expired")
    for passes in range(1, BANDS + 4):
        board = Board()
        board.settle()
        board.panel.show("reading")
        for _ in range(passes):
            board.panel.step(0)
        board.show("refused", "card-expired")
        assert board.pixels == straight.pixels, passes


def test_language_button_repaints_in_a_tenth_of_a_second() -> None:
    board = Board()
    board.show("ready")
    board.pressed = 4
    for now in (0, POLL_MS, 2 * POLL_MS, 3 * POLL_MS):
        board.now = now
        board.settle()
    english = Board()
    english.panel.speak("en")
    english.show("ready")
    assert board.pixels == english.pixels


def test_person_leaves_screen_and_memory_with_the_next_scene() -> None:
    board = read()
    assert says(board.panel, PERSON)
    board.panel.show("ready")
    board.now += 1000
    board.settle()
    assert_forgotten(board, "ready")


def test_person_leaves_screen_and_memory_when_cancelled() -> None:
    board = read()
    board.panel.on_cancel = lambda: None
    board.pressed = CANCEL
    for _ in range(3):
        board.now += POLL_MS
        board.settle()
    assert_forgotten(board, "cancelling")


def read() -> Board:
    """A board that shows whose card was read."""
    board = Board()
    board.show("read")
    anonymous = bytes(board.pixels)
    board.panel.show_person(PERSON)
    board.settle()
    assert board.pixels != anonymous
    return board


def assert_forgotten(board: Board, state: str) -> None:
    other = Board()
    other.show(state)
    assert board.pixels == other.pixels
    gc.collect()
    assert not says(board.panel, PERSON)


def says(thing: object, text: str, depth: int = 12) -> bool:
    """Whether the text is within reach of a thing."""
    if isinstance(thing, str):
        return text in thing
    if isinstance(thing, (list, tuple)):
        return any(says(item, text, depth) for item in thing)
    if isinstance(thing, dict):
        return any(says(item, text, depth) for item in thing.values())
    if depth and hasattr(thing, "__dict__") and not isinstance(thing, (type, Board)):
        return any(says(item, text, depth - 1) for item in thing.__dict__.values())
    return False


def test_without_assets_light_and_sound_go_on_and_the_technician_is_told() -> None:
    board = Board(assets=ROOT + "/firmware")
    board.show("refused", "card-expired")
    assert board.told == [("fault", "asset-invalid"), ("refused", "card-expired")]
    assert board.lights == [0xFF0000]
    assert board.show("idle") == []


def test_without_a_display_that_works_light_and_sound_go_on() -> None:
    board = Board()
    board.show("idle")

    def fail(y: int, band: memoryview) -> None:
        raise OSError(5)

    board.blit = fail
    board.show("refused", "card-expired")
    assert board.told[-1] == ("fault", "internal")
    assert board.lights == [0xFF0000]


def test_task_paints_and_reports() -> None:
    board = Board()
    beats = []

    async def until_painted() -> None:
        task = asyncio.create_task(board.panel.run(lambda within_ms=0: beats.append(within_ms)))
        board.panel.show("idle")
        while not board.pictures:
            await asyncio.sleep(0)
        task.cancel()

    asyncio.run(asyncio.wait_for(until_painted(), 10))
    assert len(beats) >= BANDS
    expected = Board()
    expected.show("idle")
    assert board.pixels == expected.pixels


def test_settling_ends_with_the_whole_picture() -> None:
    board = Board()
    board.panel.show("fault", "config-invalid")
    asyncio.run(board.panel.settle())
    expected = Board()
    expected.show("fault", "config-invalid")
    assert board.pixels == expected.pixels


def test_panel_fits_the_heap_of_a_terminal() -> None:
    """Measured on a 64-bit port, where objects take twice what they do on a terminal; modules are not counted."""
    read()  # all modules are there
    gc.collect()
    if not hasattr(gc, "mem_alloc"):
        skip("no gc.mem_alloc")
    before = gc.mem_alloc()
    board = Board()
    for state, code in (("idle", None), ("refused", "card-unsupported"), ("challenge-left", None), ("read", None)):
        board.show(state, code)
    gc.collect()
    used = gc.mem_alloc() - before - len(board.pixels)
    print("panel:", used, "bytes")
    assert used < 25_000
