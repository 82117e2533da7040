"""A net on the PC behind the interface of the terminal's `Net`: in floats, or in the reference's integers.

With it the terminal's own detector, landmarks, embedder and anti-spoof module run on the PC.
"""

from collections.abc import Generator
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from terminal.face.frame import RGB888, Frame

from tools.models import floating, reference
from tools.models.layers import Model
from tools.models.netfile import Net

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class HostOutput:
    values: np.ndarray
    scale: float

    @property
    def height(self) -> int:
        return self.values.shape[0]

    @property
    def width(self) -> int:
        return self.values.shape[1]

    @property
    def channels(self) -> int:
        return self.values.shape[2]

    @property
    def view(self) -> bytes:
        return self.values.astype("<i2").tobytes()

    def numbers(self, first: int, count: int) -> tuple[Any, ...]:
        return tuple(self.values.ravel()[first : first + count].tolist())


class HostNet:
    """`kept` are the pictures that were looked at."""

    FLOAT_STEP = 1 / 64  # what floats are rounded to where they are kept as 16 bits: a mesh

    def __init__(self, model: Model, net: Net | None = None) -> None:
        self.name = model.name
        self.height, self.width = model.shapes[model.source][:2]
        self.outputs: list[HostOutput] = []
        self.kept: list[np.ndarray] = []
        self._model, self._net = model, net

    def take(self, frame: Any, view: tuple[float, ...], is_black_outside: bool = False) -> Generator[None]:
        pixels = np.frombuffer(frame.pixels, np.uint8).reshape(frame.height, frame.width, frame.kind)
        picture = reference.take(pixels, view, (self.height, self.width), is_black_outside)
        picture = np.repeat(picture, 3, axis=2) if frame.kind == 1 else picture
        self.kept.append(picture[..., ::-1] if self._model.is_bgr else picture)
        yield

    def steps(self) -> Generator[None]:
        picture = self.kept[-1]
        if self._net is not None:
            tensors = self._net.tensors[-self._net.outputs :]
            found = reference.outputs(self._net, picture)
            self.outputs = [HostOutput(values, tensor.scale) for values, tensor in zip(found, tensors, strict=True)]
        else:
            tensors = floating.run(self._model, picture)
            step = self.FLOAT_STEP
            self.outputs = [HostOutput(tensors[number] / step, step) for number in self._model.outputs]
        yield


def frame_of(picture: np.ndarray) -> Frame:
    """Of uint8 [height, width, 3]."""
    return Frame(picture.tobytes(), picture.shape[1], picture.shape[0], RGB888)


def result_of(work: Generator[None, None, T]) -> T:
    """Runs the terminal's steps to their end."""
    while True:
        try:
            next(work)
        except StopIteration as end:
            return end.value
