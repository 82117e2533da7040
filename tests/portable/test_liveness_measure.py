"""terminal.liveness.measure on pictures made of numbers."""

from terminal.liveness.measure import measure

WIDTH, HEIGHT = 64, 48
BOX = (16, 8, 48, 40)


class Picture:
    """As terminal.face.frame.Frame."""

    def __init__(self, kind, value):
        self.width, self.height, self.kind = WIDTH, HEIGHT, kind
        self.pixels = bytearray(WIDTH * HEIGHT * kind)
        for y in range(HEIGHT):
            for x in range(WIDTH):
                place = (y * WIDTH + x) * kind
                self.pixels[place : place + kind] = value(x, y)


def rgb565(red, green, blue):
    word = (red >> 3) << 11 | (green >> 2) << 5 | blue >> 3
    return bytes((word >> 8, word & 255))


def test_a_plain_picture_has_its_light_and_colour_and_no_edges():
    for kind, value in ((3, bytes((200, 100, 48))), (2, rgb565(200, 100, 48))):
        found = measure(Picture(kind, lambda x, y, value=value: value), BOX)
        assert found.luma == (77 * 200 + 150 * 100 + 29 * 48) // 256, kind
        assert found.sharpness == 0
        assert [part // 256 for part in found.tint] == [200, 100, 48], kind


def test_grey_pictures_have_no_tint():
    found = measure(Picture(1, lambda x, y: bytes((90,))), BOX)
    assert found.tint is None and found.luma == 90


def test_edges_make_it_sharp():
    sharp = measure(Picture(3, lambda x, y: bytes((255 * (x % 2),) * 3)), BOX)
    soft = measure(Picture(3, lambda x, y: bytes((4 * x,) * 3)), BOX)
    assert sharp.sharpness > 10_000 and soft.sharpness < 10


def test_only_the_face_counts_where_there_is_one():
    picture = Picture(3, lambda x, y: bytes((250,) * 3) if 16 <= x < 48 else bytes(3))
    assert measure(picture, BOX).luma == 250
    assert measure(picture, None).luma < 250


def test_a_box_at_the_edge_or_outside_does_no_harm():
    picture = Picture(3, lambda x, y: bytes((90,) * 3))
    for box in ((40, 30, 90, 80), (-20, -20, 10, 10), (63, 47, 64, 48), (200, 200, 300, 300), (0, 0, 1, 1)):
        assert measure(picture, box).luma in (0, 90), box


def test_one_changed_byte_changes_the_fingerprint():
    picture = Picture(3, lambda x, y: bytes((90,) * 3))
    before = measure(picture, BOX).fingerprint
    assert measure(picture, BOX).fingerprint == before
    picture.pixels[3 * 3 * WIDTH + 5] ^= 1
    assert measure(picture, BOX).fingerprint != before
