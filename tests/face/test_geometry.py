"""Where the nets look, and what is read from their results, on the PC."""

import math
import random

import numpy as np
import pytest
from terminal.face import detector, embedder, geometry, landmarks, pad
from terminal.face.frame import GREY, Frame

from tools.models.host import HostOutput


def test_letterbox_puts_the_frame_in_the_middle():
    view = geometry.letterbox(320, 240, 128)
    assert geometry.place(view, 63.5, 63.5) == pytest.approx((159.5, 119.5))
    assert geometry.place(view, -0.5, 15.5) == pytest.approx((-0.5, -0.5))


def test_square_shows_its_centre_and_is_turned_about_it():
    view = geometry.square((100.0, 80.0), 50.0, math.pi / 2, 25)
    assert geometry.place(view, 12, 12) == pytest.approx((100.0, 80.0))
    assert geometry.place(view, 13, 12) == pytest.approx((100.0, 82.0))


def test_rectangle_covers_its_edges():
    view = geometry.rectangle(10.0, 20.0, 50.0, 100.0, 80)
    assert geometry.place(view, -0.5, -0.5) == pytest.approx((9.5, 19.5))
    assert geometry.place(view, 79.5, 79.5) == pytest.approx((49.5, 99.5))


def test_similarity_finds_turn_scale_and_shift_again():
    seed = 112
    print("seed", seed)
    chance = random.Random(seed)
    for _ in range(50):
        angle, scale = chance.uniform(-3, 3), chance.uniform(0.3, 4)
        a, d = scale * math.cos(angle), scale * math.sin(angle)
        wanted = (a, -d, chance.uniform(-90, 90), d, a, chance.uniform(-90, 90))
        points = [geometry.place(wanted, *point) for point in geometry.TEMPLATE]
        assert geometry.similarity(points) == pytest.approx(wanted)


def test_similarity_is_the_best_of_all_for_points_that_fit_none():
    random_points = np.random.default_rng(5).uniform(0, 200, (5, 2))
    template = np.array(geometry.TEMPLATE)
    rows = [[[u, -v, 1, 0], [v, u, 0, 1]] for u, v in template]
    best = np.linalg.lstsq(np.array(rows).reshape(10, 4), random_points.ravel(), rcond=None)[0]
    a, minus_d, c, d, _, f = geometry.similarity([tuple(point) for point in random_points])
    assert (a, d, c, f) == pytest.approx(tuple(best))
    assert minus_d == -d


def outputs(hits: dict[tuple[int, int, int], tuple[float, list[float]]]) -> list[HostOutput]:
    """Of a detector: logit and numbers by (stride, row, column * anchors + anchor)."""
    found = []
    for kind in (16, 1):
        for size, anchors in ((16, 2), (8, 6)):
            values = np.full((size, size, anchors * kind), 0 if kind == 16 else -40.0)
            for (of, row, index), (logit, numbers) in hits.items():
                if of == size:
                    values[row].reshape(-1, kind)[index] = numbers if kind == 16 else logit
            found.append(HostOutput(values, 1.0))
    return found


def test_candidates_are_placed_by_their_anchors():
    numbers = [1.0, 2.0, 30.0, 40.0, *range(12)]
    one, other = detector.candidates(
        outputs({(16, 3, 2 * 5 + 1): (3.0, numbers), (8, 2, 6 * 4): (1.0, numbers)}), 128, 0.5
    )
    assert one[0] == pytest.approx(1 / (1 + math.exp(-3)))
    assert one[1][:4] == (5.5 * 8 + 1, 3.5 * 8 + 2, 30, 40)
    assert one[1][4:6] == (5.5 * 8, 3.5 * 8 + 1)
    assert other[1][:4] == (4.5 * 16 + 1, 2.5 * 16 + 2, 30, 40)


def test_threshold_is_of_the_chance():
    numbers = [0.0, 0.0, 9.0, 9.0] + [0.0] * 12
    logit = math.log(0.7 / 0.3)
    assert len(detector.candidates(outputs({(16, 0, 0): (logit + 1e-6, numbers)}), 128, 0.7)) == 1
    assert not detector.candidates(outputs({(16, 0, 0): (logit - 1e-6, numbers)}), 128, 0.7)


def test_overlapping_boxes_become_one_face_and_distant_ones_stay_two():
    def box(x: float, score: float) -> tuple[float, tuple[float, ...]]:
        return score, (x, 50.0, 20.0, 20.0, *[0.0] * 12)

    faces = detector.merge([box(50, 0.9), box(100, 0.8), box(54, 0.6)])
    assert [round(face[0], 3) for face in faces] == [0.9, 0.8]
    assert faces[0][1][0] == pytest.approx((50 * 0.9 + 54 * 0.6) / 1.5)


def test_merging_ends_for_a_box_without_area():
    assert (
        len(detector.merge([(0.9, (5.0, 5.0, 0.0, 0.0, *[0.0] * 12)), (0.8, (5.0, 5.0, -3.0, 4.0, *[0.0] * 12))])) == 2
    )


def test_mesh_lies_in_the_frame_as_its_view_says():
    numbers = np.zeros((landmarks.POINTS, 3), "<i2")
    numbers[:, 0], numbers[:, 1], numbers[:, 2] = 640, 320, -64  # in 1/64 pixel
    numbers[263, 0], numbers[33, 0] = 960, 320
    numbers[152, 1] = 1280
    mesh = landmarks.Mesh(numbers.tobytes(), 1 / 64, (2.0, 0.0, 100.0, 0.0, 2.0, 50.0), 0.9)
    assert mesh.point(4) == (100 + 2 * 9.5, 50 + 2 * 4.5)
    assert mesh.depth(4) == -2
    assert mesh.box() == (119, 59, 119, 89)
    assert mesh.five()[2:] == [mesh.point(1), mesh.point(61), mesh.point(291)]
    view = landmarks.next_view(mesh, 192)
    assert geometry.place(view, 95.5, 95.5) == pytest.approx((119, 74))
    assert view[0] * 192 == pytest.approx(1.5 * 30), "upright, as the eyes are level"


def test_surroundings_stay_in_the_frame():
    a, _, c, _, e, f = pad.surroundings(320, 240, (140.0, 90.0, 200.0, 170.0), 80)
    assert (a * 80, e * 80) == pytest.approx((2.7 * 60, 2.7 * 80))
    a, _, c, _, e, f = pad.surroundings(320, 240, (0.0, 0.0, 60.0, 80.0), 80)
    assert geometry.place((a, 0, c, 0, e, f), -0.5, -0.5) == pytest.approx((-0.5, -0.5))
    a, _, c, _, e, f = pad.surroundings(320, 240, (100.0, 20.0, 240.0, 220.0), 80)
    assert e * 80 == pytest.approx(239)


def test_embedding_has_length_one_and_is_wiped():
    embedding = embedder.normalised([3, 4])
    assert list(embedding) == pytest.approx([0.6, 0.8])
    assert embedder.cosine(embedding, embedding) == pytest.approx(1)
    assert list(embedder.mean([embedding, embedder.normalised([4, 3])])) == pytest.approx([0.5**0.5] * 2)
    embedder.wipe(embedding)
    assert list(embedding) == [0, 0]


def test_frame_of_another_size_is_refused_and_a_frame_can_be_wiped():
    with pytest.raises(ValueError, match="size"):
        Frame(bytes(99), 10, 10, GREY)
    pixels = bytearray(b"\x07" * 5000)
    Frame(pixels, 50, 100, GREY).wipe()
    assert pixels == bytes(5000)
