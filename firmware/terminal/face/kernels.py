"""The loops of a net in integers of 32 bits, for every processor. `tools/models/reference.py` defines their results.

A kernel takes the file, how many rows of the result, the first of them, the arena, and its plan: 32-bit numbers, none
negative as they are read without sign, laid out by `plan.py`. The first three arguments of a viper function stay in
registers: they are used again for what the inner loop needs most. Constants keep within 30 bits, as a small number
does on a 32-bit processor.
"""

# ruff: noqa: ANN201 - viper has no return type for nothing
import micropython

TYPE_CHECKING = False
if TYPE_CHECKING:
    from terminal.face.pointers import ptr8, ptr32


@micropython.viper
def conv(a: ptr8, w: ptr8, acc: int, arena: ptr8, d: ptr32):
    """`a` is the file, `w` the number of rows, `acc` the first row. Weights are stored as 128 more than they are."""
    file = int(a)
    y = acc
    last = y + int(w)
    width = d[3]
    depth = d[10]
    channels = d[12]
    shift = d[15]
    second_shift = d[16]
    third_shift = d[17]
    rounding = d[18] - 0x20000000
    late_rounding = d[19] - 0x20000000
    added_factor = d[20]
    post = d[23]
    while y < last:
        at = int(arena) + d[0] + y * d[2]
        out = ptr8(int(arena) + d[4] + y * d[6])
        step = d[5] - channels
        if post == 4:
            step -= channels
        plus = int(arena) + d[7] + y * d[9]
        y += 1
        left = width
        while left:
            left -= 1
            a = ptr8(at)
            acc = 0
            n = depth
            while n:
                acc += a[0] + a[1] + a[2] + a[3] + a[4] + a[5] + a[6] + a[7]
                a = ptr8(int(a) + 8)
                n -= 8
            start = 0 - (acc << 7) - 0x20000000
            w = ptr8(file + d[13])
            constant = ptr32(file + d[14])
            more = ptr8(plus)
            adding = d[21]
            o = channels
            while o:
                o -= 1
                a = ptr8(at)
                acc = start
                n = depth
                while n:
                    acc += a[0] * w[0]
                    acc += a[1] * w[1]
                    acc += a[2] * w[2]
                    acc += a[3] * w[3]
                    acc += a[4] * w[4]
                    acc += a[5] * w[5]
                    acc += a[6] * w[6]
                    acc += a[7] * w[7]
                    a = ptr8(int(a) + 8)
                    w = ptr8(int(w) + 8)
                    n -= 8
                acc = acc + constant[0] >> shift
                pair = constant[1]
                constant = ptr32(int(constant) + 8)
                factor = pair & 0xFFFF
                negative = (pair >> 16 & 0xFFFF) - 0x8000
                if post == 1 and acc < 0:
                    acc *= negative
                else:
                    acc *= factor
                if post & 2:
                    if adding:
                        adding -= 1
                        acc += more[0] * added_factor
                        more = ptr8(int(more) + 1)
                    else:
                        acc += d[22] * added_factor
                acc = acc + rounding >> second_shift
                if post == 3:
                    if acc < 0:
                        acc = acc * negative + late_rounding >> third_shift
                    else:
                        acc = (acc << 14) + late_rounding >> third_shift
                if post == 4:
                    if acc > 32767:
                        acc = 32767
                    if acc < -32768:
                        acc = -32768
                    out[1] = acc >> 8
                    out[0] = acc
                    out = ptr8(int(out) + 2)
                else:
                    if acc < 0:
                        acc = 0
                    if acc > 255:
                        acc = 255
                    out[0] = acc
                    out = ptr8(int(out) + 1)
            at += d[1]
            plus += d[8]
            out = ptr8(int(out) + step)


@micropython.viper
def depthwise(p: ptr8, w: ptr8, acc: int, arena: ptr8, d: ptr32):
    """Of any size. `p` is the file, `w` the number of rows, `acc` the first row."""
    file = int(p)
    y = acc
    last = y + int(w)
    step = d[1]
    channels = d[12]
    high = d[26]
    wide = d[27]
    gap = d[2] - wide * step
    shift = d[15]
    second_shift = d[16]
    rounding = d[18] - 0x20000000
    is_prelu = d[23] == 1
    stride = d[25]
    while y < last:
        at = int(arena) + d[0] + y * stride * d[2]
        to = int(arena) + d[4] + y * d[6]
        y += 1
        left = d[3]
        while left:
            left -= 1
            out = ptr8(to)
            here = at
            w = ptr8(file + d[13])
            constant = ptr32(file + d[14])
            n = channels
            while n:
                n -= 1
                p = ptr8(here)
                here += 1
                acc = -0x20000000
                i = high
                while i:
                    i -= 1
                    j = wide
                    while j:
                        j -= 1
                        acc += p[0] * (w[0] - 128)
                        p = ptr8(int(p) + step)
                        w = ptr8(int(w) + 1)
                    p = ptr8(int(p) + gap)
                acc = acc + constant[0] >> shift
                pair = constant[1]
                constant = ptr32(int(constant) + 8)
                if is_prelu and acc < 0:
                    acc *= (pair >> 16 & 0xFFFF) - 0x8000
                else:
                    acc *= pair & 0xFFFF
                acc = acc + rounding >> second_shift
                if acc < 0:
                    acc = 0
                if acc > 255:
                    acc = 255
                out[0] = acc
                out = ptr8(int(out) + 1)
            at += stride * step
            to += d[5]


@micropython.viper
def max_pool(p: ptr8, out: ptr8, a: int, arena: ptr8, d: ptr32):
    """Of 2 x 2. `out` is the number of rows, `a` the first. No jumps: they would be guessed wrong half the time."""
    y = a
    last = y + int(out)
    step = d[1]
    pitch = d[2]
    row_bytes = d[12]
    while y < last:
        p = ptr8(int(arena) + d[0] + 2 * y * pitch)
        out = ptr8(int(arena) + d[4] + y * d[6])
        y += 1
        left = d[3]
        while left:
            left -= 1
            n = row_bytes
            while n:
                n -= 1
                a = p[0]
                b = p[step] - a
                a += b & ~(b >> 31)
                b = p[pitch] - a
                a += b & ~(b >> 31)
                b = p[pitch + step] - a
                a += b & ~(b >> 31)
                out[0] = a
                p = ptr8(int(p) + 1)
                out = ptr8(int(out) + 1)
            p = ptr8(int(p) + step)
            out = ptr8(int(out) + d[5] - row_bytes)


@micropython.viper
def gather(p: ptr8, out: ptr8, n: int, arena: ptr8, d: ptr32):
    """What the kernel covers for each pixel of row `n` of the result, one after the other, each padded to `depth`."""
    source = int(arena) + d[28] + n * d[25] * d[29]
    stride = d[25] * d[30]
    length = d[27] * d[30]
    spare = d[10] - d[26] * length
    out = ptr8(int(arena) + d[0])
    left = d[3]
    while left:
        left -= 1
        row = source
        i = d[26]
        while i:
            i -= 1
            p = ptr8(row)
            row += d[29]
            n = length
            while n:
                n -= 1
                out[0] = p[0]
                p = ptr8(int(p) + 1)
                out = ptr8(int(out) + 1)
        out = ptr8(int(out) + spare)
        source += stride


@micropython.viper
def frame(p: ptr8, n: int, value: int, row_bytes: int, gap: int, gaps: int, last: int):
    """Writes the border of the tensor at `p`: `n` bytes before its first row, `gap` between rows, `last` at the end."""
    while True:
        while n:
            n -= 1
            p[0] = value
            p = ptr8(int(p) + 1)
        if gaps < 0:
            break
        p = ptr8(int(p) + row_bytes)
        n = gap if gaps else last
        gaps -= 1
