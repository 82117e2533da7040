"""Paints what an emulated board's camera sees, in a process of its own: python -m tools.emulator.camera.studio FD.

FD is the memory it shares with the board. Lines of JSON on standard input say what happens; its end is the end. A
picture is painted for the moment it is stamped with, and costs 20 to 30 ms of one core.
"""

import json
import os
import select
import sys
import time

from tools.emulator.camera.actor import Actor, View
from tools.emulator.camera.camera import RGB565, Camera
from tools.emulator.camera.gate import FilmGate
from tools.emulator.camera.visitor import Visitor

PERIOD_MS = 83.0  # twelve pictures a second


class Counter:
    """The place before the terminal: empty, or somebody's."""

    def __init__(self) -> None:
        self.visitor: Actor | None = None

    def see(self, now_ms: float, state: str, code: str | None = None, light: int | None = None) -> None:
        if self.visitor:
            self.visitor.see(now_ms, state, code, light)

    def view(self, ms: float) -> View:
        return self.visitor.view(ms) if self.visitor else View()


class Studio:
    def __init__(self, gate: FilmGate) -> None:
        self._gate = gate
        self._counter = Counter()
        self._state: tuple[str, str | None] = ("idle", None)
        self._light: int | None = None
        self._run = 0
        self._due_ms = 0.0
        self._new_camera()

    def _new_camera(self) -> None:
        self._camera = Camera(self._counter, kind=RGB565)

    def wait_ms(self) -> float | None:
        """Until the next picture; None while the sensor is off."""
        return max(0.0, self._due_ms - now_ms()) if self._run else None

    def take(self, message: dict) -> None:
        match message:
            case {"sensor": int(run)}:
                self._run = run
                self._due_ms = now_ms()
                self._new_camera()
            case {"state": str(state), "code": code}:
                self._state = state, code
                self._tell()
            case {"light": light}:
                self._light = light or None
                self._tell()
            case {"stand": dict(visitor)}:
                # their skin is painted once, and takes half a second
                Camera(Visitor(**visitor).actor(), kind=RGB565).shoot(now_ms())
                self._counter.visitor = Visitor(**visitor).actor()
                self._tell()
            case {"leave": _}:
                self._counter.visitor = None

    def _tell(self) -> None:
        self._camera.see(now_ms(), *self._state, light=self._light)

    def shoot(self) -> None:
        ms = now_ms()
        number = self._camera.shoot(ms)
        if not self._gate.publish(self._run, self._camera.buffer, number, int(ms)):
            self._run = 0
        self._due_ms = max(self._due_ms + PERIOD_MS, now_ms())


def now_ms() -> float:
    return time.monotonic() * 1000  # CLOCK_MONOTONIC, as MicroPython's ticks


def main() -> None:
    studio = Studio(FilmGate(int(sys.argv[1])))
    fd, rest = sys.stdin.fileno(), b""
    while True:
        wait_ms = studio.wait_ms()
        readable, _, _ = select.select([fd], [], [], None if wait_ms is None else wait_ms / 1000)
        if readable:
            data = os.read(fd, 65536)
            if not data:
                return
            *lines, rest = (rest + data).split(b"\n")
            for line in lines:
                studio.take(json.loads(line))
        elif wait_ms is not None:
            studio.shoot()


if __name__ == "__main__":
    main()
