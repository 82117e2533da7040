"""The flash image of an emulated board: a littlefs that the board mounts as `/`.

Host and board use one geometry (the board's half is in `lib/board_boot.py`). Reading is for a stopped board, or for
files that nobody writes at that moment: a running board changes the image underneath.
"""

import contextlib
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath

from littlefs import LittleFS, LittleFSError, UserContext

from tools.emulator.errors import FlashInvalid

BLOCK_BYTES = 4096
SIZE_BYTES = 0x490000  # of the file system of esp32s3: 2 000 records of 2 KB, and the rest
ROM_BYTES = 8 * 1024 * 1024  # the ROM segment; what an image leaves free takes no room on the host
# Stands at the start of an image straight from the factory; only then does the board make a file system by itself.
# Formatting wipes it, so that an image that stops mounting later is never formatted, and its evidence stays.
FACTORY_BLANK = b"SHIMING FACTORY BLANK\n"

_DISK_VERSION = 0x00020000  # of a new image; the board raises it to 2.1 when it first writes
_NO_SPACE = -28
_FILE_BLOCK_BYTES = BLOCK_BYTES - 8  # less the pointers to the blocks before: most have two or one


def build_image(path: Path, files: Mapping[str, bytes], *, size_bytes: int = SIZE_BYTES) -> None:
    """Write an image with these files, named by their path from the board's root."""
    context = UserContext(_checked(size_bytes))
    filesystem = _filesystem(context, _DISK_VERSION)
    filesystem.format()
    filesystem.mount()
    try:
        for name, content in sorted(files.items()):
            target = PurePosixPath("/", name)
            filesystem.makedirs(str(target.parent), exist_ok=True)
            with filesystem.open(str(target), "wb") as file:
                file.write(content)
    except LittleFSError as error:
        if error.code == _NO_SPACE:
            raise FlashInvalid(f"{path.name}: the files do not fit into {size_bytes} bytes") from error
        raise
    filesystem.unmount()
    _write(path, bytes(context.buffer))


def build_blank(path: Path, *, size_bytes: int = SIZE_BYTES) -> None:
    """Write an image as it leaves the factory: erased, with the mark that allows the first boot to format it."""
    _write(path, FACTORY_BLANK.ljust(_checked(size_bytes), b"\xff"))


def write_rom(path: Path, image: bytes) -> None:
    """Write the ROM segment: a ROMFS image, and room for a larger one."""
    if len(image) > ROM_BYTES:
        raise FlashInvalid(f"{path.name}: {len(image)} bytes do not fit into a ROM of {ROM_BYTES}")
    _write(path, image)
    with path.open("r+b") as file:
        file.truncate(ROM_BYTES)


def read_files(path: Path) -> dict[str, bytes]:
    """Every file of the image by its path from the root, without a leading slash."""
    filesystem = _mounted(path)
    return {
        str(PurePosixPath(folder, name).relative_to("/")): _content(filesystem, PurePosixPath(folder, name))
        for folder, _, names in filesystem.walk("/")
        for name in names
    }


def read_file(path: Path, name: str) -> bytes:
    try:
        return _content(_mounted(path), PurePosixPath("/", name))
    except FileNotFoundError as error:
        raise FileNotFoundError(f"{path.name} has no file {name}") from error


def fill(path: Path, name: str, *, free_blocks: int) -> None:
    """A file that leaves so many blocks free; for a board that is off."""
    with _changed(path) as filesystem:
        size = (
            len(filesystem.context.buffer) // BLOCK_BYTES - filesystem.used_block_count - free_blocks
        ) * _FILE_BLOCK_BYTES
        while size > 0:  # the file's own pointers, and its folder's, take blocks too
            try:
                with filesystem.open(name, "wb") as file:
                    file.write(b"\xa5" * size)
                return
            except LittleFSError as error:
                if error.code != _NO_SPACE:
                    raise
                filesystem.remove(name)
                size -= _FILE_BLOCK_BYTES


def remove(path: Path, name: str) -> None:
    """A file that may be there; for a board that is off."""
    with _changed(path) as filesystem, contextlib.suppress(FileNotFoundError):
        filesystem.remove(name)


@contextlib.contextmanager
def _changed(path: Path) -> Iterator[LittleFS]:
    filesystem = _mounted(path)
    yield filesystem
    filesystem.unmount()
    path.write_bytes(bytes(filesystem.context.buffer))  # in place: the board's lock is on this very file


def _checked(size_bytes: int) -> int:
    if size_bytes < 2 * BLOCK_BYTES or size_bytes % BLOCK_BYTES:
        raise ValueError(f"size_bytes is {size_bytes}; it must be a multiple of {BLOCK_BYTES}, at least two blocks")
    return size_bytes


def _filesystem(context: UserContext, disk_version: int = 0) -> LittleFS:
    return LittleFS(
        context,
        mount=False,
        block_size=BLOCK_BYTES,
        block_count=len(context.buffer) // BLOCK_BYTES,
        read_size=32,
        prog_size=256,
        lookahead_size=32,
        cache_size=1024,  # MicroPython's: with it a board keeps up to 512 bytes inline, which a smaller one cannot read
        disk_version=disk_version,
    )


def _mounted(path: Path) -> LittleFS:
    image = bytearray(path.read_bytes())
    if len(image) < 2 * BLOCK_BYTES or len(image) % BLOCK_BYTES:
        raise FlashInvalid(f"{path.name}: {len(image)} bytes are not a whole number of blocks")
    filesystem = _filesystem(UserContext(buffer=image))
    try:
        filesystem.mount()
    except LittleFSError as error:
        raise FlashInvalid(f"{path.name}: no file system on it") from error
    return filesystem


def _content(filesystem: LittleFS, name: PurePosixPath) -> bytes:
    with filesystem.open(str(name), "rb") as file:
        return file.read()


def _write(path: Path, image: bytes) -> None:
    # a full or torn image never stands under the final name
    temporary = path.with_name(path.name + ".new")
    temporary.unlink(missing_ok=True)
    temporary.touch(mode=0o600)  # a provisioned terminal's keys are in it
    temporary.write_bytes(image)
    temporary.replace(path)
