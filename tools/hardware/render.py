"""WireViz drawings as pictures, with `wireviz` and Graphviz's `dot` where the machine has them.

The pictures are committed, for machines that have not. Each SVG carries the digest of the drawing it shows, so that a
stale one is found without drawing it again; the bytes themselves differ between versions of Graphviz.
"""

import hashlib
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

DEADLINE_S = 60
MARK = "<!-- drawing sha256 {digest} -->\n"


def can_render() -> bool:
    return _wireviz() is not None and shutil.which("dot") is not None


def render(drawing: str, name: str) -> str:
    """SVG. Raises OSError when the tools do not make them."""
    tool = _wireviz()
    if tool is None:
        raise FileNotFoundError("wireviz")
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder, f"{name}.yml")
        source.write_text(drawing, encoding="utf-8")
        command = [tool, "-f", "s", str(source)]
        result = subprocess.run(command, capture_output=True, text=True, timeout=DEADLINE_S, check=False)
        if result.returncode:
            raise OSError(f"wireviz: {result.stderr.strip()}")
        svg = source.with_suffix(".svg").read_text(encoding="utf-8")
        return svg.rstrip("\n") + "\n" + mark(drawing)


def mark(drawing: str) -> str:
    return MARK.format(digest=hashlib.sha256(drawing.encode()).hexdigest())


def _wireviz() -> str | None:
    beside = Path(sys.executable).with_name("wireviz")
    return str(beside) if beside.exists() else shutil.which("wireviz")
