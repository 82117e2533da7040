"""Golden pictures of every state in both languages: `python -m tests.screen.golden --write` draws them anew.

Look at hardware/screens.png, where all of them are, before committing: a picture nobody has looked at proves nothing.
"""

import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from tests.screen.shots import shots
from tests.test_portable import MICROPYTHON
from tools.emulator.picture import pixels_of_png, png_of_rgb, rgb_of_rgb565

ROOT = Path(__file__).parents[2]
ASSETS = ROOT / "firmware/assets"
GOLDEN = Path(__file__).with_name("golden")
SHEET = ROOT / "hardware/screens.png"
FEW = ROOT / "hardware/screens-few.png"  # for the README
SHOWN = (
    *("ready.zh", "reading.zh", "read.zh", "refused-card-expired.zh"),
    *("queued-offline.en", "refused-card-unsupported.en", "fault-reader-timeout.en", "delivered.en"),
)
WIDTH, HEIGHT = 320, 240
LANGUAGES = ("zh", "en")
PAIRS_PER_ROW = 3  # a pair is one state in both languages
GAP = 8
GROUND = b"\x8a\x94\x9d"
TIMEOUT_S = 120  # against a hang; it takes two seconds

Pictures = dict[str, bytes]  # "state.language" -> RGB


def draw() -> tuple[Pictures, str]:
    """All pictures as the firmware paints them now, and what it says of the time that they took."""
    with tempfile.TemporaryDirectory() as folder:
        command = [MICROPYTHON, "-X", "heapsize=1M", str(ROOT / "tests/screen/draw.py"), str(ASSETS), folder]
        result = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_S, check=False)
        if result.returncode:
            raise RuntimeError(result.stdout + result.stderr)
        files = sorted(Path(folder).glob("*.rgb565"))
        return {file.stem: rgb_of_rgb565(file.read_bytes()) for file in files}, result.stdout


def golden() -> Pictures:
    return {file.stem: pixels_of_png(file.read_bytes())[2] for file in sorted(GOLDEN.glob("*.png"))}


def sheet(pictures: Pictures) -> tuple[int, int, bytes]:
    """All pictures on one, in the order of the shots."""
    names = [f"{name}.{language}" for name, _ in shots() for language in LANGUAGES]
    return together(pictures, names, PAIRS_PER_ROW * len(LANGUAGES))


def few(pictures: Pictures) -> tuple[int, int, bytes]:
    return together(pictures, SHOWN, 4)


def together(pictures: Pictures, names: Sequence[str], columns: int) -> tuple[int, int, bytes]:
    lines = -(-len(names) // columns)
    width, height = GAP + columns * (WIDTH + GAP), GAP + lines * (HEIGHT + GAP)
    rgb = bytearray(GROUND * (width * height))
    for place, name in enumerate(names):
        line, column = divmod(place, columns)
        left, top = GAP + column * (WIDTH + GAP), GAP + line * (HEIGHT + GAP)
        for row in range(HEIGHT):
            start = 3 * ((top + row) * width + left)
            rgb[start : start + 3 * WIDTH] = pictures[name][3 * row * WIDTH : 3 * (row + 1) * WIDTH]
    return width, height, bytes(rgb)


def write() -> None:
    pictures, _ = draw()
    GOLDEN.mkdir(exist_ok=True)
    for file in GOLDEN.glob("*.png"):
        if file.stem not in pictures:
            file.unlink()
    for name, rgb in pictures.items():
        (GOLDEN / f"{name}.png").write_bytes(png_of_rgb(rgb, WIDTH, HEIGHT))
    for path, (width, height, rgb) in ((SHEET, sheet(pictures)), (FEW, few(pictures))):
        path.write_bytes(png_of_rgb(rgb, width, height))
    print(f"{len(pictures)} pictures, {SHEET.relative_to(ROOT)}")


if __name__ == "__main__":
    if sys.argv[1:] != ["--write"]:
        raise SystemExit("python -m tests.screen.golden --write")
    write()
