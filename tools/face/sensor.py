"""A camera, a mesh and an embedding without pictures: from what stands before the lens to the numbers for the check.

The points are those of heads in 3D, with the noise that was measured with the int8 mesh on pictures (README.md, here).
"""

import random
from dataclasses import dataclass, field

import numpy as np
from terminal.liveness.check import Frame
from terminal.liveness.observation import Observation, observe

from tools.emulator.camera.actor import Body, Figure, View
from tools.emulator.camera.head import (
    Optics,
    Points,
    Pose,
    flattened,
    opened,
    placed,
    project,
    shape,
)

PLAIN = np.zeros(3)  # a print turns about its own middle
FILM_CM = 40.0  # a film shows a head as large as it was
SKIN = np.array([205.0, 150.0, 120.0])


@dataclass
class Sensor:
    rng: random.Random
    optics: Optics = field(default_factory=Optics)
    noise_px: float = 0.45  # of each point
    slip_share: float = 0.003  # pictures on which the mesh slips
    loss_share: float = 0.005  # pictures without a face found
    light_share: float = 0.06  # of the terminal's light in that of the room
    latency_ms: tuple[float, float] = (70, 130)  # of capture and engine

    def __post_init__(self) -> None:
        self._numbers = np.random.default_rng(self.rng.getrandbits(32))
        self._tint_drift = np.ones(3)
        self._frozen: tuple | None = None

    def frame(self, counter: int, taken_ms: int, now_ms: int, view: View, light: int | None) -> Frame:
        if view.is_frozen and self._frozen:
            return Frame(counter, taken_ms, now_ms, *self._frozen)
        seen = [found for figure in view.figures if (found := self._see(figure, light, view))]
        seen.sort(key=lambda found: found[0].eyes, reverse=True)
        faces = sum(1 for found in seen if 2 * found[0].eyes >= seen[0][0].eyes)
        luma = 4 if view.is_covered else int(min(255, 125 * view.ambient) + self.rng.gauss(0, 1.5))
        shown = seen[0] if seen and not view.is_covered else (None, 0, None)
        self._frozen = (self.rng.getrandbits(30), 0 if view.is_covered else faces, shown[0], luma, shown[1], shown[2])
        return Frame(counter, taken_ms, now_ms, *self._frozen)

    def portrait(self, view: View) -> int:
        return view.figures[0].identity

    def similarity(self, one: int, other: int) -> int:
        """Of two portraits in one session; as measured (face-facts, 5): not calculated from pictures here."""
        return int(1000 * (self.rng.gauss(0.88, 0.04) if one == other else self.rng.gauss(0.08, 0.13)))

    def card_similarity(self, card: int, portraits: list[int]) -> int:
        """Of the card's picture and the mean of the portraits; drawn likewise."""
        return int(1000 * (self.rng.gauss(0.82, 0.07) if card == portraits[-1] else self.rng.gauss(0.02, 0.13)))

    def _see(self, figure: Figure, light: int | None, view: View) -> tuple[Observation, int, tuple] | None:
        if self.rng.random() < self.loss_share:
            return None
        points = project(stand(figure), self.optics)
        if self.rng.random() < self.slip_share:
            points = (
                points
                + self._numbers.normal(0, 6, 2)
                + (points - points.mean(axis=0)) * self._numbers.normal(0, 0.08, 2)
            )
        points = points + self._numbers.normal(0, self.noise_px, points.shape)
        left, top = points.min(axis=0)
        right, bottom = points.max(axis=0)
        room = 0.25 * (right - left)  # a detector finds a face of which a quarter is outside
        if left < -room or top < -room or right > self.optics.width + room or bottom > self.optics.height + room:
            return None
        seen = observe(points.tolist().__getitem__)
        if seen is None or seen.eyes < 16 * 18:
            return None
        return seen, int(self.rng.lognormvariate(5.3, 0.25)), self._tint(figure, light, view)

    def _tint(self, figure: Figure, light: int | None, view: View) -> tuple[int, int, int]:
        """In hundredths of a level: the mean over some thousand pixels."""
        self._tint_drift *= 1 + self._numbers.normal(0, 0.0008, 3)
        shone = view.ambient + self.light_share * _unit(light)
        if figure.body is Body.SCREEN:  # it shines by itself; a tenth of what falls on it comes back
            shone = 1.4 * (1 + self.light_share * _unit(figure.glow)) + 0.1 * shone
        colour = 60 * SKIN * shone * self._tint_drift * (1 + self._numbers.normal(0, 0.002, 3))
        return int(colour[0]), int(colour[1]), int(colour[2])


def stand(figure: Figure) -> Points:
    """The points of the face in front of the camera."""
    points = shape(figure.identity)
    if figure.body is Body.HEAD:
        return placed(opened(points, figure.pose.mouth_cm), figure.pose)
    if figure.body is Body.PRINT:
        return placed(flattened(points, figure.bend_per_cm), figure.pose.moved(mouth_cm=0), pivot=PLAIN)
    film = placed(opened(points, figure.played.mouth_cm), figure.played.moved(x_cm=0, y_cm=0, distance_cm=FILM_CM))
    surface = np.zeros_like(film)
    surface[:, :2] = film[:, :2] * FILM_CM / film[:, 2:] * (1, -1)
    return placed(surface, figure.pose, pivot=PLAIN)


def _unit(light: int | None) -> np.ndarray:
    light = light or 0
    return np.array([light >> 16, light >> 8 & 255, light & 255]) / 255


__all__ = ("Pose", "Sensor", "stand")
