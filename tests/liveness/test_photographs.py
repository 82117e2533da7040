"""The turn of a photograph: what the figures in the README rest on. Without the networks."""

import numpy as np
import pytest
from terminal.liveness.observation import observe

from tools.emulator.camera.head import Optics, Points, Pose, placed, project, shape
from tools.face.photographs import HEIGHT, WIDTH, Face, moved, repainted

COUNT = 468


@pytest.fixture(scope="module")
def face() -> Face:
    head = placed(shape(0), Pose())
    points = np.column_stack((project(head, Optics()), (head[:, 2] - 40) * Optics().focal_px / 40))
    noise = np.random.default_rng(1).integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8)
    return Face(noise, points, observed(points))


def observed(points: Points):
    seen = observe(points[:COUNT, :2].tolist().__getitem__)
    assert seen
    return seen


@pytest.mark.parametrize("is_flat", [False, True])
def test_no_turn_changes_nothing(face: Face, is_flat: bool) -> None:
    assert np.allclose(moved(face, 0, is_flat)[:COUNT, :2], face.points[:, :2])
    assert np.abs(repainted(face, 0, is_flat).astype(int) - face.picture).max() <= 1


def test_a_turned_photograph_turns_as_the_head_in_3d_and_a_tilted_print_does_not(face: Face) -> None:
    for degrees in (18, -18):
        head = placed(shape(0), Pose(yaw_deg=degrees))
        wanted = observed(project(head, Optics())).yaw - face.seen.yaw
        assert observed(moved(face, degrees, False)).yaw - face.seen.yaw == pytest.approx(wanted, rel=0.15)
        assert abs(observed(moved(face, degrees, True)).yaw - face.seen.yaw) < abs(wanted) / 3
