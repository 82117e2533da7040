"""An ESP-IDF partition table, and what can be wrong with it: the bootloader's rules and this product's."""

from pathlib import Path
from typing import NamedTuple

FLASH_BYTES = 16 * 1024 * 1024
FIRST_OFFSET = 0x9000  # the bootloader and the table itself lie below
SECTOR_BYTES = 0x1000
APP_ALIGN_BYTES = 0x10000  # the processor maps flash in pages of 64 KB: programs, and a ROM that is run in place
NAME_CHARS = 15
MODELS_BYTES = 4 * 1024 * 1024
QUEUE_BYTES = 2000 * 2048  # seven days or 2000 registrations without a network, at 2 KB each
MAPPED_SUBTYPE = "0x8f"  # a ROM; upstream's port looks for the label `romfs`


class Partition(NamedTuple):
    name: str
    type: str
    subtype: str
    offset: int
    size: int

    @property
    def end(self) -> int:
        return self.offset + self.size


def read(path: Path) -> list[Partition]:
    """Raises OSError, ValueError."""
    rows = []
    for line in path.read_text(encoding="utf-8").splitlines():
        text = line.partition("#")[0].strip()
        if text:
            name, kind, subtype, offset, size = (field.strip() for field in text.split(",")[:5])
            rows.append(Partition(name, kind, subtype, int(offset, 0), int(size, 0)))
    return rows


def problems(table: list[Partition]) -> list[str]:
    found = []
    end = FIRST_OFFSET
    for row in sorted(table, key=lambda row: row.offset):
        if row.offset < end:
            found.append(f"{row.name}: begins at 0x{row.offset:x}, before 0x{end:x} where the one before it ends")
        is_mapped = row.type == "app" or row.subtype == MAPPED_SUBTYPE
        align = APP_ALIGN_BYTES if is_mapped else SECTOR_BYTES
        if row.offset % align or row.size % SECTOR_BYTES:
            found.append(f"{row.name}: must begin at a multiple of 0x{align:x} and be whole sectors long")
        if not 0 < len(row.name) <= NAME_CHARS:
            found.append(f"{row.name}: a name has 1 to {NAME_CHARS} characters")
        end = max(end, row.end)
    if end != FLASH_BYTES:
        found.append(f"the table ends at 0x{end:x}, the flash at 0x{FLASH_BYTES:x}")
    names = [row.name for row in table]
    found += [f"{name}: twice" for name in sorted(set(names)) if names.count(name) > 1]
    return found + _purpose_problems({row.name: row for row in table})


def _purpose_problems(rows: dict[str, Partition]) -> list[str]:
    needed = ("nvs", "otadata", "ota_0", "ota_1", "romfs", "romfs_b", "models", "vfs")
    found = [f"{name}: missing" for name in needed if name not in rows]
    if found:
        return found
    for one, other in (("ota_0", "ota_1"), ("romfs", "romfs_b")):
        if rows[one].size != rows[other].size:
            found.append(f"{one} and {other}: an upgrade needs two slots of one size")
    if rows["models"].size < MODELS_BYTES:
        found.append(f"models: less than {MODELS_BYTES} bytes")
    if rows["vfs"].size < QUEUE_BYTES:
        found.append(f"vfs: less than {QUEUE_BYTES} bytes for the queue")
    return found
