"""What the lens sees: the heads, prints and screens of a View, under the light of the room and of the terminal."""

from dataclasses import dataclass, replace
from functools import cache

import numpy as np
from numpy.typing import NDArray

from tools.emulator.camera.actor import Body, Figure, View
from tools.emulator.camera.head import Optics, Points, Pose, mesh, opened, placed, project, rotation, shape
from tools.emulator.camera.portrait import MOUTH, look, skin_picture, texture_place
from tools.emulator.camera.raster import Canvas, sample

LAMP = np.array([-0.35, 0.65, 0.68])  # where the room's light comes from, in the head's frame
FRONT = -1  # the turn, in a picture, of triangles that face the camera
GLOSS = 0.6  # of the light that comes from one side
FILM_CM = 40.0  # a film shows a head as large as it was


def render(view: View, optics: Optics, light: int | None, light_share: float, room: int = 0) -> NDArray[np.floating]:
    """Height x width x 3 of 0..255, before noise."""
    if view.is_covered:
        return np.full((optics.height, optics.width, 3), 3.0, dtype=np.float32)
    canvas = Canvas(_wall(optics.width, optics.height, room) * view.ambient)
    shone = view.ambient + light_share * unit(light)
    for figure in view.figures:
        if figure.body is Body.HEAD:
            _draw_head(canvas, figure.identity, figure.pose, optics, shone)
        else:
            _draw_sheet(canvas, figure, optics, shone, light_share)
    return np.clip(canvas.colour, 0, 1) * 255


def unit(light: int | None) -> NDArray[np.floating]:
    light = light or 0
    return np.array([light >> 16, light >> 8 & 255, light & 255], dtype=np.float32) / 255


# --- a head and what it sits on


def _draw_head(canvas: Canvas, identity: int, pose: Pose, optics: Optics, shone: NDArray) -> None:
    rest = shape(identity)
    points = opened(rest, pose.mouth_cm)
    inner, outer = _face_triangles()
    texture = skin_picture(identity) / 255
    face = placed(points, pose)
    shades = _shade(points, mesh()[1], pose)[:, None] * shone
    corners = project(face, optics)
    canvas.draw(corners, face[:, 2], outer, shades.astype(np.float32), texture, texture_place(rest), front=FRONT)
    inside = np.where(points[:, 1:2] > points[13, 1] - 0.35, (0.75, 0.72, 0.66), (0.28, 0.09, 0.09))  # teeth, tongue
    closed = np.array((0.2, 0.07, 0.07)) if pose.mouth_cm < 0.3 else inside
    canvas.draw(corners, face[:, 2] + 0.3, inner, (closed * shades * 0.8).astype(np.float32), front=FRONT)
    still = pose.moved(yaw_deg=pose.yaw_deg * 0.1, pitch_deg=0.0, roll_deg=0.0)
    for solid in _solids(identity):
        where = still if solid.is_on_body else pose
        seen = placed(solid.points, where)
        shading = (_shade(solid.points, solid.triangles, where)[:, None] * shone * solid.colour).astype(np.float32)
        canvas.draw(project(seen, optics), seen[:, 2], solid.triangles, shading, front=0 if solid.is_open else FRONT)


@cache
def _face_triangles() -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """(those inside the lips, the others)"""
    triangles = mesh()[1]
    is_inner = np.isin(triangles, MOUTH).all(axis=1)
    return triangles[is_inner], triangles[~is_inner]


@dataclass(frozen=True, slots=True)
class Solid:
    points: Points
    triangles: NDArray[np.int64]
    colour: NDArray[np.float64]
    is_on_body: bool = False  # it does not turn with the head
    is_open: bool = False  # one looks into it


@cache
def _solids(identity: int) -> tuple[Solid, ...]:
    """Skull, ears, hair, neck and shoulders."""
    person = look(identity)
    skin, hair, shirt = (np.array(colour) / 255 for colour in (person.skin, person.hair, person.shirt))
    wide = shape(identity)[454, 0] / mesh()[0][454, 0]
    solids = [
        _ellipsoid((0, 0.5, -5.2), (7.6 * wide, 9.6, 7.6), skin * 0.92),
        _cap((0, 1.8, -5.0), (8.5 * wide, 11.0, 9.9), hair, -14 if person.has_long_hair else 0),
        replace(_ellipsoid((0, -12.5, -5.0), (5.2, 9.5, 5.0), skin * 0.72), is_on_body=True),
        replace(_ellipsoid((0, -26.0, -6.0), (21.0, 9.5, 8.0), shirt), is_on_body=True),
    ]
    for side in (-1, 1):
        if person.has_long_hair:
            solids.append(_ellipsoid((side * 7.6 * wide, -5.0, -5.5), (1.6, 9.5, 3.5), hair))
        else:
            solids.append(_ellipsoid((side * 7.9 * wide, 0.8, -4.4), (0.8, 2.9, 1.6), skin * 0.85))
    return tuple(solids)


def _ellipsoid(centre: tuple, radii: tuple, colour: NDArray, rings: int = 14, spokes: int = 24) -> Solid:
    down = np.linspace(0.02, np.pi - 0.02, rings)[:, None]
    around = np.linspace(0, 2 * np.pi, spokes, endpoint=False)
    across = np.sin(down)
    grid = np.stack((across * np.cos(around), np.cos(down) * np.ones(spokes), across * np.sin(around)), axis=2)
    ring, spoke = np.meshgrid(np.arange(rings - 1), np.arange(spokes), indexing="ij")
    here, right = ring * spokes + spoke, ring * spokes + (spoke + 1) % spokes
    quads = np.stack((here, right, here + spokes, right, right + spokes, here + spokes), axis=2)
    return Solid(grid.reshape(-1, 3) * radii + centre, quads.reshape(-1, 3), colour)


def _cap(centre: tuple, radii: tuple, colour: NDArray, lowest_cm: float) -> Solid:
    """Hair: what is above the forehead, and what is behind the ears down to there."""
    solid = _ellipsoid(centre, radii, colour)
    points = solid.points
    is_hair = (points[:, 1] > 6.6) | ((points[:, 2] < -3.4) & (points[:, 1] > lowest_cm))
    return replace(solid, triangles=solid.triangles[is_hair[solid.triangles].all(axis=1)], is_open=True)


def _shade(points: Points, triangles: NDArray[np.int64], pose: Pose) -> Points:
    """The light on each point: some from everywhere, some from the lamp."""
    three = points[triangles]
    faces = np.cross(three[:, 1] - three[:, 0], three[:, 2] - three[:, 0])
    normals = np.zeros_like(points)
    for corner in range(3):
        np.add.at(normals, triangles[:, corner], faces)
    normals /= np.linalg.norm(normals, axis=1, keepdims=True) + 1e-9
    outward = np.sign((normals * (points - points.mean(axis=0) + (0, 0, 6))).sum(axis=1, keepdims=True))
    turned = (normals * np.where(outward == 0, 1, outward)) @ rotation(pose).T
    return 1.05 - GLOSS + GLOSS * np.clip(turned @ LAMP, 0, 1) + 0.08 * np.clip(turned[:, 2], 0, 1)


# --- a print, a tablet


SHEET_CM = (21.0, 27.0)
SHEET_PER_CM = 12


def _draw_sheet(canvas: Canvas, figure: Figure, optics: Optics, shone: NDArray, light_share: float) -> None:
    is_print = figure.body is Body.PRINT
    picture = _print_picture(figure.identity) if is_print else _film_picture(figure, light_share)
    across, down = np.linspace(-0.5, 0.5, 13) * SHEET_CM[0], np.linspace(0.5, -0.5, 13) * SHEET_CM[1]
    x, y = np.meshgrid(across, down)
    points = np.stack((x.ravel(), y.ravel(), np.zeros(x.size)), axis=1)
    places = (points[:, :2] * (1, -1) + np.array(SHEET_CM) / 2) * SHEET_PER_CM
    if figure.bend_per_cm:
        angle = points[:, 0] * figure.bend_per_cm
        points = np.stack(
            (np.sin(angle) / figure.bend_per_cm, points[:, 1], (np.cos(angle) - 1) / figure.bend_per_cm), axis=1
        )
    row, column = np.meshgrid(np.arange(12), np.arange(12), indexing="ij")
    here = row * 13 + column
    triangles = np.stack((here, here + 1, here + 13, here + 1, here + 14, here + 13), axis=2).reshape(-1, 3)
    seen = placed(points, figure.pose.moved(mouth_cm=0), pivot=np.zeros(3))
    glow = shone * 0.95 if is_print else 1.0 + 0.06 * shone
    colours = np.ones((len(points), 3)) * glow
    canvas.draw(project(seen, optics), seen[:, 2], triangles, colours.astype(np.float32), picture, places)


@cache
def _print_picture(identity: int) -> NDArray[np.floating]:
    picture = _head_shot(identity, Pose(), np.ones(3))
    return np.clip(0.08 + 0.86 * picture, 0, 1)  # ink on paper has less contrast


def _film_picture(figure: Figure, light_share: float) -> NDArray[np.floating]:
    return _head_shot(figure.identity, figure.played, 1 + light_share * unit(figure.glow))


def head_shot(identity: int, width: int, height: int) -> NDArray[np.uint8]:
    """Straight, before a pale ground, in even light: as in a document."""
    optics = Optics(width, height, 24.0)
    canvas = Canvas(np.full((height, width, 3), (0.86, 0.89, 0.93), dtype=np.float32))
    _draw_head(canvas, identity, Pose(yaw_deg=1.5, pitch_deg=-1.0, y_cm=-0.5, distance_cm=56), optics, np.full(3, 1.04))
    return (np.clip(canvas.colour, 0, 1) * 255).astype(np.uint8)


def _head_shot(identity: int, pose: Pose, shone: NDArray) -> NDArray[np.floating]:
    """The head as large as life, on a sheet of its own."""
    width, height = (int(size * SHEET_PER_CM) for size in SHEET_CM)
    optics = Optics(width, height, float(2 * np.degrees(np.arctan(SHEET_CM[0] / 2 / FILM_CM))))
    canvas = Canvas(_wall(width, height, identity))
    _draw_head(canvas, identity, pose.moved(x_cm=0, y_cm=0, distance_cm=FILM_CM), optics, shone)
    return np.clip(canvas.colour, 0, 1)


@cache
def _wall(width: int, height: int, room: int) -> NDArray[np.floating]:
    """Something out of focus behind the person."""
    rng = np.random.default_rng([room, 3])
    coarse = rng.uniform(0.35, 0.75, (5, 6, 1)) * rng.uniform(0.85, 1.1, (5, 6, 3))
    y, x = np.meshgrid(np.linspace(0, 3.99, height), np.linspace(0, 4.99, width), indexing="ij")
    return sample(coarse.astype(np.float32), np.stack((x.ravel(), y.ravel()), axis=1)).reshape(height, width, 3)
