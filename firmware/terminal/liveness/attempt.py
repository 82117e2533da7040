"""The moves of one attempt: rest, move, stay, return, three times over. Only what was asked may happen, in its time.

`Attempt.perform` is a generator: it yields what to show and is sent the next frame. It raises Failed.
A prompt's time is `now_ms` of the frame at which it was yielded, a move's is the time at which its picture was taken.
"""

from terminal.liveness import codes, plan
from terminal.liveness.codes import Failed
from terminal.liveness.guidance import PASSIVE, PORTRAIT, REST, Prompt
from terminal.liveness.limits import Limits
from terminal.liveness.neutral import Drift, Neutral, median
from terminal.ticks import ticks_diff

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from typing import Any

    from terminal.liveness.check import Frame

    Steps = Generator[Prompt, Any, Frame]

STAY, BACK = "challenge-stay", "challenge-back"
ASK = {plan.LEFT: "challenge-left", plan.RIGHT: "challenge-right", plan.MOUTH: "challenge-mouth"}
REACTIONS = 6  # of three moves, and of their returns
IN_A_ROW = 2  # pictures that must agree: one alone may be a slip of the mesh


class Attempt:
    def __init__(self, script: plan.Plan, neutral: Neutral, limits: Limits, note: "Callable[[str, int], None]") -> None:
        self._plan = script
        self._neutral = neutral
        self._limits = limits
        self._note = note
        self.reliefs = []  # of each turn
        self.reactions = []  # ms, of each move and of each return

    def perform(self, frame: "Frame") -> "Steps":
        for number, step in enumerate(self._plan.steps):
            frame = yield from self._rest(frame, step.pause_ms, PORTRAIT | PASSIVE if number == 1 else PASSIVE)
            frame = yield from self._ask(frame, step.move)
            frame = yield from self._stay(frame, step.move, step.hold_ms)
            frame = yield from self._return(frame, step.move)
        return (yield from self._rest(frame, self._plan.last_pause_ms, PORTRAIT | PASSIVE))

    def _rest(self, frame: "Frame", pause_ms: int, wants: int) -> "Steps":
        """The person looks at the camera for a while; of a good picture at its end something is wanted."""
        start, strays = frame.now_ms, Streak()
        while wants:
            elapsed_ms, given = ticks_diff(frame.now_ms, start), 0
            if elapsed_ms > pause_ms + self._limits.portrait_ms:
                raise Failed(codes.UNCLEAR)
            drift = self._drift(frame)
            if drift:
                strays.count(self._is_stray(drift, None))
                is_good = self._is_centred(drift) and frame.sharpness >= self._limits.sharpness_min
                if is_good and elapsed_ms >= pause_ms:
                    given, wants = wants, 0
            frame = yield Prompt(REST, None, given)
        return frame

    def _ask(self, frame: "Frame", move: str) -> "Steps":
        self._note("asked-" + move, 0)
        level = self._level(frame, move)
        asked_ms, prompt = frame.now_ms, Prompt(ASK[move], None, 0)
        frame = yield prompt
        onset, begun, done, strays = Onset(), Streak(), Streak(), Streak()
        step, moved, target = (self._bound(move, name) for name in ("onset", "moved", "target"))
        while True:
            drift = self._drift(frame)
            since_ms = ticks_diff(frame.taken_ms, asked_ms)
            if drift:
                strays.count(self._is_stray(drift, move))
                extent = _extent(move, drift)
                onset.see(extent >= level + step, since_ms)
                if begun.reached(extent >= moved):
                    self._require_human(onset.ms)
                if done.reached(extent >= target):
                    return self._react("moved", onset.ms, frame)
            if since_ms > self._limits.move_max_ms:
                raise Failed(codes.TIMEOUT)
            frame = yield prompt

    def _stay(self, frame: "Frame", move: str, hold_ms: int) -> "Steps":
        start, strays, kept = frame.now_ms, Streak(), self._bound(move, "kept")
        reliefs = []
        while ticks_diff(frame.now_ms, start) < hold_ms:
            drift = self._drift(frame)
            if drift:
                strays.count(_extent(move, drift) < kept or self._is_stray(drift, move))
                if move != plan.MOUTH:
                    reliefs.append(self._neutral.relief(frame.seen))
            frame = yield Prompt(STAY, None, 0)
        if move != plan.MOUTH:
            found = median(reliefs) if reliefs else 0
            self.reliefs.append(found)
            self._note("relief", found)
            if found < self._limits.relief_min:
                raise Failed(codes.FLAT)
        return frame

    def _return(self, frame: "Frame", move: str) -> "Steps":
        level = self._level(frame, move)
        asked_ms, prompt = frame.now_ms, Prompt(BACK, None, 0)
        frame = yield prompt
        onset, begun, done, strays = Onset(), Streak(), Streak(), Streak()
        step, kept, target = (self._bound(move, name) for name in ("onset", "kept", "target"))
        while True:
            drift = self._drift(frame)
            since_ms = ticks_diff(frame.taken_ms, asked_ms)
            if drift:
                extent = _extent(move, drift)
                strays.count(extent < -target)
                onset.see(extent <= level - step, since_ms)
                if begun.reached(extent < kept):
                    self._require_human(onset.ms)
                if done.reached(self._is_centred(drift)):
                    return self._react("back", onset.ms, frame)
            if since_ms > self._limits.return_max_ms:
                raise Failed(codes.TIMEOUT)
            frame = yield prompt

    def _require_human(self, reaction_ms: int) -> None:
        if reaction_ms < self._limits.reaction_min_ms:
            raise Failed(codes.TOO_EARLY)

    def _react(self, event: str, reaction_ms: int, frame: "Frame") -> "Frame":
        self._note(event, reaction_ms)
        self.reactions.append(reaction_ms)
        if max(self.reactions) - min(self.reactions) > self._limits.reaction_spread_ms:
            raise Failed(codes.OUT_OF_STEP)
        return frame

    def _level(self, frame: "Frame", move: str) -> int:
        """How far it was when the instruction came."""
        drift = self._drift(frame)
        return _extent(move, drift) if drift else 0

    def _drift(self, frame: "Frame") -> "Drift | None":
        return self._neutral.drift(frame.seen) if frame.seen else None

    def _bound(self, move: str, name: str) -> int:
        return getattr(self._limits, ("mouth_" if move == plan.MOUTH else "yaw_") + name)

    def _is_centred(self, drift: Drift) -> bool:
        return abs(drift.yaw) <= self._limits.yaw_centre and drift.mouth <= self._limits.mouth_centre

    def _is_stray(self, drift: Drift, asked: "str | None") -> bool:
        """Something moves that was not asked to. From the side a mouth looks narrower, and eyes nearer together."""
        limits = self._limits
        if asked == plan.MOUTH or asked is None:
            if abs(drift.yaw) >= limits.yaw_moved or abs(drift.distance) > limits.distance_change_permille:
                return True
            return asked is None and drift.mouth >= limits.mouth_moved
        return _extent(asked, drift) <= -limits.yaw_moved or drift.mouth >= limits.mouth_turned


class Streak:
    """Counts pictures in a row that agree."""

    def __init__(self) -> None:
        self._length = 0

    def reached(self, is_so: bool) -> bool:
        self._length = self._length + 1 if is_so else 0
        return self._length >= IN_A_ROW

    def count(self, is_stray: bool) -> None:
        if self.reached(is_stray):
            raise Failed(codes.MOVED)


class Onset:
    """When that began which has gone on since."""

    def __init__(self) -> None:
        self._is_on = False
        self.ms = 0

    def see(self, is_so: bool, ms: int) -> None:
        if is_so and not self._is_on:
            self.ms = ms
        self._is_on = is_so


def _extent(move: str, drift: Drift) -> int:
    """How far the asked move has gone."""
    if move == plan.MOUTH:
        return drift.mouth
    return drift.yaw if move == plan.LEFT else -drift.yaw
