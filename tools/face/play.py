"""Plays one session: an actor before the emulated sensor, the check that watches, and what came of it."""

import random
from dataclasses import dataclass
from typing import Any, Protocol

from terminal.liveness.check import COMPARE, PORTRAIT, Check, Frame, Result
from terminal.liveness.limits import Limits

from tools.emulator.camera.actor import Actor, View
from tools.emulator.camera.attacks import Recording
from tools.emulator.camera.head import Optics
from tools.face import thresholds

FRAME_MS = 83.0
SCREEN_LAG_MS = 60.0  # from the decision to the light of the screen
SESSION_MAX_MS = 240_000


class Eyes(Protocol):
    """What sees for the check: tools.face.sensor without pictures, tools.face.pictures with them."""

    optics: Optics
    latency_ms: tuple[float, float]

    def frame(self, counter: int, taken_ms: int, now_ms: int, view: View, light: int | None) -> Frame: ...
    def portrait(self, view: View) -> Any: ...  # of the last frame
    def similarity(self, one: Any, other: Any) -> int: ...
    def card_similarity(self, card: int, portraits: list[Any]) -> int: ...


@dataclass(frozen=True, slots=True)
class Outcome:
    result: Result
    is_match: bool
    duration_ms: float
    moves: tuple[str, ...]
    shots: tuple = ()

    @property
    def is_accepted(self) -> bool:
        return self.result.is_live and self.is_match


def play(
    actor: Actor, rng: random.Random, eyes: Eyes, has_light: bool, card: int, nonce: bytes, limits: Limits | None = None
) -> Outcome:
    check = Check(nonce, nonce[::-1], eyes.optics.width, eyes.optics.height, limits, has_light)
    portraits: list[Any] = []
    shots: list = []
    shown: list[tuple[float, int | None]] = []  # when which light was on
    heard: list[tuple[float, str, str | None]] = []
    start_ms: float | None = None
    taken_ms, counter = 1_000.0, 0
    while check.result is None and taken_ms < SESSION_MAX_MS:
        for when, state, code in heard:
            if when <= taken_ms:
                actor.see(when, state, code)
        heard = [message for message in heard if message[0] > taken_ms]
        light = next((rgb for when, rgb in reversed(shown) if when <= taken_ms), None)
        view = actor.view(taken_ms)
        now_ms = taken_ms + rng.uniform(*eyes.latency_ms)
        counter += 1
        if view.figures:
            shots.append((taken_ms, view.figures[0].pose.by_itself(), light))
        say = check.feed(eyes.frame(counter, int(taken_ms), int(now_ms), view, light))
        if say.code:
            portraits.clear()
            start_ms = None
        if say.state == "hold" and start_ms is None:
            start_ms = now_ms + SCREEN_LAG_MS
        if say.wants & PORTRAIT:
            portraits.append(eyes.portrait(view))
        if say.wants & COMPARE:
            first, *others = portraits
            say = check.compare(min(eyes.similarity(first, other) for other in others))
        heard.append((now_ms + SCREEN_LAG_MS, say.state, say.code))
        shown.append((now_ms + SCREEN_LAG_MS, say.light))
        del shown[:-8]
        taken_ms = max(taken_ms + FRAME_MS * rng.uniform(0.9, 1.15), now_ms - 15)
    if check.result is None:
        check.abort()
    result = check.result
    assert result
    is_match = bool(portraits) and eyes.card_similarity(card, portraits) >= thresholds.in_use()
    moves = tuple(event[6:] for _, event, _ in result.timeline if event.startswith("asked-"))[-3:]
    film = tuple((when - (start_ms or 0), pose, glow) for when, pose, glow in shots if start_ms and when >= start_ms)
    return Outcome(result, is_match, taken_ms - 1_000, moves, film)


def record(actor: Actor, outcome: Outcome) -> Recording:
    """The film of a session that passed."""
    return Recording(actor.identity, outcome.moves, outcome.shots)
