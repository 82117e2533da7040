"""Is the picture good enough to begin? If not: the one thing to tell the person, the most important first.

An instruction comes when it has been right for a while, and stays for a while: nobody follows one that flickers.
"""

from terminal.liveness.limits import Limits
from terminal.liveness.observation import UNIT
from terminal.ticks import ticks_diff

TYPE_CHECKING = False
if TYPE_CHECKING:
    from terminal.liveness.check import Frame
    from terminal.liveness.observation import Observation

READY = "hold"
LOOK, ALONE, CLOSER, FARTHER, CENTRE = "face-look", "face-alone", "face-closer", "face-farther", "face-center"
LIGHTER, GLARE, NEUTRAL, STILL = "face-lighter", "face-glare", "face-neutral", "hold"
DARK_LUMA = 25  # a covered lens

SLACK_PERMILLE = 80  # what is being asked for must be reached by this much more


class Gate:
    """`judge` gives the state to show; `is_ready` says that the picture has been good for long enough."""

    def __init__(self, width: int, height: int, limits: Limits) -> None:
        self._width = width
        self._height = height
        self._limits = limits
        self._shown = LOOK
        self._shown_since = None
        self._wanted = None
        self._wanted_since = 0
        self.is_ready = False

    def judge(self, frame: "Frame") -> str:
        now = frame.now_ms
        if self._shown_since is None:
            self._shown_since = now
        wanted = self._wish(frame)
        if wanted != self._wanted:
            self._wanted, self._wanted_since = wanted, now
        has_settled = ticks_diff(now, self._wanted_since) >= self._limits.settle_ms
        may_change = ticks_diff(now, self._shown_since) >= self._limits.instruct_ms
        shown = wanted or READY
        self.is_ready = wanted is None and has_settled
        if shown != self._shown and has_settled and (may_change or wanted is None):
            self._shown, self._shown_since = shown, now
        return self._shown

    def _wish(self, frame: "Frame") -> "str | None":
        """What this one picture asks for; None when it is good."""
        limits, seen = self._limits, frame.seen
        if frame.faces > 1:
            return ALONE
        if frame.faces == 0 or seen is None:
            return LIGHTER if DARK_LUMA <= frame.luma < limits.luma_min else LOOK
        if seen.eyes < self._at_least(limits.eyes_min_px * UNIT, CLOSER):
            return CLOSER
        if seen.eyes > self._at_most(limits.eyes_max_permille * self._width * UNIT // 1000, FARTHER):
            return FARTHER
        if not self._is_inside(seen):
            return CENTRE
        if frame.luma < self._at_least(limits.luma_min, LIGHTER):
            return LIGHTER
        if frame.luma > self._at_most(limits.luma_max, GLARE):
            return GLARE
        if abs(seen.yaw) > self._at_most(limits.frontal_yaw, LOOK) or abs(seen.pitch) > limits.frontal_pitch:
            return LOOK
        if seen.mouth > self._at_most(limits.neutral_mouth, NEUTRAL):
            return NEUTRAL
        if frame.sharpness < limits.sharpness_min:
            return STILL
        return None

    def _is_inside(self, seen: "Observation") -> bool:
        left, top, right, bottom = seen.box
        width, height = self._width * UNIT, self._height * UNIT
        if left < 0 or top < 0 or right >= width or bottom >= height:
            return False
        off = self._at_most(self._limits.off_centre_permille, CENTRE)
        return abs(left + right - width) * 500 <= off * width and abs(top + bottom - height) * 500 <= off * height

    def _at_least(self, bound: int, state: str) -> int:
        return bound * (1000 + SLACK_PERMILLE) // 1000 if self._shown == state else bound

    def _at_most(self, bound: int, state: str) -> int:
        return bound * (1000 - SLACK_PERMILLE) // 1000 if self._shown == state else bound
