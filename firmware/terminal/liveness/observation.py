"""What the points of a face mesh say of it: turn, nod, mouth, distance, box, and the shape that tells head from print.

Frames are not mirrored: a head that turns to its own left moves its nose to larger x. The depth that the mesh gives is
not used, for the network invents one for a print as well.
"""

from array import array
from math import sqrt

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

UNIT = 16  # to a pixel

NOSE, BROW, CHIN = 1, 10, 152
CHEEK_RIGHT, CHEEK_LEFT = 234, 454  # the person's own; the right one is at smaller x
EYE_RIGHT, EYE_LEFT = (33, 133), (362, 263)  # corners
LIPS, MOUTH_CORNERS = (13, 14), (61, 291)

# Points that keep their places on the skull, spread in depth: nose, brow, cheeks, temples, corners of the eyes.
# Neither lips nor jaw nor lids, which move by themselves.
# fmt: off
SHAPE = (
    168, 6, 197, 195, 5, 4, 1, 2, 98, 327, 48, 278, 49, 279,
    10, 151, 9, 8, 67, 297, 103, 332,
    50, 280, 101, 330, 116, 345, 123, 352, 205, 425, 187, 411, 117, 346,
    127, 356, 234, 454, 93, 323, 21, 251, 162, 389,
    33, 133, 362, 263,
)
OUTLINE = (10, 338, 332, 251, 356, 454, 361, 397, 379, 400, 152, 176, 150, 172, 132, 234, 127, 21, 103, 109)
# fmt: on


class Observation:
    """`yaw`, `pitch`, `mouth` in thousandths; `eyes`, `box` (left, top, right, bottom) in sixteenths of a pixel."""

    def __init__(
        self, yaw: int, pitch: int, mouth: int, eyes: int, box: "tuple[int, int, int, int]", shape: array
    ) -> None:
        self.yaw = yaw  # of the nose from the middle of the cheeks, over their distance; to the person's left: positive
        self.pitch = pitch  # of the nose from the middle of brow and chin, over their distance
        self.mouth = mouth  # its opening over its width
        self.eyes = eyes  # the distance between the eyes
        self.box = box
        self.shape = shape  # x, y of the SHAPE points, from their centre


def observe(point: "Callable[[int], tuple[float, float]]") -> "Observation | None":
    """`point` gives x and y of a point of the mesh, in pixels. None when parts of the face have no extent."""
    nose, brow, chin = _units(point(NOSE)), _units(point(BROW)), _units(point(CHIN))
    right, left = _units(point(CHEEK_RIGHT)), _units(point(CHEEK_LEFT))
    yaw, pitch = _offset_permille(nose, right, left), _offset_permille(nose, brow, chin)
    mouth_width = _distance(point(MOUTH_CORNERS[0]), point(MOUTH_CORNERS[1]))
    eyes = _distance(_middle(point, EYE_RIGHT), _middle(point, EYE_LEFT))
    if yaw is None or pitch is None or mouth_width < 1 or eyes < 1:
        return None
    mouth = int(1000 * _distance(point(LIPS[0]), point(LIPS[1])) / mouth_width)
    return Observation(yaw, pitch, mouth, int(UNIT * eyes), _box(point), _shape(point))


def relief(base: Observation, turned: Observation) -> int:
    """How far the shape is from any affine picture of the base's, root mean square, in thousandths of the eye distance.

    A flat picture only gives affine pictures of itself, up to perspective; a head does not, for its nose stands out.
    """
    xx = xy = yy = ux = uy = vx = vy = total = 0
    for place in range(0, 2 * len(SHAPE), 2):
        x, y = base.shape[place], base.shape[place + 1]
        u, v = turned.shape[place], turned.shape[place + 1]
        xx += x * x
        xy += x * y
        yy += y * y
        ux += u * x
        uy += u * y
        vx += v * x
        vy += v * y
        total += u * u + v * v
    determinant = float(xx) * yy - float(xy) * xy
    if determinant <= 0:
        return 0  # the base is a line: never relief
    explained = (ux * (ux * float(yy) - uy * float(xy)) + uy * (uy * float(xx) - ux * float(xy))) / determinant
    explained += (vx * (vx * float(yy) - vy * float(xy)) + vy * (vy * float(xx) - vx * float(xy))) / determinant
    left_over = max(0.0, total - explained) / len(SHAPE)
    return int(1000 * sqrt(left_over) / base.eyes)


def overlap_permille(one: "tuple[int, int, int, int]", other: "tuple[int, int, int, int]") -> int:
    """Of two boxes: what they share, over what they cover together."""
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    if width <= 0 or height <= 0:
        return 0
    shared = width * height
    return 1000 * shared // (_area(one) + _area(other) - shared)


def _area(box: "tuple[int, int, int, int]") -> int:
    return (box[2] - box[0]) * (box[3] - box[1])


def _units(place: "tuple[float, float]") -> "tuple[int, int]":
    return int(UNIT * place[0]), int(UNIT * place[1])


def _offset_permille(place: "tuple[int, int]", start: "tuple[int, int]", end: "tuple[int, int]") -> "int | None":
    """Where along the line from start to end a place lies, from its middle, in thousandths of its length."""
    along_x, along_y = end[0] - start[0], end[1] - start[1]
    length_squared = along_x * along_x + along_y * along_y
    if length_squared < UNIT * UNIT:
        return None
    dot = (place[0] - start[0]) * along_x + (place[1] - start[1]) * along_y
    return 1000 * dot // length_squared - 500


def _distance(one: "tuple[float, float]", other: "tuple[float, float]") -> float:
    x, y = one[0] - other[0], one[1] - other[1]
    return sqrt(x * x + y * y)


def _middle(point: "Callable[[int], tuple[float, float]]", pair: "tuple[int, int]") -> "tuple[float, float]":
    one, other = point(pair[0]), point(pair[1])
    return (one[0] + other[0]) / 2, (one[1] + other[1]) / 2


def _box(point: "Callable[[int], tuple[float, float]]") -> "tuple[int, int, int, int]":
    places = [_units(point(number)) for number in OUTLINE]
    across, down = [place[0] for place in places], [place[1] for place in places]
    return min(across), min(down), max(across), max(down)


def _shape(point: "Callable[[int], tuple[float, float]]") -> array:
    places = [_units(point(number)) for number in SHAPE]
    middle_x = sum([place[0] for place in places]) // len(places)
    middle_y = sum([place[1] for place in places]) // len(places)
    shape = array("h")
    for x, y in places:
        shape.append(x - middle_x)
        shape.append(y - middle_y)
    return shape
