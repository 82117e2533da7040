"""What a net computes, in numpy integers: the definition that the terminal's kernels must equal bit for bit.

A sum of products is brought to a result in two steps that fit 32 bits: `part = (sum + bias) >> shift`, which has
17 bits with its sign, then `(part * factor + rounding) >> shift`, limited to the range of the result.
"""

import numpy as np

from tools.models.floating import windows
from tools.models.netfile import ADD_PRELU, NONE, PRELU, WIDE, Net, Operation, Tensor


def run(net: Net, picture: np.ndarray) -> list[np.ndarray]:
    """The tensors of a picture of uint8 [height, width, 3], in the order of the file; the last ones come out."""
    tensors = [picture.astype(np.int64)] * len(net.tensors)
    for operation in net.operations:
        tensors[operation.result] = apply(net, operation, tensors)
    return tensors


def outputs(net: Net, picture: np.ndarray) -> list[np.ndarray]:
    return [tensor.astype("<i2") for tensor in run(net, picture)[-net.outputs :]]


def apply(net: Net, operation: Operation, tensors: list[np.ndarray]) -> np.ndarray:
    if operation.kind == "max-pool":
        source = tensors[operation.source]
        return np.maximum.reduce([source[y::2, x::2] for y in (0, 1) for x in (0, 1)])
    return _finish(net, operation, sums(net, operation, tensors), tensors)


def sums(net: Net, operation: Operation, tensors: list[np.ndarray]) -> np.ndarray:
    """Of products, with the bias."""
    taps = _windows(operation, net.tensors[operation.source], net.tensors[operation.result], tensors)
    if operation.kind == "depthwise":
        return (
            np.sum([window * tap for window, tap in zip(taps, operation.weights.T, strict=True)], axis=0)
            + operation.biases
        )
    patches = np.concatenate(taps, axis=2)
    return _product(patches, operation.weights[:, : patches.shape[2]]) + operation.biases


def _product(patches: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """In floats of 64 bits, which hold these integers exactly and have a fast product."""
    return (patches.astype(np.float64) @ weights.T.astype(np.float64)).astype(np.int64)


def _windows(operation: Operation, source: Tensor, result: Tensor, tensors: list[np.ndarray]) -> list[np.ndarray]:
    """What each tap of the kernel sees; the border holds the source's zero."""
    top, left, bottom, right = source.border
    bordered = np.pad(
        tensors[operation.source].astype(np.int64), ((top, bottom), (left, right), (0, 0)), constant_values=source.zero
    )
    bordered = bordered[top - operation.reach[0] :, left - operation.reach[1] :]
    rows, columns = (
        (n - 1) * operation.stride + k for n, k in zip((result.height, result.width), operation.size, strict=True)
    )
    return [window for _, _, window in windows(bordered[:rows, :columns], operation.size, operation.stride)]


def _finish(net: Net, operation: Operation, total: np.ndarray, tensors: list[np.ndarray]) -> np.ndarray:
    first, second, third = operation.shifts
    part = _fits(total, 31) >> first
    is_split = operation.post == PRELU
    value = _fits(part, 18) * np.where((part < 0) & is_split, operation.negatives, operation.factors)
    if operation.added != NONE:
        added = tensors[operation.added]
        padded = np.full_like(value, net.tensors[operation.added].zero)  # channels that are missing are zero
        padded[..., : added.shape[2]] = added
        value = value + padded * operation.added_factor
    value = _fits(value + operation.rounding, 32) >> second
    if operation.post == ADD_PRELU:
        factor = np.where(value < 0, operation.negatives, 1 << 14)
        value = _fits(_fits(value, 18) * factor + operation.late_rounding, 32) >> third
    return np.clip(value, -32768, 32767) if operation.post == WIDE else np.clip(value, 0, 255)


def _fits(values: np.ndarray, bits: int) -> np.ndarray:
    """The converter promises it for every picture; a kernel of 32 bits relies on it."""
    if values.min() < -(1 << (bits - 1)) or values.max() >= 1 << (bits - 1):
        raise OverflowError(f"{bits} bits")
    return values


def take(
    frame: np.ndarray, view: tuple[float, ...], size: tuple[int, int], is_black_outside: bool = False
) -> np.ndarray:
    """What a view shows of a frame [height, width, 3] of uint8, for a picture of `size` (height, width); RGB."""
    a, b, c, d, e, f = (round(number * 65536) for number in view)
    samples = 2 if a * a + d * d > 98304 * 98304 else 1
    if samples == 2:
        a, b, d, e = a >> 1, b >> 1, d >> 1, e >> 1
        c, f = c - ((a + b) >> 1), f - ((d + e) >> 1)
    height, width = frame.shape[:2]
    v, u = np.mgrid[: size[0] * samples, : size[1] * samples]
    across, down = a * u + b * v + c, d * u + e * v + f
    column, right = _neighbour(across, width)
    row, below = _neighbour(down, height)
    pixels = frame.astype(np.int64)
    weights = [65536 - 256 * below - 256 * right + right * below, 256 * right - right * below]
    weights += [256 * below - right * below, right * below]
    corners = [pixels[row + i, column + j] for i in (0, 1) for j in (0, 1)]
    values = np.sum([corner * weight[..., None] for corner, weight in zip(corners, weights, strict=True)], axis=0)
    if is_black_outside:
        is_inside = (across >= -32768) & (down >= -32768)
        is_inside &= ((across + 32768) >> 16 < width) & ((down + 32768) >> 16 < height)
        values = values * is_inside[..., None]
    total = np.sum([values[i::samples, j::samples] for i in range(samples) for j in range(samples)], axis=0)
    shift = 14 + 2 * samples
    return ((total + (1 << (shift - 1))) >> shift).astype(np.uint8)


def _neighbour(place: np.ndarray, length: int) -> tuple[np.ndarray, np.ndarray]:
    """Index of the first of two neighbours, and 1/256 of the way to the second; the edge goes on beyond the frame."""
    index, part = place >> 16, place >> 8 & 255
    part = np.where(index < 0, 0, np.where(index > length - 2, 256, part))
    return np.clip(index, 0, length - 2), part
