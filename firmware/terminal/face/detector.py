"""Faces in a frame: BlazeFace over the whole of it, shrunk to a square of 128 pixels.

Its points are too coarse to align a face with after the conversion to 8 bits (an eighth of the distance of the eyes):
they give the angle for the landmarks, no more.
"""

from collections import namedtuple
from math import exp, log

from terminal.face import geometry

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from terminal.face.frame import Frame
    from terminal.face.interface import AnyNet, AnyOutput

THRESHOLD = 0.5
_OVERLAP = 0.3  # of two boxes of the same face
_NUMBERS = 16  # of an anchor: middle, size and six points
_MOST = 64  # candidates; one face brings about ten

# `box` is left, top, right, bottom in the frame; `points` are both eyes, nose, mouth and both ears, seen from the front
Face = namedtuple("Face", ("score", "box", "points"))


class Detector:
    def __init__(self, net: "AnyNet", threshold: float = THRESHOLD) -> None:
        self.net = net
        self.model_id = net.name
        self._threshold = threshold

    def detect(self, frame: "Frame") -> "Generator[None, None, list[Face]]":
        """Best first. `yield from` it: the event loop gets its turn between the steps."""
        net = self.net
        view = geometry.letterbox(frame.width, frame.height, net.width)
        yield from net.take(frame, view, is_black_outside=True)
        yield from net.steps()
        faces = merge(candidates(net.outputs, net.width, self._threshold))
        return [_in_frame(face, view) for face in faces]


def candidates(outputs: "Sequence[AnyOutput]", size: int, threshold: float) -> "list[tuple[float, tuple[float, ...]]]":
    """Score and sixteen numbers in pixels of the net's picture, for each anchor above the threshold, best first."""
    boxes, scores = outputs[: len(outputs) // 2], outputs[len(outputs) // 2 :]
    found = []
    for box, score in zip(boxes, scores):  # noqa: B905 - MicroPython's zip takes no `strict`
        anchors = score.channels
        least = log(threshold / (1 - threshold)) / score.scale
        for row in range(score.height):
            logits = score.numbers(row * score.width * anchors, score.width * anchors)
            for index, number in enumerate(logits):
                if number >= least:
                    chance = 1 / (1 + exp(-min(60.0, number * score.scale)))
                    x, y = (index // anchors + 0.5) * size / score.width, (row + 0.5) * size / score.height
                    first = (row * score.width * anchors + index) * _NUMBERS
                    raw = [number * box.scale for number in box.numbers(first, _NUMBERS)]
                    middle = [raw[0] + x, raw[1] + y, raw[2], raw[3]]
                    points = [raw[at] + (y if at & 1 else x) for at in range(4, _NUMBERS)]
                    found.append((chance, tuple(middle + points)))
    found.sort(reverse=True)
    return found[:_MOST]


def merge(found: "list[tuple[float, tuple[float, ...]]]") -> "list[tuple[float, list[float]]]":
    """One face for each group of overlapping boxes: their mean, weighted by the scores."""
    faces = []
    while found:
        best = found[0]
        group = [one for one in found if _overlap(best[1], one[1]) >= _OVERLAP]
        found = [one for one in found if one not in group and one is not best]
        total = sum(one[0] for one in group) or 1.0
        faces.append((best[0], [sum(one[0] * one[1][at] for one in group) / total for at in range(_NUMBERS)]))
    return faces


def _overlap(one: "Sequence[float]", other: "Sequence[float]") -> float:
    """Common area over whole area."""
    across = min(one[0] + one[2] / 2, other[0] + other[2] / 2) - max(one[0] - one[2] / 2, other[0] - other[2] / 2)
    down = min(one[1] + one[3] / 2, other[1] + other[3] / 2) - max(one[1] - one[3] / 2, other[1] - other[3] / 2)
    if across <= 0 or down <= 0:
        return 0.0
    return across * down / (one[2] * one[3] + other[2] * other[3] - across * down)


def _in_frame(face: "tuple[float, list[float]]", view: "geometry.View") -> Face:
    score, numbers = face
    x, y, width, height = numbers[:4]
    # anchors count from the corner of the picture, views from the middle of its first pixel
    left, top = geometry.place(view, x - width / 2 - 0.5, y - height / 2 - 0.5)
    right, bottom = geometry.place(view, x + width / 2 - 0.5, y + height / 2 - 0.5)
    points = [geometry.place(view, numbers[at] - 0.5, numbers[at + 1] - 0.5) for at in range(4, _NUMBERS, 2)]
    return Face(score, (left, top, right, bottom), points)
