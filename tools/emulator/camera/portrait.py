"""The skin of a head, painted by code: eyes, brows, lips and complexion of one identity, seen straight from the front.

Nobody real: a number decides colours and strokes as it decides the head's shape. Coordinates are the head's, in cm.
"""

import colorsys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageChops, ImageDraw, ImageFilter

from tools.emulator.camera.head import Points, shape

Rgb = tuple[int, int, int]
Line = list[tuple[float, float]]
Stroke = Callable[[ImageDraw.ImageDraw, int], None]  # a pen on a mask, and the mask's value

WIDTH_CM, HEIGHT_CM = 20.0, 24.0
PER_CM = 24  # painted
KEPT_PER_CM = 12  # a camera 40 cm away sees 7 pixels to a centimetre
ORIGIN_CM = np.array([WIDTH_CM / 2, HEIGHT_CM / 2])

# fmt: off
EYES = (
    (33, 246, 161, 160, 159, 158, 157, 173, 133, 155, 154, 153, 145, 144, 163, 7),
    (263, 466, 388, 387, 386, 385, 384, 398, 362, 382, 381, 380, 374, 373, 390, 249),
)
UPPER_LIDS = tuple(eye[:9] for eye in EYES)
LOWER_LIDS = tuple(eye[8:] for eye in EYES)
PUPILS = ((159, 145), (386, 374))
BROWS = ((70, 63, 105, 66, 107, 55, 65, 52, 53, 46), (300, 293, 334, 296, 336, 285, 295, 282, 283, 276))
LIPS = (61, 185, 40, 39, 37, 0, 267, 269, 270, 409, 291, 375, 321, 405, 314, 17, 84, 181, 91, 146)
MOUTH = (78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308, 324, 318, 402, 317, 14, 87, 178, 88, 95)
NOSTRILS = (97, 326)
NOSE_SIDES = ((193, 122, 196, 3, 51, 45, 220, 115, 48), (417, 351, 419, 248, 281, 275, 440, 344, 278))
FOLDS = ((129, 203, 206, 216, 212), (358, 423, 426, 436, 432))
BEARD = (234, 93, 132, 58, 172, 136, 150, 149, 176, 148, 152, 377, 400, 378, 379, 365, 397, 288, 361, 323, 454,
         411, 427, 436, 410, 287, 273, 335, 406, 313, 18, 83, 182, 106, 43, 57, 186, 216, 207, 187)
MOUSTACHE = (216, 206, 203, 98, 2, 327, 423, 426, 436, 410, 270, 269, 267, 0, 37, 39, 40, 186)
FOREHEAD = (127, 162, 21, 54, 103, 67, 109, 10, 338, 297, 332, 284, 251, 389, 356)
BAGS = ((111, 117, 118, 119, 120, 121), (340, 346, 347, 348, 349, 350))
FROWNS = ((104, 69, 108, 151, 337, 299, 333), (8, 9))
# fmt: on


@dataclass(frozen=True, slots=True)
class Look:
    skin: Rgb
    hair: Rgb
    iris: Rgb
    lips: Rgb
    shirt: Rgb
    brow_weight: float
    beard: float  # 0 none, 1 full
    moustache: float
    age: float  # depth of the lines, 0..1
    paint: float  # of lips and lids, 0..1
    has_long_hair: bool
    has_glasses: bool
    fringe_cm: float  # how far the hair comes down the forehead
    seed: int


@cache
def look(identity: int) -> Look:
    rng = np.random.default_rng([identity, 7])
    value = rng.uniform(0.36, 0.96)
    saturation = rng.uniform(0.2, 0.4) + 0.25 * (0.96 - value)
    skin = _rgb(rng.uniform(0.03, 0.09), saturation, value)
    hair = _rgb(rng.uniform(0.03, 0.12), rng.uniform(0.05, 0.6), rng.choice((0.06, 0.12, 0.3, 0.55, 0.75)))
    iris = _rgb(*((0.07, 0.6, 0.2) if rng.uniform() < 0.6 else (rng.uniform(0.2, 0.62), 0.4, 0.55)))
    is_bearded = rng.uniform() < 0.4
    paint = 0.0 if is_bearded else max(0.0, rng.uniform(-0.6, 1))
    lips = _mixed(_scaled(skin, rng.uniform(0.68, 0.85)), (178, 40, 60), 0.25 + 0.5 * paint)
    shirt = _rgb(rng.uniform(), rng.uniform(0.1, 0.6), rng.uniform(0.2, 0.8))
    return Look(
        skin, hair, iris, lips, shirt,
        brow_weight=rng.uniform(0.3, 1.8),
        beard=rng.uniform(0.3, 0.95) if is_bearded else 0.0,
        moustache=rng.uniform(0.2, 0.95) if is_bearded and rng.uniform() < 0.7 else 0.0,
        age=max(0.0, rng.uniform(-0.4, 1)),
        paint=paint,
        has_long_hair=not is_bearded and bool(rng.uniform() < 0.65),
        has_glasses=bool(rng.uniform() < 0.25),
        fringe_cm=max(0.0, rng.uniform(-2.5, 3.0)),
        seed=identity,
    )  # fmt: skip


@cache
def skin_picture(identity: int) -> NDArray[np.float32]:
    """Height x width x 3, 0..255; pixel (0, 0) is the corner at the person's right, above."""
    return _Painter(identity).paint()


def texture_place(points: Points) -> Points:
    """Where points of the unturned head lie in the picture: x, y in its pixels."""
    return (points[:, :2] * (1, -1) + ORIGIN_CM) * KEPT_PER_CM


class _Painter:
    def __init__(self, identity: int) -> None:
        self._look = look(identity)
        self._rng = np.random.default_rng([identity, 11])
        self._size = (int(WIDTH_CM * PER_CM), int(HEIGHT_CM * PER_CM))
        self._place = (shape(identity)[:, :2] * (1, -1) + ORIGIN_CM) * PER_CM
        self._picture = Image.new("RGB", self._size, self._look.skin)
        self._shadow = _scaled(self._look.skin, 0.55)

    def paint(self) -> NDArray[np.float32]:
        person = self._look
        red = _mixed(person.skin, (200, 70, 60), 0.5)
        for cheek in (50, 280):
            self._spot(red, 0.35, 0.8, self._place[cheek], 1.6, 1.3)
        self._spot(red, 0.25, 0.5, self._place[4], 0.9, 0.8)
        for side in (0, 1):
            self._paint_side(side)
        self._fill(person.lips, 0.9, 0.09, self._line(LIPS))
        self._fill(_scaled(person.lips, 0.4), 0.75, 0.06, self._line(MOUTH))
        self._spot(self._shadow, 0.35, 0.25, self._place[18] + (0, 5), 1.3, 0.25)
        self._paint_hairs()
        self._paint_lines()
        return self._grained()

    def _paint_side(self, side: int) -> None:
        """One half of the face: eye, brow, nostril, the shadows of nose and cheek."""
        person, place = self._look, self._place
        self._draw(self._shadow, 0.45, 0.35, self._line(NOSE_SIDES[side]), 8)
        self._draw(self._shadow, 0.3, 0.25, self._line(FOLDS[side]), 7)
        self._spot(self._shadow, 0.5, 0.45, place[list(EYES[side])].mean(axis=0) - (0, 8), 1.9, 0.9)
        outward = -2 if side == 0 else 2
        self._spot((45, 22, 18), 0.85, 0.07, place[NOSTRILS[side]] + (outward, 2), 0.36, 0.18)
        self._paint_eye(side)
        weight = person.brow_weight
        self._fill(person.hair, min(0.85, 0.6 + 0.2 * weight), 0.08 + 0.04 * weight, self._line(BROWS[side]))
        if person.paint:
            self._draw((70, 50, 80), 0.6 * person.paint, 0.2, self._line(UPPER_LIDS[side]), 14)

    def _paint_eye(self, side: int) -> None:
        person, lid = self._look, self._line(UPPER_LIDS[side])
        opening = self._mask(255, 1 / PER_CM, lambda pen, value: pen.polygon(self._line(EYES[side]), fill=value))
        eye = Image.new("RGB", self._size, (232, 226, 222))
        pen = ImageDraw.Draw(eye)
        centre = self._place[list(PUPILS[side])].mean(axis=0)
        for colour, radius in ((_scaled(person.iris, 0.6), 0.62), (person.iris, 0.55), ((12, 10, 10), 0.26)):
            pen.ellipse(_around(centre, radius * PER_CM, radius * PER_CM), fill=colour)
        pen.ellipse(_around(centre - 4, 2.2, 2.2), fill=(250, 250, 250))
        shade = self._mask(150, 3 / PER_CM, lambda pen, value: pen.line(lid, fill=value, width=9))
        eye.paste((90, 70, 65), mask=ImageChops.multiply(shade, opening))
        self._picture.paste(eye, mask=opening)
        self._draw((35, 25, 22), 0.95, 0.04, lid, 4)
        self._draw((80, 50, 45), 0.4, 0.05, self._line(LOWER_LIDS[side]), 2)
        self._draw(_scaled(person.skin, 0.5), 0.5, 0.07, _lowered(lid, -0.32), 3)

    def _paint_hairs(self) -> None:
        person = self._look
        if person.beard:
            self._fill(person.hair, person.beard, 0.45, self._line(BEARD))
            self._fill(person.lips, 0.85, 0.12, self._line(LIPS))
            self._fill(_scaled(person.lips, 0.4), 0.75, 0.06, self._line(MOUTH))
        if person.moustache:
            self._fill(person.hair, person.moustache, 0.14, self._line(MOUSTACHE))
        if person.fringe_cm:
            top = self._line(FOREHEAD)
            above = [(top[0][0], 0.0), (top[-1][0], 0.0)]
            self._fill(person.hair, 0.97, 0.15, [*_lowered(top, person.fringe_cm)[::-1], top[0], *above, top[-1]])
        if person.has_glasses:
            frame = (25, 22, 25)
            for eye in EYES:
                corners = np.array(self._line(eye))
                (left, top_y), (right, bottom) = corners.min(axis=0) - (14, 26), corners.max(axis=0) + (14, 30)
                rim = (float(left), float(top_y), float(right), float(bottom))
                self._wash(frame, 1.0, 0.03, lambda pen, value, rim=rim: pen.ellipse(rim, outline=value, width=6))
            self._draw(frame, 1.0, 0.03, self._line((133, 362)), 5)

    def _paint_lines(self) -> None:
        person = self._look
        for fold in (*FOLDS, *BAGS, *FROWNS):
            self._draw(_scaled(person.skin, 0.5), 0.75 * person.age, 0.08, self._line(fold), 5)
        for _ in range(int(self._rng.uniform(-60, 60))):
            x, y = (int(part) for part in self._rng.uniform((100, 150), (380, 460)))
            self._picture.paste(_scaled(person.skin, 0.7), (x, y, x + 3, y + 3))

    def _grained(self) -> NDArray[np.float32]:
        scale = KEPT_PER_CM / PER_CM
        size = (int(self._size[0] * scale), int(self._size[1] * scale))
        pixels = np.asarray(self._picture.resize(size, Image.Resampling.BOX), dtype=np.float32)
        coarse = Image.fromarray(self._rng.uniform(0, 255, (24, 20)).astype(np.uint8))
        blotches = np.asarray(coarse.resize(size, Image.Resampling.BICUBIC), dtype=np.float32) / 255 - 0.5
        grain = self._rng.normal(0, 0.018, pixels.shape[:2]) + blotches * 0.06
        return np.clip(pixels * (1 + grain[..., None]), 0, 255).astype(np.float32)

    # --- strokes: colour, strength 0..1, softness in cm, and where

    def _line(self, points: Sequence[int]) -> Line:
        return [(float(self._place[point, 0]), float(self._place[point, 1])) for point in points]

    def _fill(self, colour: Rgb, strength: float, soft_cm: float, line: Line) -> None:
        self._wash(colour, strength, soft_cm, lambda pen, value: pen.polygon(line, fill=value))

    def _draw(self, colour: Rgb, strength: float, soft_cm: float, line: Line, width: int) -> None:
        self._wash(colour, strength, soft_cm, lambda pen, value: pen.line(line, fill=value, width=width))

    def _spot(
        self, colour: Rgb, strength: float, soft_cm: float, centre: Points, across_cm: float, down_cm: float
    ) -> None:
        box = _around(centre, across_cm * PER_CM, down_cm * PER_CM)
        self._wash(colour, strength, soft_cm, lambda pen, value: pen.ellipse(box, fill=value))

    def _wash(self, colour: Rgb, strength: float, soft_cm: float, stroke: Stroke) -> None:
        self._picture.paste(colour, mask=self._mask(round(255 * strength), soft_cm, stroke))

    def _mask(self, value: int, soft_cm: float, stroke: Stroke) -> Image.Image:
        mask = Image.new("L", self._size)
        stroke(ImageDraw.Draw(mask), value)
        return mask.filter(ImageFilter.GaussianBlur(soft_cm * PER_CM))


def _around(centre: Points, across: float, down: float) -> tuple[float, float, float, float]:
    x, y = float(centre[0]), float(centre[1])
    return x - across, y - down, x + across, y + down


def _lowered(line: Line, by_cm: float) -> Line:
    return [(x, y + by_cm * PER_CM) for x, y in line]


def _rgb(hue: float, saturation: float, value: float) -> Rgb:
    red, green, blue = colorsys.hsv_to_rgb(float(hue), float(saturation), float(value))
    return round(255 * red), round(255 * green), round(255 * blue)


def _scaled(colour: Rgb, factor: float) -> Rgb:
    return round(colour[0] * factor), round(colour[1] * factor), round(colour[2] * factor)


def _mixed(one: Rgb, other: Rgb, part: float) -> Rgb:
    red, green, blue = (round(a + (b - a) * part) for a, b in zip(one, other, strict=True))
    return red, green, blue
