"""Before the moves: guide the person until the picture is good, then learn the face at rest. Generators."""

from collections import namedtuple

from terminal.liveness import codes
from terminal.liveness.codes import Failed
from terminal.liveness.gate import Gate
from terminal.liveness.limits import Limits
from terminal.liveness.neutral import Neutral
from terminal.ticks import ticks_diff

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Generator
    from typing import Any

    from terminal.liveness.check import Frame

# What to show, why (after an attempt that failed), and what is wanted of the picture that was just fed.
Prompt = namedtuple("Prompt", ("state", "code", "wants"))
PORTRAIT, PASSIVE, COMPARE = 1, 2, 4  # bits of `wants`: see check.Say

REST, AGAIN = "hold", "face-again"


def tell(frame: "Frame", code: str, duration_ms: int) -> "Generator[Prompt, Any, Frame]":
    """Why the attempt before failed."""
    start = frame.now_ms
    while ticks_diff(frame.now_ms, start) < duration_ms:
        frame = yield Prompt(AGAIN, code, 0)
    return frame


def guide(frame: "Frame", gate: Gate, limits: Limits) -> "Generator[Prompt, Any, Frame]":
    start = seen_ms = frame.now_ms
    while True:
        state = gate.judge(frame)
        if gate.is_ready:
            return frame
        if frame.faces:
            seen_ms = frame.now_ms
        if ticks_diff(frame.now_ms, seen_ms) > limits.absent_ms:
            raise Failed(codes.ABSENT, is_final=True)
        if ticks_diff(frame.now_ms, start) > limits.unclear_ms:
            raise Failed(codes.UNCLEAR, is_final=True)
        frame = yield Prompt(state, None, 0)


def find_neutral(frame: "Frame", limits: Limits) -> "Generator[Prompt, Any, tuple[Frame, Neutral]]":
    """The face at rest, from pictures in a row in which nothing moves; of the last one the first portrait is taken."""
    start = since_ms = frame.now_ms
    resting = []
    while True:
        if frame.seen:
            resting.append(frame.seen)
            neutral = Neutral(resting)
            if neutral.spread(resting) > limits.neutral_spread:
                resting, since_ms = [], frame.now_ms
            elif (
                len(resting) >= limits.neutral_frames
                and ticks_diff(frame.now_ms, since_ms) >= limits.neutral_ms
                and frame.sharpness >= limits.sharpness_min
            ):
                frame = yield Prompt(REST, None, PORTRAIT | PASSIVE)
                return frame, neutral
            elif len(resting) > 2 * limits.neutral_frames:
                resting.pop(0)
        if ticks_diff(frame.now_ms, start) > limits.portrait_ms:
            raise Failed(codes.UNCLEAR)
        frame = yield Prompt(REST, None, 0)
