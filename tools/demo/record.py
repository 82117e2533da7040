"""Makes the picture of the README from a real run: `python -m tools.demo.record tools/demo/demo.svg`."""

import asyncio
import io
import sys
import tempfile
from pathlib import Path

from rich.console import Console

from tools.demo.cli import HEAP, run, summary
from tools.demo.plant import FaceLevel, Plant
from tools.demo.script import SCRIPT_WITH_FACES, customers
from tools.demo.view import LiveView

WIDTH = 132


def main() -> None:
    view = LiveView(Console(file=io.StringIO()))
    with tempfile.TemporaryDirectory() as folder:
        plant = Plant(Path(folder), 1, heap=HEAP, face=FaceLevel.MATCH)
        account = asyncio.run(run(plant, customers(len(SCRIPT_WITH_FACES), seed=1, with_faces=True), view))
    view.close()
    picture = Console(record=True, width=WIDTH, file=io.StringIO())
    picture.print(view.table(), "", *summary(account), sep="\n", highlight=False)
    picture.save_svg(sys.argv[1], title="shiming demo")


if __name__ == "__main__":
    main()
