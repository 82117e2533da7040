"""terminal.font: pixels as in the file, clipped to the band; what the font lacks shows its code point.

Needs framebuf: skipped on CPython.
"""

import gc
import struct

import damage
from harness import ROOT, raises, skip
from terminal.errors import AssetInvalid

try:
    import framebuf
    from terminal.font import Font
except ImportError:  # CPython
    framebuf = None

ASSETS = ROOT + "/firmware/assets/"
SIZES = ("ui_16.font", "ui_24.font", "ui_32.font")
HEIGHT = 16
# Pictures of two glyphs, one beyond the basic plane.
GLYPHS = (
    (0x41, 5, ("..#..", ".#.#.", "#...#", "#####", "#...#")),
    (0x20BB7, 8, ("########", "#......#", "...##...", "########", "..#..#..")),
)
WHITE, RED, GROUND = 0xFFFF, 0xF800, 0x1234


def encoded(glyphs: tuple = GLYPHS) -> bytes:
    index = b"".join(struct.pack("<I", code << 8 | width) for code, width, _ in glyphs)
    cells = b"".join(cell(picture) for _, _, picture in glyphs)
    return damage.sealed(b"SFN1", struct.pack("<BBH", HEIGHT, 2, len(glyphs)) + index + cells)


def cell(picture: tuple) -> bytes:
    rows = [sum(1 << 15 - x for x in range(len(line)) if line[x] == "#") for line in picture]
    return b"".join(struct.pack(">H", row) for row in rows + [0] * (HEIGHT - len(rows)))


def line_of(row: bytes) -> str:
    return "".join("#" if row[x >> 3] >> 7 - (x & 7) & 1 else "." for x in range(8 * len(row)))


def font(glyphs: tuple = GLYPHS) -> "Font":
    if framebuf is None:
        skip("CPython has no framebuf")
    return Font(damage.written(encoded(glyphs)))


def built(name: str) -> "Font":
    if framebuf is None:
        skip("CPython has no framebuf")
    return Font(ASSETS + name)


class Band:
    def __init__(self, width: int = 40, height: int = 20) -> None:
        self.width, self.height = width, height
        self.frame = framebuf.FrameBuffer(bytearray(2 * width * height), width, height, framebuf.RGB565)
        self.frame.fill(GROUND)

    def picture(self, colour: int = WHITE) -> list:
        """Its lines, without the empty ends. Any colour that was not asked for fails the test."""
        lines = []
        for y in range(self.height):
            pixels = [self.frame.pixel(x, y) for x in range(self.width)]
            assert all(pixel in (colour, GROUND) for pixel in pixels), "another colour in line %d" % y
            lines.append("".join("#" if pixel == colour else "." for pixel in pixels).rstrip("."))
        while lines and not lines[-1]:
            lines.pop()
        return lines


def drawn(text: str, x: int, y: int, height: int = 20) -> list:
    own = font()
    band = Band(height=height)
    own.draw(band.frame, text, x, y, WHITE)
    return band.picture()


def trimmed(*lines: str) -> list:
    return [line.rstrip(".") for line in lines]


def test_glyphs_stand_side_by_side_on_the_ground_as_it_is() -> None:
    a, ji = GLYPHS[0][2], GLYPHS[1][2]
    assert drawn("A\U00020bb7", 2, 1) == [""] + trimmed(*(".." + a[i] + ji[i] for i in range(5)))


def test_drawing_returns_the_x_after_the_text() -> None:
    own = font()
    for y in (0, -5, -16, -40, 19, 20, 400):
        assert own.draw(Band().frame, "A\U00020bb7A", 3, y, WHITE) == 3 + 5 + 8 + 5, y
    assert own.draw(Band().frame, "", 3, 0, WHITE) == 3


def test_width_is_what_drawing_advances() -> None:
    own = font()
    for text in ("", "A", "A\U00020bb7", "A?", "测"):
        assert own.width(text) == own.draw(Band().frame, text, 0, 0, WHITE), text


def test_bands_put_together_are_the_whole_picture() -> None:
    whole = drawn("A\U00020bb7?", 1, 3, height=32)
    parts = []
    for top in range(0, 32, 4):
        part = drawn("A\U00020bb7?", 1, 3 - top, height=4)
        parts += part + [""] * (4 - len(part))
    while not parts[-1]:
        parts.pop()
    assert parts == whole


def test_text_beyond_the_sides_is_clipped() -> None:
    assert drawn("A", -3, 0) == ["", "#", ".#", "##", ".#"]
    assert drawn("A", 38, 0) == trimmed("." * 40, "." * 39 + "#", "." * 38 + "#", "." * 38 + "##", "." * 38 + "#")


def test_every_colour_is_drawn_as_it_is() -> None:
    own = font()
    for colour in (0x0000, 0x0001, 0xFFFF, 0xFFFE, RED):
        band = Band()
        own.draw(band.frame, "A", 0, 0, colour)
        assert band.picture(colour)[0] == "..#", colour


def test_a_missing_character_shows_its_code_point() -> None:
    assert drawn("测", 0, 0) == [  # U+6D4B
        "###############",
        "#.............#",
        "#...###.##....#",
        "#...#...#.#...#",
        "#...###.#.#...#",
        "#...#.#.#.#...#",
        "#...###.##....#",
        "#.............#",
        "#...#.#.##....#",
        "#...#.#.#.#...#",
        "#...###.##....#",
        "#.....#.#.#...#",
        "#.....#.##....#",
        "#.............#",
        "#.............#",
        "###############",
    ]


def test_code_points_beyond_the_basic_plane_have_six_digits() -> None:
    assert drawn("\U0001f600", 0, 0) == [
        "###############",
        "#.............#",
        "#.###..#..###.#",
        "#.#.#.##..#...#",
        "#.#.#..#..###.#",
        "#.#.#..#..#...#",
        "#.###.###.#...#",
        "#.............#",
        "#.###.###.###.#",
        "#.#...#.#.#.#.#",
        "#.###.#.#.#.#.#",
        "#.#.#.#.#.#.#.#",
        "#.###.###.###.#",
        "#.............#",
        "#.............#",
        "###############",
    ]


def test_no_two_missing_characters_look_alike() -> None:
    seen = {}
    for digits in ("0123", "4567", "89ab", "cdef", "fedc", "0", "10000", "20000", "10ffff"):
        picture = tuple(drawn(chr(int(digits, 16)), 0, 0))
        assert picture not in seen, digits
        seen[picture] = digits


def test_neighbours_of_a_code_point_that_is_there_are_missing() -> None:
    own = font()
    for code, width in ((0x40, 16), (0x41, 5), (0x42, 16), (0x20BB6, 16), (0x20BB7, 8), (0x20BB8, 16), (0xBB7, 16)):
        assert own.width(chr(code)) == width, hex(code)


def test_a_font_without_glyphs_shows_code_points() -> None:
    assert font(()).width("A") == 16


def test_drawing_keeps_no_characters() -> None:
    """MicroPython interns a one-character str for good: a name must leave nothing behind."""
    own = built("ui_16.font")
    frame = Band().frame
    gc.collect()
    before = gc.mem_alloc()
    for code in range(0x4E00, 0x5600, 8):  # 2048 characters: 40 KB once they are interned
        utf8 = [(0xE0 | c >> 12, 0x80 | c >> 6 & 63, 0x80 | c & 63) for c in range(code, code + 8)]
        own.draw(frame, str(b"".join(bytes(c) for c in utf8), "utf-8"), 0, 0, WHITE)
    utf8 = None
    gc.collect()
    assert gc.mem_alloc() - before < 8192, gc.mem_alloc() - before


def test_built_fonts_draw_what_the_file_says() -> None:
    for name in SIZES:
        own = built(name)
        with open(ASSETS + name, "rb") as file:
            data = file.read()
        height, row_bytes, count = struct.unpack("<BBH", data[8:12])
        assert own.height == height
        for place in range(0, count, 7):
            (entry,) = struct.unpack("<I", data[12 + 4 * place : 16 + 4 * place])
            start = 12 + 4 * count + place * height * row_bytes
            band = Band(row_bytes * 8, height)
            assert own.draw(band.frame, chr(entry >> 8), 0, 0, WHITE) == entry & 0xFF
            bits = [data[start + y * row_bytes : start + (y + 1) * row_bytes] for y in range(height)]
            expected = [
                "".join("#" if row[x >> 3] >> 7 - (x & 7) & 1 else "." for x in range(row_bytes * 8)) for row in bits
            ]
            got = band.picture()
            assert got + [""] * (height - len(got)) == trimmed(*expected), hex(entry >> 8)


def test_damaged_files_are_invalid() -> None:
    font()
    data = encoded()
    damage.refuses_every_truncation(data, Font)
    damage.refuses_every_flipped_bit(data, Font)
    raises(AssetInvalid, Font, ROOT + "/build/absent.font")
    raises(AssetInvalid, Font, ASSETS + "words.bin")


def test_nonsense_behind_a_right_crc_draws_or_is_invalid() -> None:
    font()

    def draw(path: str) -> None:
        Font(path).draw(Band().frame, "A\U00020bb7?", 0, 0, WHITE)

    refused = damage.survives_bytes_behind_a_right_crc(encoded(), draw, 500, 5)
    assert 0 < refused < 500


def test_open_fonts_and_words_fit_the_heap() -> None:
    font()
    from terminal.words import Words

    gc.collect()
    before = gc.mem_alloc()
    kept = [built(name) for name in SIZES], Words(ASSETS + "words.bin")
    gc.collect()
    used = gc.mem_alloc() - before
    assert kept and used < 8192, used
