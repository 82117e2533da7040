"""What the check's thresholds mean in degrees and centimetres: on heads in 3D, seen by a camera 40 cm away."""

import numpy as np
import pytest
from terminal.liveness.limits import Limits
from terminal.liveness.observation import Observation, observe, overlap_permille, relief

from tools.emulator.camera.cast import CAST
from tools.emulator.camera.head import Optics, Points, Pose, flattened, opened, placed, project, shape

LIMITS = Limits()
MIDDLE = np.zeros(3)


def seen(points: Points) -> Observation:
    found = observe(project(points, Optics()).tolist().__getitem__)
    assert found
    return found


def head(identity: int, **pose: float) -> Observation:
    where = Pose(**pose)
    return seen(placed(opened(shape(identity), where.mouth_cm), where))


def sheet(identity: int, bend_per_cm: float = 0.0, **pose: float) -> Observation:
    return seen(placed(flattened(shape(identity), bend_per_cm), Pose(**pose), pivot=MIDDLE))


@pytest.mark.parametrize("identity", CAST)
def test_a_turn_of_18_degrees_is_enough_and_to_the_right_side(identity: int) -> None:
    base = head(identity)
    for degrees in (18, -18):
        turned = head(identity, yaw_deg=degrees)
        change = turned.yaw - base.yaw
        assert abs(change) >= LIMITS.yaw_target and (change > 0) == (degrees > 0)
        assert relief(base, turned) >= LIMITS.relief_min


@pytest.mark.parametrize("identity", CAST)
def test_a_flat_print_does_not_turn_however_it_is_tilted(identity: int) -> None:
    base = sheet(identity)
    for degrees in range(-40, 41, 10):
        tilted = sheet(identity, yaw_deg=degrees)
        assert abs(tilted.yaw - base.yaw) < LIMITS.yaw_moved
        assert relief(base, tilted) < LIMITS.relief_min


def test_a_bent_print_does_turn_and_only_the_mouth_betrays_it() -> None:
    """Why every sequence has the mouth in it."""
    base = sheet(CAST[0], bend_per_cm=0.1)
    turned = sheet(CAST[0], bend_per_cm=0.1, yaw_deg=35)
    assert turned.yaw - base.yaw >= LIMITS.yaw_target and relief(base, turned) >= LIMITS.relief_min
    assert abs(turned.mouth - base.mouth) < LIMITS.mouth_target


@pytest.mark.parametrize("identity", CAST)
def test_an_open_mouth_opens_and_does_not_turn(identity: int) -> None:
    base, opening = head(identity), head(identity, mouth_cm=2.2)
    assert opening.mouth - base.mouth >= LIMITS.mouth_target
    assert abs(opening.yaw - base.yaw) < LIMITS.yaw_moved


def test_roll_place_and_distance_are_no_turn() -> None:
    base = head(CAST[0])
    for pose in ({"roll_deg": 12.0}, {"distance_cm": 33.0}, {"y_cm": 3.0}):
        moved = head(CAST[0], **pose)
        assert abs(moved.yaw - base.yaw) < LIMITS.yaw_moved // 3, pose
        assert relief(base, moved) < LIMITS.relief_min * 2 // 3, pose


def test_the_distance_between_the_eyes_follows_the_camera() -> None:
    near, far = head(0, distance_cm=30), head(0, distance_cm=60)
    assert 1.8 < near.eyes / far.eyes < 2.4


def test_boxes() -> None:
    assert overlap_permille((0, 0, 10, 10), (0, 0, 10, 10)) == 1000
    assert overlap_permille((0, 0, 10, 10), (5, 0, 15, 10)) == 333
    assert overlap_permille((0, 0, 10, 10), (10, 0, 20, 10)) == 0


def test_points_in_one_place_are_no_face() -> None:
    assert observe(lambda number: (100.0, 100.0)) is None


def test_heads_are_their_own_and_always_the_same() -> None:
    shape.cache_clear()
    first = shape(26).copy()
    shape.cache_clear()
    assert np.array_equal(first, shape(26))
    assert np.abs(first - shape(110)).max() > 0.2
