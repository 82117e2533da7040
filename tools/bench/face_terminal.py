"""Runs under MicroPython: times of the terminal's face step, for `tools.bench.face`: FIRMWARE ROUNDS PICTURE.

The picture is a PGM or PPM. Answers a line of JSON with the times of each net and of the whole step; for no rounds, the
step is made once and nothing else is in the heap.
"""

# ruff: noqa: B905, PTH123 - MicroPython's zip takes no `strict`, and there is no pathlib
# pyright: reportMissingImports=false, reportAttributeAccessIssue=false
import gc
import json
import os
import sys
import time

import uctypes

sys.path.insert(0, sys.argv[1])

from terminal.face.detector import Detector  # noqa: E402
from terminal.face.embedder import Embedder  # noqa: E402
from terminal.face.frame import GREY, RGB888, Frame  # noqa: E402
from terminal.face.landmarks import Landmarks  # noqa: E402
from terminal.face.net import Net  # noqa: E402

ARENA_BYTES = 625 * 1024  # of the largest net


def load(name: str, arena: bytearray) -> Net:
    """In place: the caller has mapped the file into this process, as a ROM is on a board."""
    address, size = os.getenv("NET_" + name.upper(), "").split()
    return Net(uctypes.bytearray_at(int(address), int(size)), arena)


def read_picture(path: str) -> Frame:
    """Straight into the frame, as a camera's buffers are filled: no second copy in the heap."""
    with open(path, "rb") as file:
        magic, width, height, _ = [read_word(file) for _ in range(4)]
        kind = GREY if magic == b"P5" else RGB888
        pixels = bytearray(int(width) * int(height) * kind)
        file.readinto(pixels)
    return Frame(pixels, int(width), int(height), kind)


def read_word(file) -> bytes:  # noqa: ANN001
    word = b""
    while True:
        byte = file.read(1)
        if byte not in b" \t\r\n":
            word += byte
        elif word:
            return word


def result_of(work):  # noqa: ANN001, ANN201 - no typing here
    while True:
        try:
            next(work)
        except StopIteration as end:
            return end.value


def face_step(nets: tuple, frame: Frame) -> None:
    detector, landmarks, embedder = nets
    faces = result_of(detector.detect(frame))
    if faces:
        mesh = result_of(landmarks.mesh(frame, faces[0]))
        result_of(embedder.embed(frame, mesh.five()))


def timed(work, *arguments: object) -> int:  # noqa: ANN001
    started = time.ticks_us()
    work(*arguments)
    return time.ticks_diff(time.ticks_us(), started)


def measure(nets: tuple, frame: Frame, rounds: int) -> None:
    """Times in microseconds; `longest` is the longest that the event loop would have waited."""
    times = {"detect": [], "mesh": [], "embed": [], "step": []}
    pictures = [bytes(range(256)) * (3 * each.net.width * each.net.height // 256) for each in nets]
    longest = 0
    for _ in range(rounds):
        for name, each, picture in zip(("detect", "mesh", "embed"), nets, pictures):
            times[name].append(timed(each.net.run, picture))
        gc.collect()
        times["step"].append(timed(face_step, nets, frame))
    nets[2].net.load(pictures[2])
    steps = nets[2].net.steps()
    is_done = False
    while not is_done:
        started = time.ticks_us()
        try:
            next(steps)
        except StopIteration:
            is_done = True
        longest = max(longest, time.ticks_diff(time.ticks_us(), started))
    print(json.dumps({"times": times, "longest": longest}))


def main() -> None:
    arena = bytearray(ARENA_BYTES)
    nets = (
        Detector(load("blazeface", arena)),
        Landmarks(load("facemesh", arena)),
        Embedder(load("mobilefacenet", arena)),
    )
    frame, rounds = read_picture(sys.argv[3]), int(sys.argv[2])
    if rounds:
        measure(nets, frame, rounds)
    else:
        face_step(nets, frame)
        print("{}")


main()
