"""Presentation attacks, passively: MiniFASNet on the face and its surroundings, 2.7 times the box of the mesh.

The weights are not shipped: an operator brings the file. The score moves with the box, which is why it is the mesh's.
"""

from math import exp

from terminal.face import geometry

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Generator

    from terminal.face.frame import Frame
    from terminal.face.geometry import View
    from terminal.face.interface import AnyNet

_SCALE = 2.7
_LIVE = 1  # of the three classes; the others are kinds of attack


class Pad:
    def __init__(self, net: "AnyNet") -> None:
        self.net = net
        self.model_id = net.name

    def score(self, frame: "Frame", box: "tuple[float, float, float, float]") -> "Generator[None, None, float]":
        """The chance that the face is alive, by itself no proof."""
        net = self.net
        yield from net.take(frame, surroundings(frame.width, frame.height, box, net.width))
        yield from net.steps()
        output = net.outputs[0]
        logits = [number * output.scale for number in output.numbers(0, output.channels)]
        weights = [exp(logit - max(logits)) for logit in logits]
        return weights[_LIVE] / sum(weights)


def surroundings(width: int, height: int, box: "tuple[float, float, float, float]", size: int) -> "View":
    """As the model was trained: the enlarged box is made smaller, then moved, until it lies in the frame."""
    left, top, right, bottom = box
    scale = min(_SCALE, (width - 1) / (right - left), (height - 1) / (bottom - top))
    across, down = (right - left) * scale, (bottom - top) * scale
    x = min(max((left + right - across) / 2, 0.0), width - across)
    y = min(max((top + bottom - down) / 2, 0.0), height - down)
    return geometry.rectangle(x, y, x + across, y + down, size)
