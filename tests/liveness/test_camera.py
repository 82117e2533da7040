"""The emulated sensor: its pictures, and what the terminal measures on them."""

import random
from types import SimpleNamespace

import numpy as np
from terminal.liveness.measure import measure

from tools.emulator.camera.actor import Body, Figure, View
from tools.emulator.camera.attacks import genuine
from tools.emulator.camera.camera import RGB565, RGB888, SCREEN_LAG_MS, Camera, card_picture
from tools.emulator.camera.cast import CAST
from tools.emulator.camera.head import Optics, Pose, placed, project, shape

FACE_BOX = (105, 60, 215, 200)
STRAIGHT = View((Figure(CAST[1], Pose(distance_cm=38)),))


class Stage:
    def __init__(self, view: View = STRAIGHT) -> None:
        self.now = view
        self.heard: list[str] = []

    def see(self, now_ms: float, state: str, code: str | None = None, light: int | None = None) -> None:
        self.heard.append(state)

    def view(self, ms: float) -> View:
        return self.now


def pixels(camera: Camera) -> np.ndarray:
    return np.frombuffer(bytes(camera.buffer), np.uint8).reshape(240, 320, camera.kind)


def frame(camera: Camera) -> SimpleNamespace:
    return SimpleNamespace(pixels=bytes(camera.buffer), width=320, height=240, kind=camera.kind)


def test_pictures_of_one_seed_are_the_same_and_successive_ones_differ() -> None:
    one, other = Camera(Stage(), seed=3), Camera(Stage(), seed=3)
    assert one.shoot(0) == other.shoot(0) == 1
    assert one.buffer == other.buffer
    first = measure(frame(one), None).fingerprint
    assert one.shoot(83) == 2
    assert measure(frame(one), None).fingerprint != first


def test_one_buffer_is_used_again() -> None:
    camera = Camera(Stage())
    frames = camera.frames(12, iter(range(0, 10_000, 40)).__next__)
    (first, first_ms, buffer), (second, second_ms, again) = next(frames), next(frames)
    assert (first, second) == (1, 2) and second_ms - first_ms >= 80
    assert buffer.obj is again.obj is camera.buffer


def test_a_frozen_stream_counts_on_with_the_same_picture() -> None:
    stage = Stage()
    camera = Camera(stage)
    camera.shoot(0)
    before = bytes(camera.buffer)
    stage.now = View(STRAIGHT.figures, is_frozen=True)
    assert camera.shoot(83) == 2
    assert bytes(camera.buffer) == before


def test_rgb565_is_the_same_picture_in_16_bits_upper_byte_first() -> None:
    full, short = Camera(Stage(), seed=1), Camera(Stage(), seed=1, kind=RGB565)
    full.shoot(0)
    short.shoot(0)
    words = pixels(short).astype(int)
    word = words[..., 0] << 8 | words[..., 1]
    reduced = np.stack((word >> 8 & 0xF8, word >> 3 & 0xFC, word << 3 & 0xF8), axis=2)
    assert np.array_equal(reduced, pixels(full) & np.array([0xF8, 0xFC, 0xF8]))
    assert full.kind == RGB888


def test_the_painted_eyes_are_where_the_points_of_the_head_are() -> None:
    camera = Camera(Stage(), noise=0)
    camera.shoot(0)
    picture = pixels(camera).mean(axis=2)
    points = project(placed(shape(CAST[1]), STRAIGHT.figures[0].pose), Optics())
    for lids in ((159, 145), (386, 374)):
        x, y = points[list(lids)].mean(axis=0).astype(int)
        assert picture[y - 1 : y + 2, x - 1 : x + 2].mean() < 0.7 * picture[y + 12 : y + 16, x - 3 : x + 4].mean()


def test_the_light_of_the_screen_colours_the_face_after_its_way_through_the_screen() -> None:
    camera = Camera(Stage(), noise=0, light_share=0.2)
    camera.see(0, "hold", light=0xFF0000)

    def red_share(ms: float) -> float:
        camera.shoot(ms)
        tint = measure(frame(camera), FACE_BOX).tint
        return tint[0] / sum(tint)

    before = red_share(SCREEN_LAG_MS - 10)
    red_share(SCREEN_LAG_MS + 10)
    assert red_share(SCREEN_LAG_MS + 90) > before + 0.02


def test_a_screen_hardly_takes_the_light() -> None:
    shares = []
    for body in (Body.HEAD, Body.SCREEN):
        view = View((Figure(CAST[1], Pose(distance_cm=38), body),))
        dark, lit = Camera(Stage(view), noise=0, light_share=0.2), Camera(Stage(view), noise=0, light_share=0.2)
        lit.see(-500, "hold", light=0xFF0000)
        tints = []
        for camera in (dark, lit):
            camera.shoot(0)
            tint = measure(frame(camera), FACE_BOX).tint
            tints.append(tint[0] / sum(tint))
        shares.append(tints[1] - tints[0])
    assert shares[1] < shares[0] / 4


def test_light_sharpness_and_a_covered_lens_are_measured() -> None:
    def measured(view: View, **changes: float) -> tuple[int, int]:
        camera = Camera(Stage(view), **changes)  # type: ignore[arg-type]
        camera.shoot(0)
        found = measure(frame(camera), FACE_BOX)
        return found.luma, found.sharpness

    luma, sharpness = measured(STRAIGHT)
    dark, _ = measured(View(STRAIGHT.figures, ambient=0.4))
    covered, _ = measured(View(is_covered=True))
    _, blurred = measured(STRAIGHT, blur_px=4, noise=0)
    assert covered < 15 < dark < luma - 40
    assert blurred < sharpness / 3


def test_what_the_terminal_shows_reaches_the_person_after_the_screen() -> None:
    actor = genuine(CAST[0], random.Random(1))
    camera = Camera(actor)
    camera.see(1_000, "challenge-left")
    assert actor.state == "challenge-left" and actor.answered_ms == 1_000 + SCREEN_LAG_MS
    straight = actor.view(1_050).figures[0].pose.yaw_deg
    assert actor.view(6_000).figures[0].pose.yaw_deg > straight + 12


def test_a_card_picture_has_the_size_of_a_card_picture() -> None:
    assert card_picture(CAST[0]).size == (102, 126)
