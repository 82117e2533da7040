"""The whole check: guidance, the face at rest, at most three attempts of drawn moves, and the result.

    check = Check(nonce, salt, width, height)
    say = check.feed(frame)             # for every picture; show say.state, shine say.light, do what say.wants asks
    check.add_passive(score)            # after PASSIVE, where there is a passive model
    say = check.compare(similarity)     # after COMPARE: the least of the portraits with one another
    check.abort()                       # camera or engine failed
    check.attempts                      # begun so far
    check.progress_permille             # of this attempt's moves
    check.result                        # None as long as it goes on

Nothing passes by default: whatever is odd, missing or late ends as not passed. It keeps no picture and no embedding.
"""

from collections import namedtuple

from terminal.liveness import codes, plan
from terminal.liveness.attempt import REACTIONS, Attempt
from terminal.liveness.codes import Failed
from terminal.liveness.continuity import Continuity
from terminal.liveness.gate import LOOK, Gate
from terminal.liveness.guidance import COMPARE, PASSIVE, PORTRAIT, REST, Prompt, find_neutral, guide, tell
from terminal.liveness.light import LightTrail
from terminal.liveness.limits import Limits
from terminal.liveness.neutral import median
from terminal.ticks import ticks_diff

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from typing import Any

__all__ = ("COMPARE", "PASSIVE", "PORTRAIT", "Check", "Frame", "Result", "Say", "Scores")

# One picture. `counter` and `taken_ms` are the sensor's, `now_ms` is the time of feeding. `faces` counts those at least
# half as large as the largest; `seen` is the Observation of that one, or None. The rest is as measure.measure gives it:
# `fingerprint` of bytes, `luma` (0..255), `sharpness` (variance of the Laplacian), `tint` (red, green, blue) or None.
Frame = namedtuple(
    "Frame", ("counter", "taken_ms", "now_ms", "fingerprint", "faces", "seen", "luma", "sharpness", "tint")
)

# What to do now: the panel's state and code; 0xRRGGBB to shine, or None; bits of PORTRAIT (keep the aligned face of
# the picture just fed), PASSIVE (passive test of it), COMPARE (embed the three portraits and compare them).
# A code says that an attempt failed: drop its portraits.
Say = namedtuple("Say", ("state", "code", "light", "wants"))

# Of the last attempt. `relief` (the least of the turns), `similarity`, `passive_median` and `passive_min` are in
# thousandths, `light` goes from -1000 to 1000; None: not measured.
Scores = namedtuple("Scores", ("relief", "similarity", "passive_median", "passive_min", "light", "reactions_ms"))

# `code` is None when it passed; `timeline` is ((ms since the beginning, event, value), ...)
Result = namedtuple("Result", ("is_live", "code", "attempts", "scores", "timeline"))

EVENTS_MAX = 96
PASSED, NOT_PASSED = "passed", "not-passed"


class Check:
    def __init__(
        self,
        nonce: bytes,
        salt: bytes,
        width: int,
        height: int,
        limits: "Limits | None" = None,
        has_light: bool = False,
    ) -> None:
        self._nonce = nonce
        self._salt = salt
        self._width = width
        self._height = height
        self._limits = limits or Limits()
        self._has_light = has_light
        self._continuity = Continuity(self._limits)
        self._frame = None  # the last one
        self._first_ms = self._now_ms = 0
        self.attempts = 0
        self._timeline = []
        self._forget()
        self._steps = self._story()
        self.say = Say(LOOK, None, None, 0)
        self.result = None

    # --- what the session calls

    def feed(self, frame: Frame) -> Say:
        return self._guarded(self._take, frame)

    def add_passive(self, score_permille: int) -> None:
        self._passive.append(score_permille)

    def compare(self, similarity_permille: int) -> Say:
        if not self.say.wants & COMPARE:
            self.abort()
        return self._guarded(self._steps.send, similarity_permille)

    @property
    def progress_permille(self) -> int:
        """Of this attempt's moves."""
        return 1000 * len(self._moves.reactions) // REACTIONS if self._moves else 0

    def abort(self) -> None:
        """Camera or engine failed: nothing was decided, so nobody passes."""
        if not self.result:
            self._conclude(codes.FAULT)

    # --- the story

    def _story(self) -> "Generator[Prompt, Any, str]":
        """Returns PASSED, or the code of the refusal."""
        limits = self._limits
        code = None
        frame = yield Prompt(LOOK, None, 0)
        for attempt in range(1, limits.attempts_max + 1):
            self.attempts = attempt
            self._note("attempt", attempt)
            self._forget()
            try:
                if code:
                    frame = yield from tell(frame, code, limits.again_ms)
                frame = yield from guide(frame, Gate(self._width, self._height, limits), limits)
                self._continuity.require_face(frame.taken_ms)
                frame, neutral = yield from find_neutral(frame, limits)
                script = plan.draw(self._nonce, self._salt, attempt)
                if self._has_light:
                    self._trail = LightTrail(script, frame.now_ms)
                self._moves = Attempt(script, neutral, limits, self._note)
                yield from self._moves.perform(frame)
                self._similarity = yield Prompt(REST, None, COMPARE)
                self._judge()
                return PASSED
            except Failed as failed:
                code = failed.code
                self._note(code, 0)
                if failed.is_final:
                    return code
                frame = self._frame
        return codes.NOT_LIVE

    def _judge(self) -> None:
        limits, scores = self._limits, self._scores()
        if scores.similarity < limits.similarity_min:
            raise Failed(codes.SWAPPED)
        if scores.passive_median is not None and scores.passive_median < limits.passive_min:
            raise Failed(codes.ARTIFICIAL)
        if scores.light is None:
            if self._has_light and limits.light_required:
                raise Failed(codes.LIGHT_WEAK)
        elif scores.light < limits.light_follow_min:
            raise Failed(codes.LIGHT)

    def _take(self, frame: Frame) -> Prompt:
        if self._frame is None:
            self._first_ms = frame.now_ms
            next(self._steps)
        self._frame, self._now_ms = frame, frame.now_ms
        try:
            self._continuity.check(frame)
            if self.say.wants & COMPARE:
                raise Failed(codes.FAULT)  # a picture in place of the comparison
        except Failed as failed:
            return self._steps.throw(failed)
        if self._trail:
            self._trail.add(frame.taken_ms, frame.tint)
        return self._steps.send(frame)

    def _guarded(self, step: "Callable[[Any], Prompt]", value: "Frame | int") -> Say:
        """One step of the story. Whatever goes wrong in it, nobody passes by that."""
        if self.result:
            return self.say
        try:
            prompt = step(value)
        except StopIteration as stopped:
            self._conclude(stopped.value or codes.FAULT)  # a story that broke off before returns None
        except Exception:
            self._conclude(codes.FAULT)  # the caller logs it
            raise
        else:
            light = self._trail.colour(self._now_ms) if self._trail else None
            self.say = Say(prompt.state, prompt.code, light, prompt.wants)
        return self.say

    # --- what was seen and said

    def _forget(self) -> None:
        """Of an attempt that failed nothing counts in the next."""
        self._moves = self._trail = None
        self._similarity = None
        self._passive = []
        self._continuity.release_face()

    def _scores(self) -> Scores:
        reliefs = self._moves.reliefs if self._moves else ()
        return Scores(
            min(reliefs) if reliefs else None,
            self._similarity,
            median(self._passive) if self._passive else None,
            min(self._passive) if self._passive else None,
            self._trail.score(self._limits.light_swing_min) if self._trail else None,
            tuple(self._moves.reactions) if self._moves else (),
        )

    def _note(self, event: str, value: int) -> None:
        if len(self._timeline) < EVENTS_MAX:
            self._timeline.append((ticks_diff(self._now_ms, self._first_ms), event, value))

    def _conclude(self, end: str) -> None:
        is_live = end == PASSED
        code = None if is_live else end
        self.result = Result(is_live, code, self.attempts, self._scores(), tuple(self._timeline))
        self.say = Say(PASSED if is_live else NOT_PASSED, code, None, 0)
