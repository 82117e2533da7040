"""The appended picture: whole or none, upright, and nothing of it left."""

import struct

from terminal.card_picture import BMP_BYTES, HEIGHT, WIDTH, CardPicture


def pixel(x, y):
    """Red, green, blue: another one everywhere; y from the top."""
    return 2 * x + 1, 2 * y + 1, (x * y) % 251


def bmp(height=HEIGHT, **changes):
    fields = {
        "mark": b"BM",
        "start": 54,
        "size": 40,
        "width": WIDTH,
        "height": height,
        "planes": 1,
        "bits": 24,
        "packed": 0,
    }
    fields.update(changes)
    head = struct.pack("<2sIIIIiiHHI", fields["mark"], BMP_BYTES, 0, fields["start"], fields["size"], fields["width"],
                       fields["height"], fields["planes"], fields["bits"], fields["packed"])  # fmt: skip
    rows = bytearray()
    for line in range(HEIGHT):
        y = HEIGHT - 1 - line if height > 0 else line
        for x in range(WIDTH):
            rows += bytes(reversed(pixel(x, y)))
        rows += b"\xee\xee"
    return head + bytes(20) + bytes(rows)


def fed(data, step=512):
    picture = CardPicture()
    for start in range(0, len(data), step):
        picture.feed(data[start : start + step])
    return picture


def assert_upright(frame):
    assert (frame.width, frame.height, frame.kind) == (WIDTH, HEIGHT, 3)
    for x, y in ((0, 0), (WIDTH - 1, 0), (0, HEIGHT - 1), (WIDTH - 1, HEIGHT - 1), (40, 63), (41, 62)):
        at = 3 * (y * WIDTH + x)
        assert tuple(frame.pixels[at : at + 3]) == pixel(x, y), (x, y)


def test_picture_is_upright_whichever_way_its_rows_come() -> None:
    for height in (HEIGHT, -HEIGHT):
        assert_upright(fed(bmp(height)).frame())


def test_pieces_of_any_length_make_the_picture() -> None:
    for step in (1, 7, 64, 1000, BMP_BYTES):
        assert_upright(fed(bmp(), step).frame())


def test_cut_or_too_long_is_none() -> None:
    for data in (b"", bmp()[:-1], bmp()[:54], bmp()[:10], bmp() + b"\0", bmp() + bmp()):
        assert fed(data).frame() is None, len(data)


def test_another_kind_of_picture_is_none() -> None:
    for changes in (
        {"mark": b"MB"},
        {"start": 55},
        {"size": 124},
        {"width": 101},
        {"width": -WIDTH},
        {"height": HEIGHT + 1},
        {"height": 0},
        {"height": -2147483648},
        {"planes": 2},
        {"bits": 32},
        {"packed": 1},
    ):
        picture = fed(bmp(**changes))
        assert picture.frame() is None, changes
        assert not any(picture._buffer), changes


def test_jpeg_is_none() -> None:
    assert fed(b"\xff\xd8\xff\xe0" + bytes(3000) + b"\xff\xd9").frame() is None


def test_forgotten_bytes_are_not_part_of_the_next_picture() -> None:
    picture = fed(bmp()[:20000])
    picture.feed(b"")
    assert not any(picture._buffer)
    for start in range(0, BMP_BYTES, 4096):
        picture.feed(bmp(-HEIGHT)[start : start + 4096])
    assert_upright(picture.frame())


def test_it_is_given_once() -> None:
    picture = fed(bmp())
    assert picture.frame() is not None
    assert picture.frame() is None


def test_wiping_the_frame_or_the_picture_leaves_nothing() -> None:
    picture = fed(bmp())
    picture.frame().wipe()
    assert not any(picture._buffer[: 3 * WIDTH * HEIGHT])
    picture.wipe()
    assert not any(picture._buffer)
