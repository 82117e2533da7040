"""The thresholds of the comparison that ship with the model, in thousandths."""

import json
from functools import cache
from pathlib import Path

from tools.models import FIRMWARE

MANIFEST = FIRMWARE / "models" / "manifest.json"
OPERATING_POINT = "fmr-1e-3"  # terminal.face_step's, in the manifest's table


@cache
def shipped(manifest: Path = MANIFEST) -> dict[str, int]:
    """Of the embedder, by the name that the manifest gives them."""
    models = json.loads(manifest.read_text(encoding="utf-8"))["models"]
    table = next(entry["thresholds"] for entry in models if entry["role"] == "embedder")
    return {name: round(1000 * value) for name, value in table.items()}


def in_use() -> int:
    return shipped()[OPERATING_POINT]
