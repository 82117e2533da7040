"""Times and heap of the terminal's face step beside LiteRT on one thread, in one run: `python -m tools.bench.face`.

The nets are mapped outside the interpreter's heap, as the ROM of a board is. LiteRT runs the float models they were
made from, and comes with the extra `models`; without it, and without the packages, its column stays empty.
Medians: the machine is not quiet.
"""

import argparse
import json
import random
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
from PIL import Image

from tools.emulator.camera.attacks import genuine
from tools.emulator.camera.camera import Camera
from tools.emulator.camera.cast import CAST
from tools.models import FIRMWARE, litert, sources

SCRIPT = Path(__file__).with_name("face_terminal.py")
TARGET_MS = {"detect": 25, "mesh": 38, "embed": 120, "step": 190}
PROTOTYPE_MS = {"detect": 29, "mesh": 43, "embed": 145, "step": 220}
NETS = {"detect": "blazeface", "mesh": "facemesh", "embed": "mobilefacenet"}
LOW_KB, HIGH_KB, STEP_KB = 512, 4096, 16

# Maps the nets and becomes the interpreter: only its extension module shares our memory
LAUNCHER = """
import ctypes, mmap, os, sys
kept = []
for name in {names!r}:
    memory = mmap.mmap(os.open(os.path.join({folder!r}, name + ".net"), os.O_RDONLY), 0, access=mmap.ACCESS_COPY)
    kept.append(memory)
    os.environ["NET_" + name.upper()] = f"{{ctypes.addressof(ctypes.c_char.from_buffer(memory))}} {{len(memory)}}"
import micropython_run
sys.exit(micropython_run.run_main(["micropython", *{arguments!r}]))
"""


def interpret(heap_kb: int, rounds: int, picture: Path, folder: Path) -> Mapping[str, Any] | None:
    """None where the heap was too small. Without rounds the step is made once, with nothing of ours in the heap."""
    arguments = ["-X", f"heapsize={heap_kb}K", str(SCRIPT), str(FIRMWARE), str(rounds), str(picture)]
    code = LAUNCHER.format(names=list(NETS.values()), folder=str(folder), arguments=arguments)
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    return json.loads(result.stdout) if result.returncode == 0 else None


def smallest_heap_kb(picture: Path, folder: Path) -> int:
    low, high = LOW_KB, HIGH_KB
    while high - low > STEP_KB:
        middle = (low + high) // 2
        low, high = (low, middle) if interpret(middle, 0, picture, folder) is not None else (middle, high)
    return high


def litert_ms(rounds: int) -> Mapping[str, float]:
    """Nothing where LiteRT or a package is not there; standard error says so."""
    found = {}
    for name, net in NETS.items():
        try:
            interpreter = litert.interpreter(sources.model_source(net))
        except (litert.LiteRtMissing, sources.SourceRefused) as error:
            print(error, file=sys.stderr)
            return {}
        entry = interpreter.get_input_details()[0]
        interpreter.set_tensor(entry["index"], np.zeros(entry["shape"], np.float32))
        pictures = int(entry["shape"][0])  # MobileFaceNet's file takes two at a time
        found[name] = statistics.median(_timed_ms(interpreter.invoke) for _ in range(rounds)) / pictures
    return found | {"step": sum(found.values())}


def painted(path: Path) -> Path:
    """What the emulated camera sees of somebody who stands before it."""
    camera = Camera(genuine(CAST[0], random.Random(1)))
    camera.shoot(0)
    path.write_bytes(b"P6\n%d %d\n255\n" % (camera.optics.width, camera.optics.height) + camera.buffer)
    return path


def _timed_ms(work: Any) -> float:
    started = perf_counter()
    work()
    return 1000 * (perf_counter() - started)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=21)
    parser.add_argument("--picture", type=Path, help="PGM or PPM with a face; without one, a painted head")
    parser.add_argument("--nets", type=Path, default=FIRMWARE / "models")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        picture = arguments.picture or painted(Path(place) / "frame.ppm")
        found = interpret(HIGH_KB, arguments.rounds, picture, arguments.nets)
        if found is None:
            sys.exit("the terminal's side did not run")
        heap_kb = smallest_heap_kb(picture, arguments.nets)
        size = Image.open(picture).size
    yardstick = litert_ms(arguments.rounds)
    print(f"{'':8}{'median':>9}{'fastest':>9}{'target':>8}{'prototype':>11}{'LiteRT, 1 thread':>18}{'ratio':>7}")
    for name in TARGET_MS:
        times = found["times"][name]
        median, best = statistics.median(times) / 1000, min(times) / 1000
        beside = f"{yardstick[name]:>15.2f} ms{median / yardstick[name]:>7.1f}" if yardstick else ""
        print(f"{name:8}{median:>6.1f} ms{best:>6.1f} ms{TARGET_MS[name]:>5} ms{PROTOTYPE_MS[name]:>8} ms{beside}")
    print(f"longest between two turns of the event loop {found['longest'] / 1000:.1f} ms")
    print(
        f"smallest heap for the whole step {heap_kb} KB, the nets outside it, a frame of {size[0]} x {size[1]} within"
    )


if __name__ == "__main__":
    main()
