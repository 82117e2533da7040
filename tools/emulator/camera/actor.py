"""What stands before the camera at a moment, and people who do what the screen says, in a person's time."""

import math
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum

from tools.emulator.camera.head import Pose


class Body(Enum):
    HEAD = "head"
    PRINT = "print"  # a picture of the head on paper
    SCREEN = "screen"  # a film of the head on a tablet


@dataclass(frozen=True, slots=True)
class Figure:
    """One face in view. For a print or a screen `pose` is that of the paper or tablet, `played` the pose it shows."""

    identity: int
    pose: Pose
    body: Body = Body.HEAD
    played: Pose = Pose()
    bend_per_cm: float = 0.0
    glow: int | None = None  # the colour that shone on the face when the film was made


@dataclass(frozen=True, slots=True)
class View:
    """Everything that a picture depends on. `light` is 0xRRGGBB of the terminal, as it was `screen_lag_ms` before."""

    figures: tuple[Figure, ...] = ()
    ambient: float = 1.0  # of a well-lit shop
    is_covered: bool = False
    is_frozen: bool = False  # the stream repeats one picture


@dataclass(slots=True)
class Motion:
    """One muscle: smooth moves, one after another; a new one starts from where the last one is."""

    value: float = 0.0
    _from: float = 0.0
    _start_ms: float = 0.0
    _duration_ms: float = 1.0

    def go(self, now_ms: float, target: float, duration_ms: float) -> None:
        self._from, self.value, self._start_ms, self._duration_ms = self.at(now_ms), target, now_ms, duration_ms

    def at(self, ms: float) -> float:
        part = min(max((ms - self._start_ms) / self._duration_ms, 0.0), 1.0)
        eased = part**3 * (10 - 15 * part + 6 * part**2)  # minimum jerk: how people move
        return self._from + (self.value - self._from) * eased


class Sway:
    """Nobody stands still: three slow waves."""

    def __init__(self, rng: random.Random, size: float) -> None:
        self._waves = [(size * rng.uniform(0.3, 0.7), rng.uniform(0.08, 0.7), rng.uniform(0, 6.28)) for _ in range(3)]

    def at(self, ms: float) -> float:
        return sum(size * math.sin(6.2832 * hz * ms / 1000 + phase) for size, hz, phase in self._waves)


MUSCLES = ("yaw_deg", "pitch_deg", "mouth_cm", "x_cm", "y_cm", "distance_cm")
SWAY = {"yaw_deg": 1.2, "pitch_deg": 1.0, "roll_deg": 1.0, "x_cm": 0.35, "y_cm": 0.25, "distance_cm": 0.5}


@dataclass
class Manner:
    """How a person moves. The figures are drawn for each person; see `Manner.draw`."""

    reaction_ms: float = 650
    reaction_spread: float = 0.28  # of the logarithm
    turn_deg: float = 28
    mouth_cm: float = 2.6
    move_ms: float = 550
    wrong_share: float = 0.005  # the other side
    glance_share: float = 0.005  # looks away while nothing is asked, for each instruction
    dream_share: float = 0.005  # does not notice for seconds

    @classmethod
    def draw(cls, rng: random.Random) -> "Manner":
        return cls(
            reaction_ms=rng.lognormvariate(math.log(650), 0.25),
            turn_deg=max(19.0, rng.gauss(28, 5)),
            mouth_cm=max(2.0, rng.gauss(2.7, 0.5)),
            move_ms=rng.uniform(380, 850),
        )


@dataclass
class Actor:
    """`see` tells it what the screen says; `view` is what the camera has before it at a time. Times only go forward."""

    identity: int
    rng: random.Random
    manner: Manner = field(default_factory=Manner)
    body: Body = Body.HEAD

    def __post_init__(self) -> None:
        self.muscles = {name: Motion() for name in MUSCLES}
        self._sway = {name: Sway(self.rng, size) for name, size in SWAY.items()}
        self._plans: list[tuple[float, Callable[[float], None]]] = []
        self.state: str | None = None
        self.answered_ms = 0.0
        self.muscles["distance_cm"] = Motion(self.rng.uniform(30, 48))
        self.muscles["x_cm"] = Motion(self.rng.gauss(0, 3))
        self.muscles["y_cm"] = Motion(self.rng.gauss(0, 2))

    # --- the screen

    def see(self, now_ms: float, state: str, code: str | None = None, light: int | None = None) -> None:
        """Whoever is told to come closer, comes closer until it is enough."""
        is_again = state.startswith("face-") and now_ms - self.answered_ms > 1_800
        if state != self.state or is_again:
            self.state, self.answered_ms = state, now_ms
            self.answer(now_ms, state)

    def answer(self, now_ms: float, state: str) -> None:
        """A new instruction"""
        manner, rng = self.manner, self.rng
        after_ms = self.reaction_ms()
        if rng.random() < manner.dream_share:
            after_ms += rng.uniform(1_500, 4_000)
        if state in ("challenge-left", "challenge-right"):
            side = 1 if state == "challenge-left" else -1
            if rng.random() < manner.wrong_share:
                side = -side
            self.at(now_ms + after_ms, lambda ms: self.turn(ms, side * manner.turn_deg * rng.uniform(0.88, 1.15)))
        elif state == "challenge-mouth":
            self.at(now_ms + after_ms, lambda ms: self.go(ms, "mouth_cm", manner.mouth_cm * rng.uniform(0.85, 1.2)))
        elif state in ("challenge-back", "face-again"):
            self.at(now_ms + after_ms, self.relax)
        elif state == "face-look":
            self.at(now_ms + after_ms, self.face_camera)
        elif state == "face-closer":
            self.at(
                now_ms + after_ms, lambda ms: self.go(ms, "distance_cm", self.muscles["distance_cm"].value - 6, 900)
            )
        elif state == "face-farther":
            self.at(
                now_ms + after_ms, lambda ms: self.go(ms, "distance_cm", self.muscles["distance_cm"].value + 6, 900)
            )
        elif state == "face-center":
            self.at(now_ms + after_ms, self.centre)
        elif state == "hold" and rng.random() < manner.glance_share:
            self.at(now_ms + after_ms, lambda ms: self.turn(ms, rng.choice((-1, 1)) * rng.uniform(8, 20)))
            self.at(now_ms + after_ms + 700, self.relax)

    def reaction_ms(self) -> float:
        return max(230.0, self.rng.lognormvariate(math.log(self.manner.reaction_ms), self.manner.reaction_spread))

    # --- moves

    def at(self, ms: float, move: Callable[[float], None]) -> None:
        self._plans.append((ms, move))

    def go(self, ms: float, muscle: str, target: float, duration_ms: float | None = None) -> None:
        self.muscles[muscle].go(ms, target, duration_ms or self.manner.move_ms)

    def turn(self, ms: float, degrees: float) -> None:
        self.go(ms, "yaw_deg", degrees)

    def relax(self, ms: float) -> None:
        self.go(ms, "yaw_deg", self.rng.gauss(0, 1.0))
        self.go(ms, "mouth_cm", 0.0)

    def face_camera(self, ms: float) -> None:
        self.relax(ms)
        self.centre(ms)

    def centre(self, ms: float) -> None:
        self.go(ms, "x_cm", self.rng.gauss(0, 0.7), 700)
        self.go(ms, "y_cm", self.rng.gauss(0, 0.7), 700)

    # --- the camera

    def view(self, ms: float) -> View:
        due = sorted((plan for plan in self._plans if plan[0] <= ms), key=lambda plan: plan[0])
        self._plans = [plan for plan in self._plans if plan[0] > ms]
        for when, move in due:
            move(when)
        return self.seen(ms, self.pose(ms))

    def pose(self, ms: float) -> Pose:
        values = {name: motion.at(ms) for name, motion in self.muscles.items()}
        for name, sway in self._sway.items():
            values[name] = values.get(name, 0.0) + sway.at(ms)
        return Pose(**values).facing()

    def seen(self, ms: float, pose: Pose) -> View:
        return View((Figure(self.identity, pose, self.body),))
