"""A face model as a list of layers: convolutions with what follows them folded in, and max-pools. All in floats.

Four kinds of source graph come down to this: `conv → (+ another tensor, its missing channels zero) → ReLU or PReLU`.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from tools.models.tflite import Graph, Operator, UnknownModel


@dataclass(slots=True)
class Layer:
    """`weights` is [out, height, width, in] of a convolution, [channels, height, width] of a depthwise one."""

    kind: str  # conv, depthwise, max-pool
    source: int
    result: int
    stride: int = 1
    padding: tuple[int, int, int, int] = (0, 0, 0, 0)  # top, left, bottom, right
    weights: np.ndarray = field(default_factory=lambda: np.empty(0))  # none for a max-pool
    bias: np.ndarray = field(default_factory=lambda: np.empty(0))
    added: int | None = None
    slopes: np.ndarray | None = None  # of negative values; zeros for ReLU, None where nothing follows


@dataclass(slots=True)
class Model:
    """`shapes` are (height, width, channels). A pixel `q` of the input stands for (q - mean) * scale."""

    name: str
    source: int
    outputs: list[int]
    shapes: dict[int, tuple[int, int, int]]
    layers: list[Layer]
    mean: float = 0.0
    scale: float = 1.0
    is_bgr: bool = False


@dataclass(slots=True)
class _Lowering:
    graph: Graph
    layers: list[Layer] = field(default_factory=list)
    by_result: dict[int, Layer] = field(default_factory=dict)
    same_as: dict[int, int] = field(default_factory=dict)  # reshapes and channel padding: the tensor behind


def lower(graph: Graph, name: str) -> Model:
    """Raises UnknownModel where the graph has another shape than the models this was written for."""
    lowering = _Lowering(graph)
    operators = _fold_split_prelu(graph)
    for operator in operators:
        handler = _HANDLERS.get(operator.kind)
        if handler is None:
            raise UnknownModel(f"no way to lower {operator.kind}")
        handler(lowering, operator)
    last = {op.output: op for op in operators}
    outputs = [leaf for number in graph.outputs for leaf in _leaves(lowering, last, number)]
    used = {
        number
        for layer in lowering.layers
        for number in (layer.source, layer.result, layer.added)
        if number is not None
    }
    shapes = {number: _shape(graph.shapes[number]) for number in used}
    return Model(name, graph.inputs[0], outputs, shapes, lowering.layers)


def _shape(shape: tuple[int, ...]) -> tuple[int, int, int]:
    """Height, width and channels: without the batch."""
    height, width, channels = ((1, 1) + shape[1:])[-3:]
    return height, width, channels


def _leaves(lowering: _Lowering, last: dict[int, Operator], number: int) -> list[int]:
    operator = last.get(number)
    if operator is not None and operator.kind == "concatenation":
        return [leaf for part in operator.inputs for leaf in _leaves(lowering, last, part)]
    return [lowering.same_as.get(number, number)]


def _fold_split_prelu(graph: Graph) -> list[Operator]:
    """MobileFaceNet's PReLU comes as relu(x) + c * (x - |x|): the slope is 2c."""
    made = {op.output: op for op in graph.operators}
    dropped: set[int] = set()
    folded = []
    for operator in graph.operators:
        parts = {made[number].kind: made[number] for number in operator.inputs if number in made}
        if operator.kind == "add" and parts.keys() == {"relu", "mul"}:
            relu, product = parts["relu"], parts["mul"]
            factor, difference = sorted(product.inputs, key=lambda number: number not in graph.constants)
            inner = made[difference]
            slopes = -max(graph.constants) - 1 - len(graph.constants)
            graph.constants[slopes] = 2 * graph.constants[factor]
            operator = Operator("prelu", [relu.inputs[0], slopes], operator.output, {})
            dropped |= {relu.output, product.output, *(n for n in (inner.output, *inner.inputs) if n != relu.inputs[0])}
        folded.append(operator)
    return [operator for operator in folded if operator.output not in dropped]


def _convolution(lowering: _Lowering, operator: Operator) -> None:
    graph = lowering.graph
    source, weights, bias = operator.inputs
    source = lowering.same_as.get(source, source)
    values = graph.constants[weights]
    values = values[0].transpose(2, 0, 1) if operator.kind == "depthwise" else values
    size, stride = values.shape[1:3], operator.options["stride"]
    padding = (0, 0, 0, 0) if operator.options["is_valid"] else _same(graph.shapes[source][1:3], size, stride)
    layer = Layer(operator.kind, source, operator.output, stride, padding, values, graph.constants[bias])
    _append(lowering, layer)
    if operator.options["activation"]:
        layer.slopes = np.zeros(len(values), np.float32)


def _max_pool(lowering: _Lowering, operator: Operator) -> None:
    if operator.options["size"] != 2 or operator.options["stride"] != 2:
        raise UnknownModel("max-pool other than 2 x 2")
    _append(lowering, Layer("max-pool", operator.inputs[0], operator.output, 2))


def _append(lowering: _Lowering, layer: Layer) -> None:
    lowering.layers.append(layer)
    lowering.by_result[layer.result] = layer


def _same(size: tuple[int, ...], kernel: tuple[int, ...], stride: int) -> tuple[int, int, int, int]:
    """The SAME padding of TensorFlow: the odd pixel goes to the bottom and the right."""
    high, wide = (
        max((-(-length // stride) - 1) * stride + k - length, 0) for length, k in zip(size, kernel, strict=True)
    )
    return high // 2, wide // 2, high - high // 2, wide - wide // 2


def _add(lowering: _Lowering, operator: Operator) -> None:
    """Folded into the last convolution among its two sources, which moves here: the other source must come first."""
    sources = [lowering.same_as.get(number, number) for number in operator.inputs]
    makers = [lowering.by_result[number] for number in sources]
    fitting = [layer for layer in makers if layer.kind == "conv" and layer.added is None and layer.slopes is None]
    if not fitting:
        raise UnknownModel("an addition without a convolution before it")
    layer = max(fitting, key=lowering.layers.index)
    layer.added = next(number for number in sources if number != layer.result)
    lowering.layers.remove(layer)
    lowering.layers.append(layer)
    _rename(lowering, layer, operator.output)


def _activation(lowering: _Lowering, operator: Operator) -> None:
    layer = lowering.by_result[operator.inputs[0]]
    count = len(layer.weights)
    slopes = np.zeros(count, np.float32) if operator.kind == "relu" else lowering.graph.constants[operator.inputs[1]]
    layer.slopes = slopes.reshape(count)
    _rename(lowering, layer, operator.output)


def _rename(lowering: _Lowering, layer: Layer, result: int) -> None:
    del lowering.by_result[layer.result]
    layer.result = result
    lowering.by_result[result] = layer


def _alias(lowering: _Lowering, operator: Operator) -> None:
    source = operator.inputs[0]
    lowering.same_as[operator.output] = lowering.same_as.get(source, source)


def _channel_pad(lowering: _Lowering, operator: Operator) -> None:
    amounts = lowering.graph.constants[operator.inputs[1]]
    if amounts[:3].any() or amounts[3, 0]:
        raise UnknownModel("padding other than of channels at their end")
    _alias(lowering, operator)


def _nothing(_lowering: _Lowering, _operator: Operator) -> None:
    """Concatenations of outputs: the parts are the outputs."""


_HANDLERS: dict[str, Callable[[_Lowering, Operator], None]] = {
    "conv": _convolution,
    "depthwise": _convolution,
    "max-pool": _max_pool,
    "add": _add,
    "relu": _activation,
    "prelu": _activation,
    "reshape": _alias,
    "pad": _channel_pad,
    "concatenation": _nothing,
}
