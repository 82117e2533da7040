"""The terminal's own networks, in a process of MicroPython."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

from tools.emulator.errors import InterpreterMissing
from tools.face.errors import NetworksFailed
from tools.models import FIRMWARE

NETS = FIRMWARE / "models"
SCRIPT = Path(__file__).with_name("networks_terminal.py")
HEAP = "8M"  # with the nets within: 3 MB


def micropython() -> str:
    wanted = os.environ.get("MICROPYTHON") or str(Path(sys.executable).parent / "micropython")
    program = shutil.which(wanted)
    if program is None:
        raise InterpreterMissing(f"{wanted} is not a program that can be run")
    return program


class Networks:
    def __init__(self, nets: Path = NETS) -> None:
        command = [micropython(), "-X", f"heapsize={HEAP}", str(SCRIPT), str(FIRMWARE), str(nets)]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )

    def __enter__(self) -> "Networks":
        self._answer()
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        assert self._process.stdin
        self._process.stdin.close()
        self._process.wait(timeout=20)

    def ask(self, request: dict[str, Any], pixels: bytes = b"") -> dict[str, Any]:
        assert self._process.stdin
        try:
            self._process.stdin.write(json.dumps(request).encode() + b"\n" + pixels)
            self._process.stdin.flush()
        except BrokenPipeError:
            pass  # `_answer` has its last words
        return self._answer()

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout
        line = self._process.stdout.readline()
        if line.startswith(b"{"):
            return json.loads(line)
        words = (line + self._process.stdout.read()).decode("utf-8", "replace").splitlines()
        raise NetworksFailed(f"MicroPython ended: {words[-1] if words else 'without a word'}")

    def look(self, pixels: bytes, width: int, height: int) -> dict[str, Any]:
        return self.ask({"do": "look", "width": width, "height": height}, pixels)

    def embed(self) -> np.ndarray:
        """Of the largest face in the picture that was looked at last."""
        return np.array(self.ask({"do": "embed"})["embedding"])

    def still(self, pixels: bytes, width: int, height: int) -> np.ndarray | None:
        """As the picture on a card is embedded; None where no face is found."""
        found = self.ask({"do": "still", "width": width, "height": height}, pixels)["embedding"]
        return None if found is None else np.array(found)
