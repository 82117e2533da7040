"""The flash image of an emulated board, as the host makes and reads it."""

import random
from pathlib import Path

import pytest

from tools.emulator.errors import FlashInvalid
from tools.emulator.flash import (
    FACTORY_BLANK,
    ROM_BYTES,
    SIZE_BYTES,
    build_blank,
    build_image,
    read_file,
    read_files,
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
