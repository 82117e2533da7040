"""Where the nets look: plane geometry in floats, a few numbers a picture. Pure; the converter uses it on the PC.

A view is (a, b, c, d, e, f): pixel (x, y) of the net's picture shows the frame at (a x + b y + c, d x + e y + f), both
counted from the middle of the top left pixel.
"""

from math import cos, sin

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    View = tuple[float, float, float, float, float, float]
    Point = tuple[float, float]

# ArcFace: eyes, tip of the nose and corners of the mouth in a picture of 112 pixels
TEMPLATE = ((38.2946, 51.6963), (73.5318, 51.5014), (56.0252, 71.7366), (41.5493, 92.3655), (70.7299, 92.2041))


def letterbox(width: int, height: int, size: int) -> "View":
    """The whole frame in the middle of a square."""
    side = max(width, height)
    step = side / size
    return step, 0.0, (width - side + step - 1) / 2, 0.0, step, (height - side + step - 1) / 2


def square(centre: "Point", side: float, angle: float, size: int) -> "View":
    """A square part of the frame, turned by `angle` in radians."""
    step = side / size
    a, d = step * cos(angle), step * sin(angle)
    middle = (size - 1) / 2
    return a, -d, centre[0] - (a - d) * middle, d, a, centre[1] - (d + a) * middle


def rectangle(left: float, top: float, right: float, bottom: float, size: int) -> "View":
    """An upright part of the frame, scaled to a square; the edges lie between pixels."""
    across, down = (right - left) / size, (bottom - top) / size
    return across, 0.0, left + (across - 1) / 2, 0.0, down, top + (down - 1) / 2


def place(view: "View", x: float, y: float) -> "Point":
    """Where in the frame a place of the net's picture lies."""
    a, b, c, d, e, f = view
    return a * x + b * y + c, d * x + e * y + f


def similarity(points: "Sequence[Point]", template: "Sequence[Point]" = TEMPLATE) -> "View":
    """Turn, scale and shift that bring `template` closest to `points`, by least squares."""
    count = len(points)
    px, py = sum(p[0] for p in points) / count, sum(p[1] for p in points) / count
    tx, ty = sum(t[0] for t in template) / count, sum(t[1] for t in template) / count
    along = across = norm = 0.0
    for (x, y), (u, v) in zip(points, template):  # noqa: B905 - MicroPython's zip takes no `strict`
        x, y, u, v = x - px, y - py, u - tx, v - ty
        along += u * x + v * y
        across += u * y - v * x
        norm += u * u + v * v
    a, d = along / norm, across / norm
    return a, -d, px - a * tx + d * ty, d, a, py - d * tx - a * ty
