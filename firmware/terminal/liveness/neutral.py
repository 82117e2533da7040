"""The person's own face at rest, and how far a later one is from it."""

from collections import namedtuple

from terminal.liveness.observation import relief

TYPE_CHECKING = False
if TYPE_CHECKING:
    from terminal.liveness.observation import Observation

# From rest, in thousandths: `yaw` and `mouth` as in Observation, `distance` of the distance between the eyes.
Drift = namedtuple("Drift", ("yaw", "mouth", "distance"))


class Neutral:
    def __init__(self, observations: "list[Observation]") -> None:
        self.yaw = median([seen.yaw for seen in observations])
        self.mouth = median([seen.mouth for seen in observations])
        self.eyes = median([seen.eyes for seen in observations])
        self._base = min(observations, key=lambda seen: abs(seen.yaw - self.yaw) + abs(seen.mouth - self.mouth))

    def spread(self, observations: "list[Observation]") -> int:
        """The largest distance of one of them from it."""
        return max([max(abs(seen.yaw - self.yaw), abs(seen.mouth - self.mouth)) for seen in observations])

    def drift(self, seen: "Observation") -> Drift:
        return Drift(seen.yaw - self.yaw, seen.mouth - self.mouth, 1000 * (seen.eyes - self.eyes) // self.eyes)

    def relief(self, turned: "Observation") -> int:
        return relief(self._base, turned)


def median(values: "list[int]") -> int:
    """The lower one of two in the middle."""
    return sorted(values)[(len(values) - 1) // 2]
