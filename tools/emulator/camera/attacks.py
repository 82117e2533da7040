"""Those who try to pass with a picture, a film, a puppet or another's face. Each does as well as its kind can.

A species is a class with a line that says what it is; `SPECIES` names them all.
"""

import random
from dataclasses import dataclass, field, replace

from tools.emulator.camera.actor import Actor, Body, Figure, Manner, View
from tools.emulator.camera.head import Pose

IMPOSTOR = 10_000  # added to an identity: somebody else


class Nobody(Actor):
    """No face at all."""

    def seen(self, ms: float, pose: Pose) -> View:
        return View()


class CoveredLens(Actor):
    """A finger on the lens, from the beginning of the moves."""

    is_covered = False

    def answer(self, now_ms: float, state: str) -> None:
        super().answer(now_ms, state)
        if state.startswith("challenge"):
            self.is_covered = True

    def seen(self, ms: float, pose: Pose) -> View:
        return View(is_covered=True) if self.is_covered else super().seen(ms, pose)


class FlatPrint(Actor):
    """A print, held flat and tilted to where a turn is asked; for the mouth it is nodded."""

    bend_per_cm = 0.0
    tilt_deg = (28.0, 50.0)

    def turn(self, ms: float, degrees: float) -> None:
        super().turn(ms, (1 if degrees > 0 else -1) * self.rng.uniform(*self.tilt_deg))

    def go(self, ms: float, muscle: str, target: float, duration_ms: float | None = None) -> None:
        if muscle == "mouth_cm":
            muscle, target = "pitch_deg", (self.rng.uniform(-35, 35) if target else 0.0)
        super().go(ms, muscle, target, duration_ms)

    def seen(self, ms: float, pose: Pose) -> View:
        return View((Figure(self.identity, pose, Body.PRINT, bend_per_cm=self.bend_per_cm),))


class BentPrint(FlatPrint):
    """A print bent about its upright axis, as round as a face, and tilted."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.bend_per_cm = self.rng.uniform(0.03, 0.13)


class Late(Actor):
    """Everything right, after the time has run out."""

    def reaction_ms(self) -> float:
        return self.rng.uniform(3_100, 5_000)


class TooEarly(Actor):
    """Moves run before a person could react: a film that is started by a machine, or by guessing."""

    def reaction_ms(self) -> float:
        return self.rng.uniform(0, 90)

    def __post_init__(self) -> None:
        super().__post_init__()
        self.manner = replace(self.manner, move_ms=self.rng.uniform(120, 250), dream_share=0.0)


class Stranger(Actor):
    """A living person with somebody else's card: for the comparison with the card to find."""


class Swapped(Actor):
    """One person does the moves, another takes the place before the last portrait, from the side or at once."""

    swap_at = 3
    backs = 0
    swap_ms: float | None = None

    def answer(self, now_ms: float, state: str) -> None:
        super().answer(now_ms, state)
        if state in ("face-again", "face-look"):
            self.backs, self.swap_ms = 0, None
        self.backs += state == "challenge-back"
        if self.backs == self.swap_at and state == "hold":
            self.swap_ms = now_ms + self.rng.uniform(0, 250)

    def seen(self, ms: float, pose: Pose) -> View:
        if self.swap_ms is None or ms < self.swap_ms:
            return super().seen(ms, pose)
        return View((Figure(self.identity + IMPOSTOR, pose, self.body),))


class SwappedEarly(Swapped):
    """The card's holder is there until the first portrait is taken, then another person does the moves."""

    def answer(self, now_ms: float, state: str) -> None:
        Actor.answer(self, now_ms, state)
        if state in ("face-again", "face-look"):
            self.swap_ms = None
        if state.startswith("challenge") and self.swap_ms is None:
            self.swap_ms = now_ms


class Two(Actor):
    """Two people side by side; both answer."""

    def seen(self, ms: float, pose: Pose) -> View:
        other = pose.moved(x_cm=pose.x_cm + 11, distance_cm=pose.distance_cm + 12)
        return View((Figure(self.identity, pose), Figure(self.identity + IMPOSTOR, other)))


class FrozenStream(Actor):
    """The camera's line repeats one picture, or a second of pictures, from a chosen moment on."""

    is_frozen = False

    def answer(self, now_ms: float, state: str) -> None:
        super().answer(now_ms, state)
        if state.startswith("challenge"):
            self.is_frozen = True

    def seen(self, ms: float, pose: Pose) -> View:
        return replace(super().seen(ms, pose), is_frozen=self.is_frozen)


@dataclass(frozen=True, slots=True)
class Recording:
    """A correct session as a film: (ms since the first `hold`, pose, light that shone on the face)."""

    identity: int
    moves: tuple[str, ...]
    shots: tuple[tuple[float, Pose, int | None], ...]

    def at(self, ms: float) -> tuple[Pose, int | None]:
        """The shot of that moment; after the end, the last one."""
        low, high = 0, len(self.shots) - 1
        while low < high:
            middle = (low + high + 1) // 2
            low, high = (middle, high) if self.shots[middle][0] <= ms else (low, middle - 1)
        return self.shots[low][1], self.shots[low][2]


@dataclass
class Replay(Actor):
    """A film of a correct session on a tablet, started when the session begins."""

    recording: Recording | None = None
    start_ms: float | None = field(default=None, init=False)

    def answer(self, now_ms: float, state: str) -> None:
        if state in ("face-again", "face-look"):
            self.start_ms = None
        elif state == "hold" and self.start_ms is None:
            self.start_ms = now_ms
        if state.startswith("face-"):
            super().answer(now_ms, state)

    def seen(self, ms: float, pose: Pose) -> View:
        assert self.recording
        played, glow = self.recording.at(ms - self.start_ms if self.start_ms is not None else 0.0)
        return View((Figure(self.identity, pose, Body.SCREEN, played, glow=glow),))


class ClipsByHand(Actor):
    """A tablet with a clip for each move, which somebody starts as the screen asks: right in order and in time."""

    def seen(self, ms: float, pose: Pose) -> View:
        held = Pose(x_cm=pose.x_cm, y_cm=pose.y_cm, distance_cm=pose.distance_cm).facing()
        return View((Figure(self.identity, held, Body.SCREEN, pose.by_itself()),))


def genuine(identity: int, rng: random.Random) -> Actor:
    return Actor(identity, rng, Manner.draw(rng))


SPECIES: dict[str, type[Actor]] = {
    "print, flat": FlatPrint,
    "print, bent": BentPrint,
    "film of a session": Replay,
    "film, wrong order": Replay,
    "film, right order": Replay,
    "clips started by hand": ClipsByHand,
    "late": Late,
    "too early": TooEarly,
    "swapped after the moves": Swapped,
    "swapped before the moves": SwappedEarly,
    "two faces": Two,
    "nobody": Nobody,
    "another's card": Stranger,
    "covered lens": CoveredLens,
    "frozen stream": FrozenStream,
}
