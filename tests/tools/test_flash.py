"""The flash image of an emulated board, as the host makes and reads it."""

import random
from pathlib import Path

import pytest
from littlefs import LittleFS

from tools.emulator.errors import FlashInvalid
from tools.emulator.flash import (
    BLOCK_BYTES,
    FACTORY_BLANK,
    ROM_BYTES,
    SIZE_BYTES,
    build_blank,
    build_image,
    fill,
    read_file,
    read_files,
    remove,
    write_rom,
)

FIRMWARE = Path(__file__).parents[2] / "firmware"


def test_files_come_back_as_they_went_in(tmp_path: Path) -> None:
    seed = random.randrange(2**32)
    print("seed", seed)
    rng = random.Random(seed)
    files = {f"dir{i % 3}/deep/file{i}": rng.randbytes(rng.randrange(9000)) for i in range(30)} | {"empty": b""}
    image = tmp_path / "flash.img"
    build_image(image, files)
    assert image.stat().st_size == SIZE_BYTES
    assert read_files(image) == files
    assert read_file(image, "dir1/deep/file1") == read_file(image, "/dir1/deep/file1") == files["dir1/deep/file1"]


def test_file_that_a_board_keeps_inline_is_read(tmp_path: Path) -> None:
    """MicroPython's cache of 1024 bytes lets it keep 512 in the folder's own blocks."""
    filesystem = LittleFS(
        block_size=BLOCK_BYTES, block_count=64, read_size=32, prog_size=256, cache_size=1024, disk_version=0
    )
    with filesystem.open("inline", "wb") as file:
        file.write(bytes(400))
    (tmp_path / "flash.img").write_bytes(bytes(filesystem.context.buffer))
    assert read_file(tmp_path / "flash.img", "inline") == bytes(400)


def test_full_flash_keeps_its_files_and_has_room_again(tmp_path: Path) -> None:
    image = tmp_path / "flash.img"
    files = {"config.json": bytes(600), "queue/1": bytes(9000)}
    build_image(image, files)
    for free_blocks in (0, 5):
        fill(image, "filler", free_blocks=free_blocks)
        full = read_files(image)
        left = SIZE_BYTES - len(full.pop("filler"))
        assert full == files
        assert left < (free_blocks + 20) * BLOCK_BYTES, "the files, their folders, and what is to be left"
        remove(image, "filler")
        assert read_files(image) == files
    remove(image, "filler")


def test_missing_file_is_named(tmp_path: Path) -> None:
    build_image(tmp_path / "flash.img", {})
    with pytest.raises(FileNotFoundError, match="absent"):
        read_file(tmp_path / "flash.img", "absent")


def test_files_that_do_not_fit_are_refused_and_leave_no_image(tmp_path: Path) -> None:
    with pytest.raises(FlashInvalid, match="fit"):
        build_image(tmp_path / "flash.img", {"big": bytes(65536)}, size_bytes=65536)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("size_bytes", [0, 4096, 65537])
def test_size_must_be_whole_blocks(tmp_path: Path, size_bytes: int) -> None:
    with pytest.raises(ValueError, match="multiple of 4096"):
        build_image(tmp_path / "flash.img", {}, size_bytes=size_bytes)


def test_new_image_replaces_the_old_one(tmp_path: Path) -> None:
    build_image(tmp_path / "flash.img", {"old": b"1"})
    build_image(tmp_path / "flash.img", {"new": b"2"})
    assert read_files(tmp_path / "flash.img") == {"new": b"2"}
    assert [file.name for file in tmp_path.iterdir()] == ["flash.img"]


@pytest.mark.parametrize("content", [b"", b"\xff" * 8192, bytes(4097), random.Random(2).randbytes(65536)])
def test_what_is_no_image_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "flash.img").write_bytes(content)
    with pytest.raises(FlashInvalid):
        read_files(tmp_path / "flash.img")


def test_blank_image_is_erased_but_for_its_mark(tmp_path: Path) -> None:
    build_blank(tmp_path / "flash.img", size_bytes=65536)
    content = (tmp_path / "flash.img").read_bytes()
    assert len(content) == 65536
    assert content.removeprefix(FACTORY_BLANK).strip(b"\xff") == b""
    with pytest.raises(FlashInvalid):
        read_files(tmp_path / "flash.img")


def test_mark_is_the_one_the_board_looks_for() -> None:
    boot = FIRMWARE.parent / "tools" / "emulator" / "lib" / "board_flash.py"
    assert f"FACTORY_BLANK = {FACTORY_BLANK!r}".replace("'", '"') in boot.read_text()


def test_rom_has_its_size_and_its_image_in_front(tmp_path: Path) -> None:
    write_rom(tmp_path / "rom.img", b"image")
    with (tmp_path / "rom.img").open("rb") as file:
        assert file.read(6) == b"image\0"
    assert (tmp_path / "rom.img").stat().st_size == ROM_BYTES
    with pytest.raises(FlashInvalid, match="do not fit"):
        write_rom(tmp_path / "rom.img", bytes(ROM_BYTES + 1))


def test_image_is_readable_by_its_owner_only(tmp_path: Path) -> None:
    build_image(tmp_path / "flash.img", {"secret/attest.key": b"key"})
    assert (tmp_path / "flash.img").stat().st_mode & 0o777 == 0o600
