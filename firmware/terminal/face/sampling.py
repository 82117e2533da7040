"""Puts a part of a frame, turned, scaled and moved, into a net's arena: whole numbers, the same on every processor.

Four samples stand for a pixel where the frame is much finer than the net's picture. A sample is the mean of its four
neighbours, weighted to 1/256 pixel. `tools/models/reference.py` defines the result.
"""

# ruff: noqa: ANN201 - viper has no return type for nothing
from array import array

import micropython

TYPE_CHECKING = False
if TYPE_CHECKING:
    from terminal.face.frame import Frame
    from terminal.face.geometry import View
    from terminal.face.pointers import ptr8, ptr32

_OFFSET = 1 << 29  # signed numbers are kept as so much more
_ONE = 1 << 16
_FINE = 3 * _ONE // 2  # pixels of the frame for one of the net's, from which on it takes four samples


def plan(frame: "Frame", view: "View", size: "tuple[int, int]", is_bgr: bool, is_black_outside: bool) -> "array[int]":
    """Raises ValueError for a view that leads far away from every frame. `size` is the picture's width and pitch."""
    a, b, c, d, e, f = (round(number * _ONE) for number in view)
    samples = 2 if a * a + d * d > _FINE * _FINE else 1
    if samples == 2:
        a, b, d, e = a >> 1, b >> 1, d >> 1, e >> 1
        c, f = c - (a + b >> 1), f - (d + e >> 1)
    numbers = [number + _OFFSET for number in (a, b, c, d, e, f)]
    if min(numbers) < 0 or max(numbers) >= 2 * _OFFSET:
        raise ValueError("a view out of range")
    numbers += [frame.width, frame.height, frame.kind, size[0], size[1], is_bgr, is_black_outside, samples]
    return array("I", numbers)


@micropython.viper
def sample(out: ptr8, p: ptr8, x: int, rows: int, d: ptr32):
    """`p` is the frame and `x` the first row."""
    y = x
    last = y + rows
    frame = int(p)
    a = d[0] - 0x20000000
    b = d[1] - 0x20000000
    ya = d[3] - 0x20000000
    yb = d[4] - 0x20000000
    width = d[6]
    height = d[7]
    kind = d[8]
    down = width * kind
    samples = d[13]
    shift = 14 + 2 * samples
    half = 1 << shift - 1
    red_at = 2 if d[11] else 0
    is_black = d[12]
    right = (width << 16) - 32768
    bottom = (height << 16) - 32768
    while y < last:
        x = 0
        while x < d[9]:
            red = half
            green = half
            blue = half
            j = 0
            while j < samples:
                i = 0
                while i < samples:
                    u = x * samples + i
                    v = y * samples + j
                    i += 1
                    sx = a * u + b * v + d[2] - 0x20000000
                    sy = ya * u + yb * v + d[5] - 0x20000000
                    if is_black and (sx < -32768 or sy < -32768 or sx >= right or sy >= bottom):
                        continue
                    u = sx >> 16
                    fx = sx >> 8 & 255
                    if u < 0:
                        u = 0
                        fx = 0
                    if u > width - 2:
                        u = width - 2
                        fx = 256
                    v = sy >> 16
                    fy = sy >> 8 & 255
                    if v < 0:
                        v = 0
                        fy = 0
                    if v > height - 2:
                        v = height - 2
                        fy = 256
                    p = ptr8(frame + v * down + u * kind)
                    w11 = fx * fy
                    w10 = (fy << 8) - w11
                    w01 = (fx << 8) - w11
                    w00 = 65536 - (fy << 8) - w01
                    if kind == 3:
                        red += p[0] * w00 + p[3] * w01 + p[down] * w10 + p[down + 3] * w11
                        green += p[1] * w00 + p[4] * w01 + p[down + 1] * w10 + p[down + 4] * w11
                        blue += p[2] * w00 + p[5] * w01 + p[down + 2] * w10 + p[down + 5] * w11
                    elif kind == 1:
                        green += p[0] * w00 + p[1] * w01 + p[down] * w10 + p[down + 1] * w11
                    else:
                        k = 0
                        while k < 4:
                            q = p[0] << 8 | p[1]
                            red += (q >> 8 & 0xF8 | q >> 13) * w00
                            green += (q >> 3 & 0xFC | q >> 9 & 3) * w00
                            blue += (q << 3 & 0xF8 | q >> 2 & 7) * w00
                            k += 1
                            p = ptr8(int(p) + 2)
                            w00 = w01
                            if k == 2:
                                p = ptr8(int(p) + down - 4)
                                w00 = w10
                                w01 = w11
                j += 1
            green = green >> shift
            if kind == 1:
                red = green
                blue = green
            else:
                red = red >> shift
                blue = blue >> shift
            out[red_at] = red
            out[1] = green
            out[2 - red_at] = blue
            out = ptr8(int(out) + 3)
            x += 1
        out = ptr8(int(out) + d[10] - 3 * d[9])
        y += 1


@micropython.viper
def translate(out: ptr8, p: ptr8, n: int, codes: ptr8):
    """`n` bytes from `p`, each replaced by its code."""
    while n:
        n -= 1
        out[0] = codes[p[0]]
        out = ptr8(int(out) + 1)
        p = ptr8(int(p) + 1)
