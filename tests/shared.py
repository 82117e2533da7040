"""The shared vectors beside the repository; tests that need them are skipped where they are absent."""

import json
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]
SHARED = ROOT.parent / "shared"


def load_vectors(name: str) -> Any:
    path = SHARED / "vectors" / name
    if not path.exists():
        pytest.skip(f"no shared vectors: {name}")
    return json.loads(path.read_text(encoding="utf-8"))
