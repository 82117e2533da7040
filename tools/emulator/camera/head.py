"""A head in 3D: the 468 points of the face mesh, shaped by a number, opened at the mouth, turned, seen by a camera.

In a head's own frame, in centimetres: x to the person's left, y up, z to the camera. In a picture: x right, y down, so
a person's left is at larger x (not mirrored).
"""

import json
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.float64]

MESH_PATH = Path(__file__).with_name("face_mesh.json")
CLOSED_CM = 0.55  # the usual head's mouth stands open by so much
NECK_CM = np.array([0.0, -2.0, -4.0])  # where a head turns


@dataclass(frozen=True, slots=True)
class Pose:
    """Yaw: to the person's own left is positive. Pitch: up. Roll: towards the person's own left shoulder."""

    yaw_deg: float = 0.0
    pitch_deg: float = 0.0
    roll_deg: float = 0.0
    mouth_cm: float = 0.0
    x_cm: float = 0.0
    y_cm: float = 0.0
    distance_cm: float = 40.0

    def moved(self, **changes: float) -> "Pose":
        return replace(self, **changes)

    def facing(self) -> "Pose":
        """Turned to the camera, from aside as well: yaw and pitch now count from there."""
        return self._turned_by(1)

    def by_itself(self) -> "Pose":
        """The reverse of it: yaw and pitch as the camera sees them, in the middle of its picture."""
        return self._turned_by(-1).moved(x_cm=0.0, y_cm=0.0)

    def _turned_by(self, sign: int) -> "Pose":
        yaw = np.degrees(np.arctan2(self.x_cm, self.distance_cm))
        pitch = np.degrees(np.arctan2(self.y_cm, self.distance_cm))
        return self.moved(yaw_deg=self.yaw_deg - sign * float(yaw), pitch_deg=self.pitch_deg + sign * float(pitch))


@dataclass(frozen=True, slots=True)
class Optics:
    width: int = 320
    height: int = 240
    field_deg: float = 60.0

    @property
    def focal_px(self) -> float:
        return self.width / 2 / float(np.tan(np.radians(self.field_deg / 2)))


@cache
def mesh() -> tuple[Points, NDArray[np.int64]]:
    """(points, triangles) of the usual head"""
    data = json.loads(MESH_PATH.read_text(encoding="utf-8"))
    points = np.array(data["points"], dtype=np.float64).reshape(-1, 3) / 1000
    return points, np.array(data["triangles"]).reshape(-1, 3)


@cache
def shape(identity: int) -> Points:
    """A head of its own for each number; 0 is the usual one. Always the same for the same number."""
    points = opened(mesh()[0], -CLOSED_CM)
    if identity:
        rng = np.random.default_rng(identity)
        points = _stretched(points, rng) * (1 + rng.normal(0, (0.05, 0.05, 0.03)))
        for _ in range(16):  # smooth bumps, nearly the same on both sides
            centre = points[rng.integers(len(points))]
            push, width = rng.normal(0, 0.2, 3), rng.uniform(1.0, 3.0)
            for side in (1, -1):
                points += _near(points * (side, 1, 1), centre, width * rng.uniform(0.95, 1.05)) * push * (side, 1, 1)
    return points


def _stretched(points: Points, rng: np.random.Generator) -> Points:
    """Eyes, nose, mouth, jaw and brow of a size and in a place of their own."""
    points = points.copy()
    width, height, apart_cm, higher_cm = rng.uniform((0.85, 0.7, -0.25, -0.4), (1.15, 1.45, 0.3, 0.4))
    for corners in ((33, 133), (263, 362)):
        eye = points[list(corners)].mean(axis=0)
        push = (points - eye) * (width - 1, height - 1, 0) + (np.sign(eye[0]) * apart_cm, higher_cm, 0)
        points += _near(points, eye, 1.3) * push
    parts = (
        ((2, 4), 1.5, (0.7, 0.85, 0.75), (1.45, 1.15, 1.3)),  # nose
        ((13, 14), 1.8, (0.8, 0.6, 0.95), (1.22, 1.7, 1.05)),  # lips
        ((152, 175), 3.6, (0.75, 0.85, 0.9), (1.2, 1.2, 1.1)),  # jaw
        ((9, 151), 3.5, (0.93, 0.85, 0.95), (1.07, 1.15, 1.05)),  # brow
    )
    for middle, reach, least, most in parts:
        centre = points[list(middle)].mean(axis=0)
        points += _near(points, centre, reach) * (points - centre) * (rng.uniform(least, most) - 1)
    return points


def _near(points: Points, centre: Points, width_cm: float) -> Points:
    return np.exp(-((points - centre) ** 2).sum(axis=1, keepdims=True) / (2 * width_cm**2))


@cache
def _hanging() -> Points:
    """How far each point goes along when the jaw drops: lower lip, chin and what hangs on them."""
    usual = mesh()[0]
    below_mouth = np.clip(usual[[61, 291], 1].mean() + 0.07 - usual[:, 1], 0, 0.5) / 0.5
    return below_mouth * np.exp(-((usual[:, 0] / 4.5) ** 2))


def opened(points: Points, mouth_cm: float) -> Points:
    return points + _hanging()[:, None] * np.array([0.0, -mouth_cm, -0.25 * mouth_cm])


def rotation(pose: Pose) -> NDArray[np.float64]:
    yaw, pitch, roll = np.radians((pose.yaw_deg, pose.pitch_deg, pose.roll_deg))
    about_y = np.array([[np.cos(yaw), 0, np.sin(yaw)], [0, 1, 0], [-np.sin(yaw), 0, np.cos(yaw)]])
    about_x = np.array([[1, 0, 0], [0, np.cos(pitch), np.sin(pitch)], [0, -np.sin(pitch), np.cos(pitch)]])
    about_z = np.array([[np.cos(roll), np.sin(roll), 0], [-np.sin(roll), np.cos(roll), 0], [0, 0, 1]])
    return about_z @ about_x @ about_y


def placed(points: Points, pose: Pose, pivot: Points = NECK_CM) -> Points:
    """Turned and moved, in the camera's frame: x right, y down, z away from it."""
    turned = (points - pivot) @ rotation(pose).T + pivot
    return turned * (1, -1, -1) + (pose.x_cm, pose.y_cm, pose.distance_cm)


def project(placed_points: Points, optics: Optics) -> Points:
    """Pixels"""
    scale = optics.focal_px / placed_points[:, 2:3]
    return placed_points[:, :2] * scale + (optics.width / 2, optics.height / 2)


def flattened(points: Points, bend_per_cm: float = 0.0) -> Points:
    """A print of the head seen from the front, one to one, bent about its upright axis by so much."""
    flat = points * (1, 1, 0)
    if bend_per_cm == 0:
        return flat
    angle = flat[:, 0] * bend_per_cm
    return np.stack((np.sin(angle) / bend_per_cm, flat[:, 1], (np.cos(angle) - 1) / bend_per_cm), axis=1)
