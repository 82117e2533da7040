"""Convolutions for processors with 64-bit registers: three products by one multiplication. Same results as `kernels`.

Three pixels lie in one number, 21 bits apart, and each weight multiplies it as a whole: 3 sums grow in one register.
A field holds `sum + 2**20` of signed weights; weights are stored as 128 more than they are, so 128 times the pixels'
own sum is taken off beforehand. The converter sees to it that no sum of a chunk leaves its field. The depthwise kernel
does it the other way round: a column of three pixels times a column of three weights, 22 bits apart, has the sum of
the three products in its upper bits.

The first three arguments of a viper function stay in registers: they are used again for what the inner loop needs most.
x64 machine code goes through rax for each load; `x * w[i] + acc` in this order spares one spill (a third of the time).
"""

# ruff: noqa: ANN201 - viper has no return type for nothing
# What is set where the depth is enough is read only there.
# pyright: reportPossiblyUnboundVariable=false
import micropython

TYPE_CHECKING = False
if TYPE_CHECKING:
    from terminal.face.pointers import ptr8, ptr32


@micropython.viper
def conv(w: ptr8, acc: int, t: int, arena: ptr8, d: ptr32):
    """`w` is the file, `acc` the number of rows of the result, `t` the first of them."""
    file = int(w)
    y = t
    width = d[3]
    left = acc * width
    source = int(arena) + d[0]
    source_step = d[1]
    source_pitch = d[2]
    result = int(arena) + d[4]
    result_step = d[5]
    result_pitch = d[6]
    added = int(arena) + d[7]
    added_step = d[8]
    added_pitch = d[9]
    full_depth = d[10]
    chunk = d[11]
    channels = d[12]
    shift = d[15]
    second_shift = d[16]
    third_shift = d[17]
    rounding = d[18] - 0x20000000
    late_rounding = d[19] - 0x20000000
    added_factor = d[20]
    added_channels = d[21]
    added_zero = d[22] * added_factor
    post = d[23]
    sums = int(arena) + d[24]
    one = 1  # constants of more than 30 bits would become objects
    half = one << 20 | one << 41 | one << 62
    x = 0
    at = source + y * source_pitch
    to = result + y * result_pitch
    plus = added + y * added_pitch
    while left:
        # the places of three pixels; where fewer are left the last stands in, and is written last
        at0 = at1 = at2 = at
        to1 = to2 = 0
        plus1 = plus2 = 0
        out = ptr8(to)
        more = ptr8(plus)
        count = 1
        while True:
            left -= 1
            x += 1
            at += source_step
            to += result_step
            plus += added_step
            if x == width:
                x = 0
                y += 1
                at = source + y * source_pitch
                to = result + y * result_pitch
                plus = added + y * added_pitch
            if left == 0 or count == 3:
                break
            if count == 1:
                at1 = at
                to1 = to - int(out)
                plus1 = plus - int(more)
            else:
                at2 = at
                to2 = to - int(out)
                plus2 = plus - int(more)
            count += 1
        done = 0
        offset = 0x20000000
        while done < full_depth:
            depth = full_depth - done
            if depth > chunk:
                depth = chunk
            a = ptr8(at0 + done)
            b = ptr8(at1 + done)
            c = ptr8(at2 + done)
            t = 0
            x0 = a[0] | b[0] << 21 | c[0] << 42
            x1 = a[1] | b[1] << 21 | c[1] << 42
            x2 = a[2] | b[2] << 21 | c[2] << 42
            x3 = a[3] | b[3] << 21 | c[3] << 42
            x4 = a[4] | b[4] << 21 | c[4] << 42
            x5 = a[5] | b[5] << 21 | c[5] << 42
            x6 = a[6] | b[6] << 21 | c[6] << 42
            x7 = a[7] | b[7] << 21 | c[7] << 42
            t += x0 + x1 + x2 + x3 + x4 + x5 + x6 + x7
            if depth > 8:
                x8 = a[8] | b[8] << 21 | c[8] << 42
                x9 = a[9] | b[9] << 21 | c[9] << 42
                x10 = a[10] | b[10] << 21 | c[10] << 42
                x11 = a[11] | b[11] << 21 | c[11] << 42
                x12 = a[12] | b[12] << 21 | c[12] << 42
                x13 = a[13] | b[13] << 21 | c[13] << 42
                x14 = a[14] | b[14] << 21 | c[14] << 42
                x15 = a[15] | b[15] << 21 | c[15] << 42
                t += x8 + x9 + x10 + x11 + x12 + x13 + x14 + x15
            if depth > 16:
                x16 = a[16] | b[16] << 21 | c[16] << 42
                x17 = a[17] | b[17] << 21 | c[17] << 42
                x18 = a[18] | b[18] << 21 | c[18] << 42
                x19 = a[19] | b[19] << 21 | c[19] << 42
                x20 = a[20] | b[20] << 21 | c[20] << 42
                x21 = a[21] | b[21] << 21 | c[21] << 42
                x22 = a[22] | b[22] << 21 | c[22] << 42
                x23 = a[23] | b[23] << 21 | c[23] << 42
                t += x16 + x17 + x18 + x19 + x20 + x21 + x22 + x23
                if depth > 24:
                    x24 = a[24] | b[24] << 21 | c[24] << 42
                    x25 = a[25] | b[25] << 21 | c[25] << 42
                    x26 = a[26] | b[26] << 21 | c[26] << 42
                    x27 = a[27] | b[27] << 21 | c[27] << 42
                    x28 = a[28] | b[28] << 21 | c[28] << 42
                    x29 = a[29] | b[29] << 21 | c[29] << 42
                    x30 = a[30] | b[30] << 21 | c[30] << 42
                    x31 = a[31] | b[31] << 21 | c[31] << 42
                    t += x24 + x25 + x26 + x27 + x28 + x29 + x30 + x31
                if depth > 32:
                    x32 = a[32] | b[32] << 21 | c[32] << 42
                    x33 = a[33] | b[33] << 21 | c[33] << 42
                    x34 = a[34] | b[34] << 21 | c[34] << 42
                    x35 = a[35] | b[35] << 21 | c[35] << 42
                    x36 = a[36] | b[36] << 21 | c[36] << 42
                    x37 = a[37] | b[37] << 21 | c[37] << 42
                    x38 = a[38] | b[38] << 21 | c[38] << 42
                    x39 = a[39] | b[39] << 21 | c[39] << 42
                    t += x32 + x33 + x34 + x35 + x36 + x37 + x38 + x39
                    if depth > 40:
                        x40 = a[40] | b[40] << 21 | c[40] << 42
                        x41 = a[41] | b[41] << 21 | c[41] << 42
                        x42 = a[42] | b[42] << 21 | c[42] << 42
                        x43 = a[43] | b[43] << 21 | c[43] << 42
                        x44 = a[44] | b[44] << 21 | c[44] << 42
                        x45 = a[45] | b[45] << 21 | c[45] << 42
                        x46 = a[46] | b[46] << 21 | c[46] << 42
                        x47 = a[47] | b[47] << 21 | c[47] << 42
                        t += x40 + x41 + x42 + x43 + x44 + x45 + x46 + x47
                    if depth > 48:
                        x48 = a[48] | b[48] << 21 | c[48] << 42
                        x49 = a[49] | b[49] << 21 | c[49] << 42
                        x50 = a[50] | b[50] << 21 | c[50] << 42
                        x51 = a[51] | b[51] << 21 | c[51] << 42
                        x52 = a[52] | b[52] << 21 | c[52] << 42
                        x53 = a[53] | b[53] << 21 | c[53] << 42
                        x54 = a[54] | b[54] << 21 | c[54] << 42
                        x55 = a[55] | b[55] << 21 | c[55] << 42
                        t += x48 + x49 + x50 + x51 + x52 + x53 + x54 + x55
                        if depth > 56:
                            x56 = a[56] | b[56] << 21 | c[56] << 42
                            x57 = a[57] | b[57] << 21 | c[57] << 42
                            x58 = a[58] | b[58] << 21 | c[58] << 42
                            x59 = a[59] | b[59] << 21 | c[59] << 42
                            x60 = a[60] | b[60] << 21 | c[60] << 42
                            x61 = a[61] | b[61] << 21 | c[61] << 42
                            x62 = a[62] | b[62] << 21 | c[62] << 42
                            x63 = a[63] | b[63] << 21 | c[63] << 42
                            t += x56 + x57 + x58 + x59 + x60 + x61 + x62 + x63
            start = half - (t << 7)
            offset += 1 << 20
            w = ptr8(file + d[13] + done)
            constant = ptr32(file + d[14])
            total = ptr32(sums)
            is_first = done == 0
            done += depth
            is_last = done == full_depth
            adding = added_channels
            n = channels
            while n:
                acc = start
                acc = x0 * w[0] + acc
                acc = x1 * w[1] + acc
                acc = x2 * w[2] + acc
                acc = x3 * w[3] + acc
                acc = x4 * w[4] + acc
                acc = x5 * w[5] + acc
                acc = x6 * w[6] + acc
                acc = x7 * w[7] + acc
                if depth > 8:
                    acc = x8 * w[8] + acc
                    acc = x9 * w[9] + acc
                    acc = x10 * w[10] + acc
                    acc = x11 * w[11] + acc
                    acc = x12 * w[12] + acc
                    acc = x13 * w[13] + acc
                    acc = x14 * w[14] + acc
                    acc = x15 * w[15] + acc
                if depth > 16:
                    acc = x16 * w[16] + acc
                    acc = x17 * w[17] + acc
                    acc = x18 * w[18] + acc
                    acc = x19 * w[19] + acc
                    acc = x20 * w[20] + acc
                    acc = x21 * w[21] + acc
                    acc = x22 * w[22] + acc
                    acc = x23 * w[23] + acc
                    if depth > 24:
                        acc = x24 * w[24] + acc
                        acc = x25 * w[25] + acc
                        acc = x26 * w[26] + acc
                        acc = x27 * w[27] + acc
                        acc = x28 * w[28] + acc
                        acc = x29 * w[29] + acc
                        acc = x30 * w[30] + acc
                        acc = x31 * w[31] + acc
                    if depth > 32:
                        acc = x32 * w[32] + acc
                        acc = x33 * w[33] + acc
                        acc = x34 * w[34] + acc
                        acc = x35 * w[35] + acc
                        acc = x36 * w[36] + acc
                        acc = x37 * w[37] + acc
                        acc = x38 * w[38] + acc
                        acc = x39 * w[39] + acc
                        if depth > 40:
                            acc = x40 * w[40] + acc
                            acc = x41 * w[41] + acc
                            acc = x42 * w[42] + acc
                            acc = x43 * w[43] + acc
                            acc = x44 * w[44] + acc
                            acc = x45 * w[45] + acc
                            acc = x46 * w[46] + acc
                            acc = x47 * w[47] + acc
                        if depth > 48:
                            acc = x48 * w[48] + acc
                            acc = x49 * w[49] + acc
                            acc = x50 * w[50] + acc
                            acc = x51 * w[51] + acc
                            acc = x52 * w[52] + acc
                            acc = x53 * w[53] + acc
                            acc = x54 * w[54] + acc
                            acc = x55 * w[55] + acc
                            if depth > 56:
                                acc = x56 * w[56] + acc
                                acc = x57 * w[57] + acc
                                acc = x58 * w[58] + acc
                                acc = x59 * w[59] + acc
                                acc = x60 * w[60] + acc
                                acc = x61 * w[61] + acc
                                acc = x62 * w[62] + acc
                                acc = x63 * w[63] + acc
                w = ptr8(int(w) + full_depth)
                n -= 1
                v0 = acc & 0x1FFFFF
                v1 = acc >> 21 & 0x1FFFFF
                v2 = acc >> 42
                if not is_first:
                    v0 += total[0]
                    v1 += total[1]
                    v2 += total[2]
                if not is_last:
                    total[0] = v0
                    total[1] = v1
                    total[2] = v2
                total = ptr32(int(total) + 12)
                if not is_last:
                    continue
                t = constant[0] - offset
                v0 = v0 + t >> shift
                v1 = v1 + t >> shift
                v2 = v2 + t >> shift
                t = constant[1]
                constant = ptr32(int(constant) + 8)
                factor = t & 0xFFFF
                t = (t >> 16) - 0x8000
                if post == 1:
                    t -= factor
                    v0 *= (t & v0 >> 63) + factor
                    v1 *= (t & v1 >> 63) + factor
                    v2 *= (t & v2 >> 63) + factor
                else:
                    v0 *= factor
                    v1 *= factor
                    v2 *= factor
                    if post & 2:
                        if adding:
                            adding -= 1
                            v0 += more[0] * added_factor
                            v1 += more[plus1] * added_factor
                            v2 += more[plus2] * added_factor
                            more = ptr8(int(more) + 1)
                        else:
                            v0 += added_zero
                            v1 += added_zero
                            v2 += added_zero
                v0 = v0 + rounding >> second_shift
                v1 = v1 + rounding >> second_shift
                v2 = v2 + rounding >> second_shift
                if post == 3:
                    t -= 0x4000
                    v0 = v0 * ((t & v0 >> 63) + 0x4000) + late_rounding >> third_shift
                    v1 = v1 * ((t & v1 >> 63) + 0x4000) + late_rounding >> third_shift
                    v2 = v2 * ((t & v2 >> 63) + 0x4000) + late_rounding >> third_shift
                if post == 4:
                    if v0 > 32767:
                        v0 = 32767
                    if v0 < -32768:
                        v0 = -32768
                    if v1 > 32767:
                        v1 = 32767
                    if v1 < -32768:
                        v1 = -32768
                    if v2 > 32767:
                        v2 = 32767
                    if v2 < -32768:
                        v2 = -32768
                    out[to2 + 1] = v2 >> 8
                    out[to1 + 1] = v1 >> 8
                    out[1] = v0 >> 8
                    out[to2] = v2
                    out[to1] = v1
                    out[0] = v0
                    out = ptr8(int(out) + 2)
                    continue
                v0 -= v0 & v0 >> 63
                v1 -= v1 & v1 >> 63
                v2 -= v2 & v2 >> 63
                if v2 > 255:
                    v2 = 255
                out[to2] = v2
                if v1 > 255:
                    v1 = 255
                out[to1] = v1
                if v0 > 255:
                    v0 = 255
                out[0] = v0
                out = ptr8(int(out) + 1)


@micropython.viper
def depthwise(p: ptr8, t: int, u0: int, arena: ptr8, d: ptr32):
    """Of 3 x 3. `p` is the file, `t` the number of rows of the result, `u0` the first of them."""
    weights = int(p) + d[13]
    constants = int(p) + d[14]
    y = u0
    last = y + t
    width = d[3]
    source = int(arena) + d[0]
    pitch = d[2]
    two = 2 * pitch
    step = d[1]
    result = int(arena) + d[4]
    result_step = d[5]
    channels = d[12]
    shift = d[15] + 44
    second_shift = d[16]
    rounding = d[18] - 0x20000000
    is_prelu = d[23] == 1
    stride = d[25]
    one = 1
    centre = one << 7 | one << 29 | one << 51
    while y < last:
        w = ptr8(weights)
        constant = ptr32(constants)
        row = source + y * stride * pitch
        first = result + y * d[6]
        n = channels
        while n:
            u0 = (w[6] | w[3] << 22 | w[0] << 44) - centre
            u1 = (w[7] | w[4] << 22 | w[1] << 44) - centre
            u2 = (w[8] | w[5] << 22 | w[2] << 44) - centre
            start = (constant[0] - 0x20000000 << 44) + (one << 43)
            t = constant[1]
            factor = t & 0xFFFF
            steeper = (t >> 16) - 0x8000 - factor
            constant = ptr32(int(constant) + 8)
            w = ptr8(int(w) + 9)
            p = ptr8(row)
            row += 1
            out = ptr8(first)
            first += 1
            n -= 1
            left = width
            v2 = p[0] | p[pitch] << 22 | p[two] << 44
            if stride == 1:
                p = ptr8(int(p) + step)
                v1 = p[0] | p[pitch] << 22 | p[two] << 44
            while left:
                left -= 1
                p = ptr8(int(p) + step)
                if stride == 1:
                    v0 = v2
                    v2 = v1
                    v1 = p[0] | p[pitch] << 22 | p[two] << 44
                    t = v0 * u0 + start
                    t = v2 * u1 + t
                    t = v1 * u2 + t
                else:
                    t = v2 * u0 + start
                    v2 = p[0] | p[pitch] << 22 | p[two] << 44
                    t = v2 * u1 + t
                    p = ptr8(int(p) + step)
                    v2 = p[0] | p[pitch] << 22 | p[two] << 44
                    t = v2 * u2 + t
                t >>= shift
                if is_prelu:
                    t *= (steeper & t >> 63) + factor
                else:
                    t *= factor
                t = t + rounding >> second_shift
                t -= t & t >> 63
                if t > 255:
                    t = 255
                out[0] = t
                out = ptr8(int(out) + result_step)
        y += 1
