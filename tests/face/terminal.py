"""Lets tests of the face run work under MicroPython, several jobs in one process."""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).parents[2]
MODELS = ROOT / "firmware" / "models"
SHIPPED = ("blazeface", "facemesh", "mobilefacenet")
MICROPYTHON = os.environ.get("MICROPYTHON") or str(Path(sys.executable).parent / "micropython")
TIMEOUT_S = 240  # against a hang
KERNELS = {"portable": False, "packed": True}


def work(folder: Path, jobs: Sequence[dict[str, Any]], heap: str = "32M") -> list[dict[str, Any]]:
    plan = folder / "jobs.json"
    plan.write_text(json.dumps(list(jobs)))
    command = [
        MICROPYTHON,
        "-X",
        f"heapsize={heap}",
        str(Path(__file__).parent / "probe.py"),
        str(ROOT / "firmware"),
        str(plan),
    ]
    result = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_S, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
    return json.loads(result.stdout)


def synthetic_pictures(height: int, width: int) -> list[np.ndarray]:
    """Noise, black, white, and an oval with features on a slope of light: what a kernel meets at its extremes."""
    random = np.random.default_rng(468)
    y, x = np.mgrid[:height, :width] / np.array([height, width]).reshape(2, 1, 1)
    oval = ((x - 0.5) / 0.32) ** 2 + ((y - 0.52) / 0.42) ** 2 < 1
    shade = 60 + 120 * x + 40 * oval
    for u, v, r in ((0.38, 0.42, 0.05), (0.62, 0.42, 0.05), (0.5, 0.57, 0.04), (0.5, 0.72, 0.08)):
        shade = np.where((x - u) ** 2 + (1.7 * (y - v)) ** 2 < r * r, 40, shade)
    drawn = np.clip(shade[..., None] + random.normal(0, 6, (height, width, 3)) + [25, 0, -20], 0, 255).astype(np.uint8)
    noise = random.integers(0, 256, (height, width, 3), dtype=np.uint8)
    return [drawn, noise, np.zeros_like(noise), np.full_like(noise, 255)]
