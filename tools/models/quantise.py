"""From floats to integers: ranges of the tensors over calibration pictures, then weights, multipliers and shifts.

Weights: signed 8 bits, a scale for each output channel. Activations: 8 bits around a zero, a scale for each tensor.
"""

from collections.abc import Iterable, Sequence
from math import floor, log2

import numpy as np

from tools.models import arena, floating
from tools.models.equalise import equalise
from tools.models.layers import Layer, Model
from tools.models.netfile import ADD, ADD_PRELU, LINEAR, PRELU, WIDE, Net, Operation, Tensor

PERCENTILE = 99.99
SAMPLES = 4096  # values of each tensor that are kept from a picture
PART_BITS = 16  # of what is left of a sum after the first shift, without its sign
FACTOR_BITS = 14
SLOPE_SHIFT = 14
CHUNK = 64  # most products that the kernel of 64 bits takes at once
PACKED_SUM = 4112  # 255 times as much stays below 2**20, half a field of the packed sum
DEPTHWISE_SUM_BITS = 19  # of a sum with its bias, beside two fields of 22 bits


def quantise(model: Model, pictures: Sequence[np.ndarray]) -> Net:
    """The weights of the model are evened out in place; it computes the same as before."""
    equalise(model, pictures)
    ranges = _ranges(model, pictures)
    order = [
        model.source,
        *(layer.result for layer in model.layers if layer.result not in model.outputs),
        *model.outputs,
    ]
    number = {tensor: index for index, tensor in enumerate(order)}
    tensors = [_tensor(model, tensor, ranges) for tensor in order]
    operations = [_operation(model, layer, number, tensors) for layer in model.layers]
    net = Net(model.name, model.mean, model.scale, model.is_bgr, len(model.outputs), tensors, operations)
    for operation in operations:
        _check(operation)
    arena.lay_out(net)
    return net


def _ranges(model: Model, pictures: Iterable[np.ndarray]) -> dict[int, tuple[float, float]]:
    random = np.random.default_rng(20191201)
    kept: dict[int, list[np.ndarray]] = {}
    for picture in pictures:
        for tensor, values in floating.run(model, picture).items():
            flat = values.ravel()
            sample = flat if len(flat) <= SAMPLES else random.choice(flat, SAMPLES, replace=False)
            extremes = np.percentile(flat, (100 - PERCENTILE, PERCENTILE)).astype(np.float32)
            kept.setdefault(tensor, []).append(np.concatenate((sample, extremes)))
    ranges = {}
    for tensor, samples in kept.items():
        values = np.concatenate(samples)
        low, high = np.percentile(values, (100 - PERCENTILE, PERCENTILE))
        ranges[tensor] = (min(float(low), 0.0), max(float(high), 1e-6))
    return ranges


def _tensor(model: Model, tensor: int, ranges: dict[int, tuple[float, float]]) -> Tensor:
    shape = model.shapes[tensor]
    border = _border(model, tensor)
    if tensor == model.source:
        return Tensor(*shape, border, round(model.mean), False, model.scale)
    low, high = ranges[tensor]
    if tensor in model.outputs:  # room for twice what was seen
        return Tensor(*shape, is_wide=True, scale=2.0 ** -floor(log2(16383 / max(-low, high))))
    scale = (high - low) / 255
    return Tensor(*shape, border, round(-low / scale), False, scale)


def _border(model: Model, tensor: int) -> tuple[int, int, int, int]:
    """As wide as its readers need; a padded row or column that no kernel reaches is left out."""
    border = [0, 0, 0, 0]
    for layer in model.layers:
        if layer.source == tensor:
            border = [max(pair) for pair in zip(border, layer.padding, strict=True)]
    return border[0], border[1], border[2], border[3]


def _operation(model: Model, layer: Layer, number: dict[int, int], tensors: list[Tensor]) -> Operation:
    operation = Operation(layer.kind, LINEAR, number[layer.source], number[layer.result], stride=layer.stride)
    operation.size = layer.weights.shape[1:3] if layer.weights.size else (2, 2)
    operation.reach = layer.padding[:2]
    if tensors[operation.result].height == tensors[operation.result].width == 1:
        operation.stride = 1  # one place only: how far the next one would be says nothing
    source, result = tensors[operation.source], tensors[operation.result]
    if not layer.weights.size:  # its values are the source's
        result.scale, result.zero = source.scale, source.zero
        return operation
    flat = layer.weights.reshape(len(layer.weights), -1).astype(np.float64)
    scales = np.abs(flat).max(axis=1) / 127
    scales[scales == 0] = 1e-9
    mean = model.mean if operation.source == 0 else source.zero
    weights, biases = _integers(flat, layer.bias, scales, source.scale, mean)
    if layer.kind == "depthwise":
        while (too_high := _reach(weights, biases) >= 1 << DEPTHWISE_SUM_BITS).any():
            scales[too_high] *= 1.25
            weights, biases = _integers(flat, layer.bias, scales, source.scale, mean)
    else:
        depth = -(-flat.shape[1] // 8) * 8
        weights = np.pad(weights, ((0, 0), (0, depth - flat.shape[1])))
        operation.depth, operation.chunk = depth, _chunk(weights)
    operation.weights = weights
    added = None
    if layer.added is not None:
        operation.added = number[layer.added]
        added = tensors[operation.added]
    _scale(layer, operation, biases, scales * source.scale, result, added)
    return operation


def _integers(
    flat: np.ndarray, bias: np.ndarray, scales: np.ndarray, source_scale: float, mean: float
) -> tuple[np.ndarray, np.ndarray]:
    weights = np.rint(flat / scales[:, None]).astype(np.int64)
    biases = np.rint(bias / (source_scale * scales) - mean * weights.sum(axis=1)).astype(np.int64)
    return weights, biases


def _reach(weights: np.ndarray, biases: np.ndarray) -> np.ndarray:
    """The highest magnitude of sum and bias over all pictures."""
    up, down = (255 * np.clip(sign * weights, 0, None).sum(axis=1) for sign in (1, -1))
    return np.maximum(np.abs(up + biases), np.abs(biases - down))


def _chunk(weights: np.ndarray) -> int:
    """As even as can be, at most CHUNK, and no packed sum overflows its field."""
    depth = weights.shape[1]
    for parts in range(-(-depth // CHUNK), depth // 8 + 1):
        size = -(-depth // 8 // parts) * 8
        pieces = [weights[:, at : at + size] for at in range(0, depth, size)]
        if all(np.clip(sign * piece, 0, None).sum(axis=1).max() <= PACKED_SUM for piece in pieces for sign in (1, -1)):
            return size
    raise OverflowError("weights")


def _scale(
    layer: Layer,
    operation: Operation,
    biases: np.ndarray,
    scales: np.ndarray,
    result: Tensor,
    added: Tensor | None,
) -> None:
    """Chooses the shifts so that every step keeps within its bits, then the factors. `scales` are those of the sums."""
    operation.post = _post(layer, result)
    if operation.post in (LINEAR, ADD) and layer.slopes is not None:  # ReLU is the lower end of the range
        result.zero = 0
    reach = _reach(operation.weights, biases)
    slopes = layer.slopes if layer.slopes is not None and layer.slopes.any() else np.ones(len(scales))
    unit = result.scale  # of what the first two steps give
    if added is not None and operation.post == ADD_PRELU:  # with a fraction, until its slope is applied
        most = max(1, np.abs(slopes).max()) * ((reach * scales).max() + 255 * added.scale) / unit
        unit *= 2.0 ** -floor(PART_BITS - 1 - log2(most))
    ratios = scales / unit
    negative_ratios = ratios * slopes if operation.post == PRELU else ratios
    steepest = max(ratios.max(), np.abs(negative_ratios).max())
    first = max(0, int(reach.max()).bit_length() - PART_BITS, floor(-7 - log2(steepest)))
    second = min(20, floor(FACTOR_BITS - log2(steepest * 2.0**first)))
    if added is not None:
        second = min(second, floor(20 - log2(added.scale / unit)))
    operation.biases = biases + (1 << first >> 1)
    operation.factors = np.rint(ratios * 2.0 ** (first + second)).astype(np.int64)
    operation.negatives = np.rint(negative_ratios * 2.0 ** (first + second)).astype(np.int64)
    zero = 0 if operation.post in (ADD_PRELU, WIDE) else result.zero
    operation.rounding = (zero << second) + (1 << second >> 1)
    third = 0
    if added is not None:
        operation.added_factor = round(added.scale / unit * 2.0**second)
        operation.rounding -= added.zero * operation.added_factor
    if operation.post == ADD_PRELU:
        operation.negatives = np.rint(slopes * (1 << SLOPE_SHIFT)).astype(np.int64)
        third = SLOPE_SHIFT + round(log2(result.scale / unit))
        operation.late_rounding = (result.zero << third) + (1 << third >> 1)
    operation.shifts = (first, second, third)


def _post(layer: Layer, result: Tensor) -> int:
    is_prelu = layer.slopes is not None and bool(layer.slopes.any())
    if layer.added is not None:
        return ADD_PRELU if is_prelu else ADD
    if result.is_wide:
        return WIDE
    return PRELU if is_prelu else LINEAR


def _check(operation: Operation) -> None:
    """For every picture: no step leaves 32 bits, no field its place."""
    if not operation.weights.size:
        return
    part = ((_reach(operation.weights, operation.biases) >> operation.shifts[0]) + 1).max()
    steep = max(operation.factors.max(), np.abs(operation.negatives).max() if operation.post == PRELU else 0)
    most = part * steep + 255 * operation.added_factor + abs(operation.rounding)
    late = (most >> operation.shifts[1]) * max(1 << SLOPE_SHIFT, np.abs(operation.negatives).max())
    if (
        part > (1 << 17) - 1
        or most >= 1 << 31
        or operation.added_factor >= 1 << 29
        or abs(operation.rounding) >= 1 << 29
    ):
        raise OverflowError("a scale")
    if operation.post == ADD_PRELU and late + abs(operation.late_rounding) >= 1 << 31:
        raise OverflowError("a slope")
    if operation.kind == "depthwise" and _reach(operation.weights, operation.biases).max() >= 1 << DEPTHWISE_SUM_BITS:
        raise OverflowError("a depthwise sum")
