"""Small models with random weights that use all that the kernels do: sizes, strides, borders, additions, slopes."""

import numpy as np

from tools.models.layers import Layer, Model
from tools.models.netfile import Net
from tools.models.quantise import quantise


class Builder:
    def __init__(self, seed: int, size: int) -> None:
        self.random = np.random.default_rng(seed)
        self.layers: list[Layer] = []
        self.shapes = {0: (size, size, 3)}

    def add(
        self,
        kind: str,
        source: int,
        channels: int = 0,
        kernel: int = 1,
        stride: int = 1,
        slopes: str = "",
        added: int | None = None,
        is_valid: bool = False,
    ) -> int:
        height, width, depth = self.shapes[source]
        channels = channels or depth
        total = 0 if is_valid else max((-(-height // stride) - 1) * stride + kernel - height, 0)
        result = len(self.shapes)
        layer = Layer(kind, source, result, stride, (total // 2, total // 2, total - total // 2, total - total // 2))
        if kind != "max-pool":
            shape = (channels, kernel, kernel, depth) if kind == "conv" else (channels, kernel, kernel)
            fan_in = kernel * kernel * (depth if kind == "conv" else 1)
            layer.weights = self.random.normal(0, (2 / fan_in) ** 0.5, shape)
            layer.bias = self.random.normal(0, 0.2, channels)
        else:
            layer.padding = (0, 0, 0, 0)
        if slopes:
            layer.slopes = np.zeros(channels) if slopes == "relu" else self.random.uniform(-0.3, 1.2, channels)
        layer.added = added
        self.layers.append(layer)
        rows = (height + total - kernel) // stride + 1 if kind != "max-pool" else height // 2
        self.shapes[result] = (rows, rows, channels)
        return result


def random_model(seed: int) -> Model:
    """Odd numbers of channels, as MiniFASNet has them, and a size that three pixels do not divide."""
    b = Builder(seed, 22)
    stem = b.add("conv", 0, 13, kernel=5, stride=2, slopes="prelu")
    first = b.add("depthwise", stem, kernel=3, slopes="prelu")
    first = b.add("conv", first, 13, slopes="relu", added=stem)
    second = b.add("depthwise", first, kernel=3)
    second = b.add("conv", second, 24, slopes="prelu", added=first)  # its missing channels are zero
    wide = b.add("conv", second, 103, slopes="prelu")
    wide = b.add("depthwise", wide, kernel=3, stride=2, slopes="relu", is_valid=True)
    narrow = b.add("conv", wide, 16)
    pooled = b.add("conv", narrow, 31, slopes="relu")
    tail = b.add("depthwise", pooled, kernel=5, is_valid=True)
    top = b.add("conv", tail, 9)
    side = b.add("conv", narrow, 4, kernel=3)
    return Model("random", 0, [top, side], b.shapes, b.layers, mean=127.5, scale=1 / 127.5)


def random_net(seed: int) -> tuple[Net, list[np.ndarray]]:
    random = np.random.default_rng(seed)
    model = random_model(seed)
    height, width, _ = model.shapes[0]
    pictures = [random.integers(0, 256, (height, width, 3), dtype=np.uint8) for _ in range(6)]
    return quantise(model, pictures), pictures
