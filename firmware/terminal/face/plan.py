"""Where the kernels find what an operation needs: the numbers of a plan, all 32 bits and none negative."""

from array import array

from terminal.face import netfile
from terminal.face.netfile import CONV, DEPTHWISE, MAX_POOL, NONE, Header, Operation, Tensor

_OFFSET = 1 << 29  # signed numbers are kept as so much more


def make(header: Header, tensors: list[Tensor], op: Operation) -> "array[int]":
    source, result = tensors[op.source], tensors[op.result]
    width = 2 if result.is_wide else 1
    is_patched = op.kind == CONV and netfile.is_patched(op)
    under = first_pixel(source) - op.reach_top * netfile.pitch(source) - op.reach_left * source.channels
    added = tensors[op.added] if op.added != NONE else None
    numbers = [
        header.patch_at if is_patched else under,  # 0: the source, a pixel, a row
        op.depth if is_patched else source.channels,
        0 if is_patched else netfile.pitch(source),
        result.width,
        first_pixel(result),  # 4: the result, a pixel, a row
        result.channels * width,
        netfile.pitch(result) * width,
        first_pixel(added) if added else 0,  # 7: what is added, a pixel, a row
        added.channels if added else 0,
        netfile.pitch(added) if added else 0,
        op.depth,  # 10
        op.chunk,
        result.channels,
        op.weights_at,
        op.constants_at,
        op.shift,  # 15
        op.second_shift,
        op.third_shift,
        op.rounding + _OFFSET,
        op.late_rounding + _OFFSET,
        op.added_factor,  # 20
        added.channels if added else 0,
        added.zero if added else 0,
        op.post,
        header.sums_at,
        op.stride,  # 25
        op.high,
        op.wide,
        under,  # 28: what patches are gathered from, a row, a pixel
        netfile.pitch(source),
        source.channels,
    ]
    return array("I", numbers)


def first_pixel(tensor: Tensor) -> int:
    return tensor.at + tensor.top * netfile.pitch(tensor) + tensor.left * tensor.channels


def products_per_row(tensors: list[Tensor], op: Operation) -> int:
    """Multiplications, about: what a kernel takes for a row of the result."""
    result = tensors[op.result]
    each = {CONV: op.depth, DEPTHWISE: 4 * op.high * op.wide, MAX_POOL: 4 * 4}[op.kind]
    return result.width * result.channels * (each + 16)
