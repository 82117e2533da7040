"""A face as a direction in 192 dimensions: MobileFaceNet on a picture aligned by five points of the mesh."""

from array import array
from math import sqrt

from terminal.face import geometry

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from terminal.face.frame import Frame
    from terminal.face.geometry import Point
    from terminal.face.interface import AnyNet


class Embedder:
    def __init__(self, net: "AnyNet") -> None:
        self.net = net
        self.model_id = net.name

    def embed(self, frame: "Frame", points: "Sequence[Point]") -> "Generator[None, None, array[float]]":
        """`points` are those of `Mesh.five`. Of length 1."""
        net = self.net
        yield from net.take(frame, geometry.similarity(points))
        yield from net.steps()
        output = net.outputs[0]
        return normalised(output.numbers(0, output.channels))


def normalised(numbers: "Sequence[float]") -> "array[float]":
    length = sqrt(sum(number * number for number in numbers)) or 1.0
    return array("f", [number / length for number in numbers])


def mean(embeddings: "Sequence[array[float]]") -> "array[float]":
    return normalised([sum(numbers) for numbers in zip(*embeddings)])  # noqa: B905 - MicroPython's zip takes no `strict`


def cosine(one: "Sequence[float]", other: "Sequence[float]") -> float:
    return sum(a * b for a, b in zip(one, other))  # noqa: B905


def wipe(embedding: "array[float]") -> None:
    for index in range(len(embedding)):
        embedding[index] = 0.0
