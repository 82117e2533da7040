"""The ESP32-S3's flash: sound as it is, and every rule bites."""

import pytest

from tools.hardware.partitions import FLASH_BYTES, Partition, problems, read
from tools.hardware.pin_map import ROOT

TABLE = read(ROOT / "firmware/boards/esp32s3/partitions.csv")


def test_table_is_sound_and_fills_the_flash() -> None:
    assert problems(TABLE) == []
    assert max(row.end for row in TABLE) == FLASH_BYTES


@pytest.mark.parametrize(
    ("name", "change", "found"),
    [
        ("ota_1", {"offset": 0x270000}, "before 0x280000"),
        ("romfs", {"offset": 0x4F1000}, "multiple of 0x10000"),
        ("vfs", {"size": 0x490100}, "whole sectors"),
        ("vfs", {"size": 0x480000}, "the table ends at"),
        ("romfs_b", {"size": 0x130000}, "two slots of one size"),
        ("models", {"size": 0x300000}, "models: less than"),
        ("models", {"name": "a name too long for it"}, "1 to 15 characters"),
        ("romfs_b", {"name": "romfs"}, "romfs: twice"),
        ("otadata", {"name": "other"}, "otadata: missing"),
        ("vfs", {"offset": 0xD70000, "size": 0x290000}, "for the queue"),
        ("nvs", {"offset": 0x8000}, "before 0x9000"),
    ],
)
def test_broken_rule_is_found(name: str, change: dict[str, int | str], found: str) -> None:
    table = [Partition(**{**row._asdict(), **change}) if row.name == name else row for row in TABLE]
    told = problems(table)
    assert any(found in problem for problem in told), told
