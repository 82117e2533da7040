"""PNG of our own against an independent decoder's view of the format, and against damage."""

import random
import struct
import zlib

import pytest

from tools.emulator.picture import PictureInvalid, pixels_of_png, png_of_rgb, png_of_rgb565, rgb_of_rgb565


def test_colours_of_rgb565() -> None:
    data = struct.pack(">5H", 0x0000, 0xFFFF, 0xF800, 0x07E0, 0x001F)
    assert rgb_of_rgb565(data) == bytes((0, 0, 0, 255, 255, 255, 255, 0, 0, 0, 255, 0, 0, 0, 255))


@pytest.mark.parametrize("colours", [1, 2, 256, 257, 4000], ids=str)
def test_picture_comes_back(colours: int) -> None:
    randomly = random.Random(colours)
    palette = [randomly.randbytes(3) for _ in range(colours)]
    rgb = b"".join(palette + [randomly.choice(palette) for _ in range(64 * 64 - colours)])
    assert pixels_of_png(png_of_rgb(rgb, 64, 64)) == (64, 64, rgb)


def test_screen_is_a_small_file() -> None:
    assert len(png_of_rgb565(bytes(320 * 240 * 2), 320, 240)) < 500


def test_chunks_are_as_the_standard_wants_them() -> None:
    png = png_of_rgb565(struct.pack(">2H", 0xFFFF, 0), 2, 1)
    assert png[:16] == b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"
    assert png[16:29] == struct.pack(">IIBBBBB", 2, 1, 8, 3, 0, 0, 0)
    assert png[29:33] == struct.pack(">I", zlib.crc32(png[12:29]))
    assert png.endswith(b"\0\0\0\0IEND\xaeB`\x82")


def test_wrong_number_of_pixels_is_refused() -> None:
    with pytest.raises(PictureInvalid):
        png_of_rgb565(bytes(10), 3, 2)


def test_damage_is_found_wherever_it_is() -> None:
    png = png_of_rgb565(random.Random(3).randbytes(200), 10, 10)
    for place in range(len(png)):
        with pytest.raises(PictureInvalid):
            pixels_of_png(png[:place] + bytes((png[place] ^ 1,)) + png[place + 1 :])
    for size in range(len(png)):
        with pytest.raises(PictureInvalid):
            pixels_of_png(png[:size])
