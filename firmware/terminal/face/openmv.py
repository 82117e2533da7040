"""A net on the neural unit of an OpenMV camera, behind the interface of `Net`: its module `ml`, handed in by the board.

Written after the documentation of `ml.Model` and tested with a recorded stand-in: not run on hardware. A compiled model
has a name and a table of thresholds of its own; its scores are not those of the portable engine.
"""

# Viper takes a buffer where it wants a pointer.
# pyright: reportArgumentType=false
from array import array

from terminal.face import sampling

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Generator, Sequence
    from typing import Any

    from terminal.face.frame import Frame
    from terminal.face.geometry import View

# Parts of the outputs in the order that the steps expect: elements of the output, first of the part, its shape
DETECTOR = ((14336, 0, 16, 16, 32), (14336, 8192, 8, 8, 96), (896, 0, 16, 16, 2), (896, 512, 8, 8, 6))
LANDMARKS = ((1404, 0, 1, 1, 1404), (1, 0, 1, 1, 1))
EMBEDDER = ((192, 0, 1, 1, 192),)
PAD = ((3, 0, 1, 1, 3),)
_STEP = 1 / 64


class OpenmvOutput:
    def __init__(self, values: "Sequence[float]", height: int, width: int, channels: int) -> None:
        self.height, self.width, self.channels = height, width, channels
        self.scale = _STEP
        self._values = values

    @property
    def view(self) -> "array[int]":
        return array("h", self.numbers(0, self.height * self.width * self.channels))

    def numbers(self, first: int, count: int) -> "tuple[int, ...]":
        return tuple(max(-32768, min(32767, round(value / _STEP))) for value in self._values[first : first + count])


class OpenmvNet:
    """`model` is an `ml.Model`; `mean` and `divisor` are those of the manifest."""

    def __init__(
        self,
        model: "Any",
        name: str,
        parts: "Sequence[tuple[int, ...]]",
        mean: float,
        divisor: float,
        is_bgr: bool = False,
    ) -> None:
        _, self.height, self.width, _ = model.input_shape[0]
        if model.input_dtype[0] not in ("b", "B"):
            raise ValueError("a model whose input is not of 8 bits")
        self.name = name
        self.outputs: list[OpenmvOutput] = []
        self._model, self._parts, self._is_bgr = model, parts, is_bgr
        self._picture = bytearray(3 * self.width * self.height)
        scale, zero = model.input_scale[0], model.input_zero_point[0]
        low = -128 if model.input_dtype[0] == "b" else 0
        codes = [round((pixel - mean) / divisor / scale) + zero for pixel in range(256)]
        self._codes = bytes(max(low, min(low + 255, code)) & 0xFF for code in codes)

    def take(self, frame: "Frame", view: "View", is_black_outside: bool = False) -> "Generator[None]":
        size = self.width, 3 * self.width
        plan = sampling.plan(frame, view, size, self._is_bgr, is_black_outside)
        sampling.sample(self._picture, frame.pixels, 0, self.height, plan)
        yield

    def steps(self) -> "Generator[None]":
        """One step: the unit cannot be interrupted, and takes tens of milliseconds."""
        found = {}
        for output in self._model.predict([self._fill]):
            values = output.flatten()
            found[len(values)] = values
        self.outputs = [
            OpenmvOutput(found[elements][first : first + height * width * channels], height, width, channels)
            for elements, first, height, width, channels in self._parts
        ]
        yield

    def _fill(self, tensor: bytearray, shape: "tuple[int, ...]", dtype: "int | str") -> None:
        """`ml` calls it with the memory of the input tensor."""
        del dtype
        if tuple(shape)[1:3] != (self.height, self.width) or len(tensor) != len(self._picture):
            raise ValueError("an input of another size")
        sampling.translate(tensor, self._picture, len(tensor), self._codes)
