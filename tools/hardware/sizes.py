"""How big the firmware is, compiled, against the place that a board has for it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

from tools.hardware import partitions
from tools.hardware.pin_map import ROOT, PinMap
from tools.rom import build_rom, compiled, firmware_sources, fold_constants, share_private_names

TARGETS = ("xtensawin", "armv7emdp", "rv32imc", "x64")
ROM_USE = 0.8  # of the plan; the rest is for the next versions


@dataclass(frozen=True, slots=True)
class RomPlan:
    board: str
    image_bytes: int
    place_bytes: int

    @property
    def is_over(self) -> bool:
        return self.image_bytes > ROM_USE * self.place_bytes

    def __str__(self) -> str:
        share = self.image_bytes / self.place_bytes
        return f"{self.board}: ROM image {self.image_bytes} of {self.place_bytes} bytes, {share:.1%}"


def module_sizes(boards: Iterable[str]) -> dict[str, dict[str, int]]:
    """Bytes of every compiled module, by its path, then by target."""
    sizes: dict[str, dict[str, int]] = {}
    for board in boards:
        files = share_private_names(fold_constants(firmware_sources(board)))
        modules = {path: source for path, source in files.items() if path.endswith(".py")}
        for target in TARGETS:
            for path, code in compiled(modules, target).items():
                own = f"boards/{board}/{path}" if len(PurePosixPath(path).parts) == 1 else path
                sizes.setdefault(own, {})[target] = len(code)
    return dict(sorted(sizes.items()))


def rom_plan(pin_map: PinMap) -> RomPlan:
    image = build_rom(compiled(share_private_names(fold_constants(firmware_sources(pin_map.board))), pin_map.arch))
    return RomPlan(pin_map.board, len(image), place_bytes(pin_map))


def place_bytes(pin_map: PinMap) -> int:
    table: str | None = pin_map.raw.get("partitions")
    if table is None:
        return pin_map.raw["rom_bytes"] - partitions.MODELS_BYTES
    return next(row.size for row in partitions.read(ROOT / table) if row.name == "romfs")


def report(sizes: Mapping[str, Mapping[str, int]]) -> str:
    width = max(map(len, sizes))
    lines = [f"{'module':<{width}} " + " ".join(f"{target:>10}" for target in TARGETS)]
    for path, by_target in sizes.items():
        lines.append(f"{path:<{width}} " + " ".join(f"{by_target[target]:>10}" for target in TARGETS))
    totals = [sum(by_target[target] for by_target in sizes.values()) for target in TARGETS]
    lines.append(f"{'all modules, bytes':<{width}} " + " ".join(f"{total:>10}" for total in totals))
    return "\n".join(lines)
