"""The files that are made from the pin maps: written by `build`, compared by `check`."""

import re
from pathlib import Path

from tools.hardware import generate, partitions, render, sizes
from tools.hardware.pin_map import BOARDS, ROOT, PinMap, load, problems
from tools.rom import CompileFailed

README = Path("hardware/README.md")
GENERATED = re.compile(r"(<!-- made: (\w+) (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)
TABLES = {"pins": generate.pin_table, "power": generate.power_table}


def texts(pin_map: PinMap) -> dict[Path, str]:
    """By path in the repository."""
    board = pin_map.board
    return {
        Path(f"firmware/boards/{board}/pins.py"): generate.pins_py(pin_map),
        Path(f"hardware/{board}.bom.csv"): generate.bom_csv(pin_map),
        **drawings(pin_map),
    }


def drawings(pin_map: PinMap) -> dict[Path, str]:
    folder = Path("hardware/wiring")
    return {
        folder / f"{pin_map.board}-signals.yml": generate.signal_drawing(pin_map),
        folder / f"{pin_map.board}-power.yml": generate.power_drawing(pin_map),
    }


def readme_with_tables(text: str, maps: list[PinMap]) -> str:
    """Between `<!-- made: pins esp32s3 -->` and `<!-- end -->`."""
    by_name = {pin_map.board: pin_map for pin_map in maps}
    return GENERATED.sub(lambda found: found[1] + TABLES[found[2]](by_name[found[3]]) + found[4], text)


def build(root: Path = ROOT, *, draws: bool = True) -> list[Path]:
    """Writes what has changed and returns it. Raises OSError, ValueError."""
    maps = [load(board, root) for board in BOARDS]
    written = []
    for pin_map in maps:
        for path, text in texts(pin_map).items():
            written += _write(root, path, text.encode())
        if draws:
            for path, drawing in drawings(pin_map).items():
                if not _shows(root / path.with_suffix(".svg"), drawing):
                    written += _write(root, path.with_suffix(".svg"), render.render(drawing, path.stem).encode())
    readme = (root / README).read_text(encoding="utf-8")
    return written + _write(root, README, readme_with_tables(readme, maps).encode())


def _write(root: Path, path: Path, content: bytes) -> list[Path]:
    file = root / path
    if file.exists() and file.read_bytes() == content:
        return []
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content)
    return [path]


def _shows(picture: Path, drawing: str) -> bool:
    return picture.exists() and picture.read_text(encoding="utf-8").endswith(render.mark(drawing))


def check(root: Path = ROOT) -> list[str]:
    """Everything that is wrong, in words. Raises OSError, ValueError and KeyError for a file that cannot be read."""
    found = []
    maps = [load(board, root) for board in BOARDS]
    for pin_map in maps:
        found += [f"hardware/{pin_map.board}.toml: {problem}" for problem in problems(pin_map)]
        for path, text in texts(pin_map).items():
            found += _stale(root / path, path, text)
        for path, drawing in drawings(pin_map).items():
            if not _shows(root / path.with_suffix(".svg"), drawing):
                found.append(f"{path.with_suffix('.svg')}: shows another wiring")
        table: str | None = pin_map.raw.get("partitions")
        if table:
            found += [f"{table}: {problem}" for problem in partitions.problems(partitions.read(root / table))]
    readme = (root / README).read_text(encoding="utf-8")
    return found + _stale(root / README, README, readme_with_tables(readme, maps))


def _stale(file: Path, path: Path, text: str) -> list[str]:
    if file.exists() and file.read_text(encoding="utf-8") == text:
        return []
    return [f"{path}: not what the pin map gives; run `python -m tools.hardware build`"]


def over_plan(maps: list[PinMap]) -> list[str]:
    """Boards whose ROM image does not compile or is too big."""
    found = []
    for pin_map in maps:
        try:
            plan = sizes.rom_plan(pin_map)
        except CompileFailed as error:
            found.append(f"{pin_map.board}: {error}")
            continue
        if plan.is_over:
            found.append(f"{plan}: over {sizes.ROM_USE:.0%} of it")
    return found
