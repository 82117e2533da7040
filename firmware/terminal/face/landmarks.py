"""468 points of a face: FaceMesh on a square around the face, turned so that the eyes are level."""

import struct
from math import atan2, exp

from terminal.face import geometry

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Generator

    from terminal.face.detector import Face
    from terminal.face.frame import Frame
    from terminal.face.geometry import Point, View
    from terminal.face.interface import AnyNet

POINTS = 468
_MARGIN = 1.5  # side of the square over the longer side of the face's box
_RIGHT_EYE = (33, 133, 159, 145)  # the person's: on the left of the picture; corners, lids
_LEFT_EYE = (362, 263, 386, 374)
_NOSE = 1
_MOUTH = (61, 291)
# the outline of the face, which spans the box of the next crop
_OUTLINE = (10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377, 152, 148, 176, 149)
_OUTLINE += (150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109)


class Mesh:
    """`presence` is the model's own chance that there is a face."""

    def __init__(self, numbers: bytes, scale: float, view: "View", presence: float) -> None:
        self._numbers, self._scale, self._view = numbers, scale, view
        self.presence = presence

    def point(self, index: int) -> "Point":
        """In the frame."""
        x, y = struct.unpack_from("<2h", self._numbers, 6 * index)
        return geometry.place(self._view, x * self._scale - 0.5, y * self._scale - 0.5)

    def depth(self, index: int) -> float:
        """Towards the camera is less; in pixels of the frame, about."""
        (z,) = struct.unpack_from("<h", self._numbers, 6 * index + 4)
        a, _, _, d, _, _ = self._view
        return z * self._scale * (a * a + d * d) ** 0.5

    def mean(self, indices: "tuple[int, ...]") -> "Point":
        points = [self.point(index) for index in indices]
        return sum(p[0] for p in points) / len(points), sum(p[1] for p in points) / len(points)

    def five(self) -> "list[Point]":
        """Eyes, tip of the nose, corners of the mouth: what a face is aligned with."""
        return [self.mean(_RIGHT_EYE), self.mean(_LEFT_EYE), self.point(_NOSE)] + [
            self.point(index) for index in _MOUTH
        ]

    def box(self) -> "tuple[float, float, float, float]":
        """Left, top, right and bottom of the outline."""
        points = [self.point(index) for index in _OUTLINE]
        across, down = [point[0] for point in points], [point[1] for point in points]
        return min(across), min(down), max(across), max(down)


class Landmarks:
    def __init__(self, net: "AnyNet") -> None:
        self.net = net
        self.model_id = net.name

    def mesh(self, frame: "Frame", face: "Face") -> "Generator[None, None, Mesh]":
        left, top, right, bottom = face.box
        side = _MARGIN * max(right - left, bottom - top)
        view = _view(((left + right) / 2, (top + bottom) / 2), side, face.points[0], face.points[1], self.net.width)
        return (yield from self._mesh(frame, view))

    def again(self, frame: "Frame", mesh: Mesh) -> "Generator[None, None, Mesh]":
        """From the mesh of the frame before, or of the same frame for a closer look."""
        return (yield from self._mesh(frame, next_view(mesh, self.net.width)))

    def _mesh(self, frame: "Frame", view: "View") -> "Generator[None, None, Mesh]":
        net = self.net
        yield from net.take(frame, view)
        yield from net.steps()
        points, presence = net.outputs
        logit = presence.numbers(0, 1)[0] * presence.scale
        return Mesh(bytes(points.view), points.scale, view, 1 / (1 + exp(-logit)))


def next_view(mesh: Mesh, size: int) -> "View":
    left, top, right, bottom = mesh.box()
    side = _MARGIN * max(right - left, bottom - top)
    return _view(((left + right) / 2, (top + bottom) / 2), side, mesh.mean(_RIGHT_EYE), mesh.mean(_LEFT_EYE), size)


def _view(centre: "Point", side: float, right_eye: "Point", left_eye: "Point", size: int) -> "View":
    angle = atan2(left_eye[1] - right_eye[1], left_eye[0] - right_eye[0])
    return geometry.square(centre, side, angle, size)
