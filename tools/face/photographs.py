"""Photographs, turned as heads and tilted as flat prints: what the limits of turn and relief tell apart.

    python -m tools.face.photographs --faces FOLDER       a folder of PGM or PPM pictures for each person

A head is turned by the depth that the mesh gives it, hair and neck going along; then the terminal's own networks look
again, under MicroPython. The same networks make the turn and measure it: this tests the limits, not the field.
"""

import argparse
import json
from collections import defaultdict
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from terminal.liveness.limits import Limits
from terminal.liveness.observation import CHEEK_LEFT, CHEEK_RIGHT, Observation, observe, relief

from tools.emulator.camera.head import Points, mesh
from tools.emulator.camera.raster import Canvas
from tools.face.networks import Networks

WIDTH, HEIGHT = 320, 240
FACE_CM, DISTANCE_CM = 14.0, 40.0
STRAIGHT = 40  # of yaw, in thousandths: who looks aside already is left out
# fmt: off
OUTLINE = [10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377,
           152, 148, 176, 149, 150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109]
# fmt: on
RINGS = ((1.15, 0.12), (1.35, 0.3), (1.6, 0.38))  # of the outline: how much wider, and how many face widths deeper
ROOM = (2.2, 3.2)  # stays where it is
TURNS_DEG, TILTS_DEG = (18, 25), (35, 50)


@dataclass(frozen=True, slots=True)
class Face:
    picture: NDArray[np.uint8]
    points: Points  # x, y, depth in pixels
    seen: Observation


def look(networks: Networks, picture: NDArray[np.uint8]) -> Face | None:
    found = networks.look(picture.tobytes(), WIDTH, HEIGHT)
    seen = observe(found["points"].__getitem__) if found["points"] else None
    return Face(picture, np.column_stack((found["points"], found["depths"])), seen) if seen else None


def framed(path: Path) -> NDArray[np.uint8]:
    """In the middle of a frame, its edges going on; of a size at which the eyes are some 50 pixels apart."""
    picture = np.asarray(Image.open(path).convert("RGB").resize((161, 196), Image.Resampling.BICUBIC))
    down, across = HEIGHT - picture.shape[0], WIDTH - picture.shape[1]
    borders = ((down // 2, down - down // 2), (across // 2, across - across // 2), (0, 0))
    return np.pad(picture, borders, mode="edge")


def moved(face: Face, degrees: float, is_flat: bool) -> Points:
    """The points after the turn, seen from the distance of a customer."""
    points = face.points * (1, 1, 0) if is_flat else face.points
    width = float(np.linalg.norm(face.points[CHEEK_LEFT, :2] - face.points[CHEEK_RIGHT, :2]))
    points = np.vstack((points, *(ring(face.points, width, *size, is_flat) for size in RINGS)))
    middle = (points[CHEEK_LEFT] + points[CHEEK_RIGHT]) / 2
    x, y, z = (points - middle).T
    distance = DISTANCE_CM * width / FACE_CM
    x, y = x * (1 + z / distance), y * (1 + z / distance)  # what is farther looks smaller than it is
    turn = np.radians(degrees)
    across, away = x * np.cos(turn) - z * np.sin(turn), x * np.sin(turn) + z * np.cos(turn)
    scale = distance / (distance + away)
    room = [ring(face.points, width, size, RINGS[-1][1], is_flat) for size in ROOM]
    return np.vstack((np.column_stack((across * scale, y * scale, away)) + middle, *room))


def ring(points: Points, face_width: float, size: float, depth: float, is_flat: bool) -> Points:
    outline = points[OUTLINE] * (1, 1, 0) if is_flat else points[OUTLINE]
    middle = np.append(outline[:, :2].mean(axis=0), 0)
    return middle + (outline - middle) * (size, size, 1) + (0, 0, 0 if is_flat else depth * face_width)


def triangles(point_count: int) -> NDArray[np.int64]:
    """Of the mesh and, ring by ring, of what is around it."""
    rings = [OUTLINE]
    rings += [[point_count + 36 * number + at for at in range(36)] for number in range(len(RINGS) + len(ROOM))]
    around = []
    for inner, outer in pairwise(rings):
        for at in range(36):
            after = (at + 1) % 36
            around += [(inner[at], inner[after], outer[at]), (inner[after], outer[after], outer[at])]
    return np.vstack((mesh()[1], np.array(around)))


def repainted(face: Face, degrees: float, is_flat: bool) -> NDArray[np.uint8]:
    before, after = moved(face, 0, is_flat), moved(face, degrees, is_flat)
    canvas = Canvas(face.picture.astype(np.float32))
    white = np.ones((len(after), 3), np.float32)
    canvas.draw(after[:, :2], after[:, 2], triangles(len(face.points)), white, canvas.colour.copy(), before[:, :2])
    return canvas.colour.clip(0, 255).astype(np.uint8)


def measure(networks: Networks, folder: Path, each: int) -> dict[str, list[tuple[int, int]]]:
    """Changes of yaw to the asked side, and relief, by what was done to the photograph."""
    found = defaultdict(list)
    for path in sorted(folder.glob("*/*.p[gp]m"))[::each]:
        face = look(networks, framed(path))
        if face is None or abs(face.seen.yaw) > STRAIGHT:
            continue
        for name, is_flat, sizes in (("turned", False, TURNS_DEG), ("print tilted", True, TILTS_DEG)):
            for degrees in (*sizes, *(-size for size in sizes)):
                after = look(networks, repainted(face, degrees, is_flat))
                if after:
                    change = abs(after.seen.yaw - face.seen.yaw)
                    found[f"{name} {abs(degrees)}"].append((change, relief(face.seen, after.seen)))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--faces", type=Path, required=True)
    parser.add_argument("--each", type=int, default=1, help="every so manieth picture only")
    parser.add_argument("--json", type=Path, help="where every pair of yaw and relief goes")
    arguments = parser.parse_args()
    with Networks() as networks:
        found = measure(networks, arguments.faces, arguments.each)
    limits = Limits()
    pairs = [(yaw, high) for yaw in (120, 150, limits.yaw_target, 210) for high in (50, limits.relief_min, 90, 100)]
    print("how many; yaw and relief: least, 5 %, median, 95 %, most")
    for name, numbers in found.items():
        columns = [np.percentile(column, (0, 5, 50, 95, 100)).astype(int) for column in np.array(numbers).T]
        print(f"{name:16} {len(numbers):4}  " + "   ".join(" ".join(f"{part:4}" for part in each) for each in columns))
    print("\nshare that reaches both limits\n" + f"{'yaw, relief':16} " + "  ".join(f"{name:>15}" for name in found))
    for yaw, high in pairs:
        shares = [np.mean([one >= yaw and other >= high for one, other in numbers]) for numbers in found.values()]
        print(f"{yaw:5} {high:5}      " + "  ".join(f"{share:15.0%}" for share in shares))
    if arguments.json:
        arguments.json.write_text(json.dumps(found))


if __name__ == "__main__":
    main()
