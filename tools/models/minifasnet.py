"""MiniFASNetV2 from its file of PyTorch weights: 1x1 and depthwise convolutions, batch norms folded in, BGR 0..255."""

import io
import pickle
from collections import OrderedDict
from typing import Any

import numpy as np

from tools.models.layers import Layer, Model
from tools.models.tflite import UnknownModel

SIZE = 80
_EPSILON = 1e-5
_STAGES = (("conv_23", 0), ("conv_3", 4), ("conv_34", 0), ("conv_4", 6), ("conv_45", 0), ("conv_5", 2))


class _Weights(pickle.Unpickler):
    """Knows tensors of float32 and int64 only; everything else a pickle could call is refused."""

    def find_class(self, module: str, name: str) -> Any:
        known = {
            ("collections", "OrderedDict"): OrderedDict,
            ("torch._utils", "_rebuild_tensor_v2"): lambda storage, offset, shape, *_: (storage, offset, shape),
            ("torch", "FloatStorage"): "<f4",
            ("torch", "LongStorage"): "<i8",
        }
        if (module, name) not in known:
            raise UnknownModel("the weights ask for other code than tensors")
        return known[module, name]

    def persistent_load(self, pid: Any) -> tuple[str, str]:
        _, kind, key, *_ = pid
        return kind, key


def read_weights(content: bytes) -> dict[str, np.ndarray]:
    """The older format: four pickles (mark, version, machine, weights), the order of the storages, the storages."""
    file = io.BytesIO(content)
    for _ in range(3):
        _Weights(file).load()
    weights = _Weights(file).load()
    kinds = {key: kind for (kind, key), _, _ in weights.values()}
    storages = {}
    for key in _Weights(file).load():
        count = int.from_bytes(file.read(8), "little")
        dtype = np.dtype(kinds[key])
        storages[key] = np.frombuffer(file.read(count * dtype.itemsize), dtype)
    tensors = {}
    for name, ((_, key), offset, shape) in weights.items():
        count = int(np.prod(shape, dtype=int))
        tensors[name.removeprefix("module.")] = storages[key][offset : offset + count].reshape(shape)
    return tensors


def build(content: bytes) -> Model:
    builder = _Builder(read_weights(content))
    builder.convolution("conv1", 2, "conv1.prelu.weight")
    builder.convolution("conv2_dw", 1, "conv2_dw.prelu.weight")
    for stage, count in _STAGES:
        if count:
            for index in range(count):
                builder.block(f"{stage}.model.{index}", 1, is_residual=True)
        else:
            builder.block(stage, 2, is_residual=False)
    builder.convolution("conv_6_sep", 1, "conv_6_sep.prelu.weight")
    builder.convolution("conv_6_dw", 1, None, is_valid=True)
    builder.classes()
    return Model("minifasnet-v2-80", 0, [builder.last], builder.shapes, builder.layers, is_bgr=True)


class _Builder:
    def __init__(self, weights: dict[str, np.ndarray]) -> None:
        self.weights = weights
        self.layers: list[Layer] = []
        self.shapes = {0: (SIZE, SIZE, 3)}
        self.last = 0

    def convolution(self, name: str, stride: int, slopes: str | None, is_valid: bool = False) -> Layer:
        values, bias = self._folded(f"{name}.conv.weight", f"{name}.bn")
        is_depthwise = values.shape[1] == 1
        values = values[:, 0] if is_depthwise else values.transpose(0, 2, 3, 1)
        kernel = values.shape[1]
        pad = 0 if is_valid else kernel // 2
        height = (self.shapes[self.last][0] + 2 * pad - kernel) // stride + 1
        layer = Layer(
            "depthwise" if is_depthwise else "conv",
            self.last,
            len(self.shapes),
            stride,
            (pad, pad, pad, pad),
            values,
            bias,
        )
        layer.slopes = self.weights[slopes] if slopes else None
        self.layers.append(layer)
        self.last = layer.result
        self.shapes[self.last] = (height, height, len(values))
        return layer

    def block(self, name: str, stride: int, is_residual: bool) -> None:
        start = self.last
        self.convolution(f"{name}.conv", 1, f"{name}.conv.prelu.weight")
        self.convolution(f"{name}.conv_dw", stride, f"{name}.conv_dw.prelu.weight")
        project = self.convolution(f"{name}.project", 1, None)
        project.added = start if is_residual else None

    def classes(self) -> None:
        """Two linear layers with a batch norm between them are one."""
        inner, bias = self._folded("linear.weight", "bn")
        outer = self.weights["prob.weight"]
        values = (outer @ inner).reshape(len(outer), 1, 1, -1)
        layer = Layer("conv", self.last, len(self.shapes), weights=values, bias=outer @ bias)
        self.layers.append(layer)
        self.last = layer.result
        self.shapes[self.last] = (1, 1, len(outer))

    def _folded(self, weights: str, norm: str) -> tuple[np.ndarray, np.ndarray]:
        scale, shift, mean, variance = (
            self.weights[f"{norm}.{name}"].astype(np.float64)
            for name in ("weight", "bias", "running_mean", "running_var")
        )
        factor = scale / np.sqrt(variance + _EPSILON)
        values = self.weights[weights]
        return values * factor.reshape(-1, *[1] * (values.ndim - 1)), shift - mean * factor
