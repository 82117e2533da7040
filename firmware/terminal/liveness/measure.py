"""What is measured on the picture itself: light, sharpness, colour of the skin, and a number that tells pictures apart.

A few hundred places are enough, and leave the processor to the networks.
"""

from collections import namedtuple
from hashlib import sha256

TYPE_CHECKING = False
if TYPE_CHECKING:
    from terminal.face.frame import Frame

GRID = 16  # places across and down
ROWS = 16  # that are hashed
GREY, RGB565 = 1, 2  # terminal.face.frame

# As in check.Frame
Measures = namedtuple("Measures", ("fingerprint", "luma", "sharpness", "tint"))


def measure(frame: "Frame", box: "tuple[int, int, int, int] | None") -> Measures:
    """`box` of the face in pixels (left, top, right, bottom); of the whole picture where there is none."""
    left, top, right, bottom = box or (0, 0, frame.width, frame.height)
    width, height = right - left, bottom - top
    # The middle of the face: cheeks, nose, chin; neither hair nor background.
    left, top = max(1, left + width // 5), max(1, top + height // 4)
    across, down = max(1, width * 3 // 5), max(1, height * 3 // 5)
    reds = greens = blues = edges = edge_squares = count = 0
    for row in range(GRID):
        y = top + down * row // GRID
        if y >= frame.height - 1:
            break
        for column in range(GRID):
            x = left + across * column // GRID
            if x >= frame.width - 1:
                break
            red, green, blue = _pixel(frame, x, y)
            edge = 4 * green - _green(frame, x - 1, y) - _green(frame, x + 1, y)
            edge -= _green(frame, x, y - 1) + _green(frame, x, y + 1)
            reds += red
            greens += green
            blues += blue
            edges += edge
            edge_squares += edge * edge
            count += 1
    if count == 0:
        return Measures(_fingerprint(frame), 0, 0, None)
    sharpness = edge_squares // count - (edges // count) ** 2
    luma = (77 * reds + 150 * greens + 29 * blues) // (256 * count)
    tint = None if frame.kind == GREY or box is None else (reds, greens, blues)
    return Measures(_fingerprint(frame), luma, sharpness, tint)


def _pixel(frame: "Frame", x: int, y: int) -> "tuple[int, int, int]":
    pixels, place = frame.pixels, (y * frame.width + x) * frame.kind
    if frame.kind == GREY:
        return pixels[place], pixels[place], pixels[place]
    if frame.kind == RGB565:
        high, low = pixels[place], pixels[place + 1]
        return high & 0xF8, (high & 7) << 5 | low >> 3 & 0x1C, low << 3 & 0xF8
    return pixels[place], pixels[place + 1], pixels[place + 2]


def _green(frame: "Frame", x: int, y: int) -> int:
    pixels, place = frame.pixels, (y * frame.width + x) * frame.kind
    if frame.kind == RGB565:
        return (pixels[place] & 7) << 5 | pixels[place + 1] >> 3 & 0x1C
    return pixels[place + (1 if frame.kind > RGB565 else 0)]


def _fingerprint(frame: "Frame") -> int:
    row_bytes = frame.width * frame.kind
    pixels, digest = memoryview(frame.pixels), sha256()
    for row in range(0, frame.height, max(1, frame.height // ROWS)):
        digest.update(pixels[row * row_bytes : (row + 1) * row_bytes])
    return int.from_bytes(digest.digest()[:3], "big")
