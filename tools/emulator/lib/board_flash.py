"""The flash image of an emulated board, mounted as `/`."""

import os

import vfs
from micropython import const

import control

_BLOCK_BYTES = const(4096)
FACTORY_BLANK = b"SHIMING FACTORY BLANK\n"  # `tools/emulator/flash.py` says why


class Flash:
    """Block device on the image. Allocates nothing: finalisers write while the heap is locked."""

    def __init__(self, path: str) -> None:
        self._blocks = os.stat(path)[6] // _BLOCK_BYTES
        self._file = open(path, "r+b")
        self._erased = b"\xff" * _BLOCK_BYTES

    def readblocks(self, block: int, buffer: bytearray, offset: int = 0) -> None:
        self._file.seek(block * _BLOCK_BYTES + offset)
        self._file.readinto(buffer)

    def writeblocks(self, block: int, buffer: bytes, offset: int = 0) -> None:
        self._file.seek(block * _BLOCK_BYTES + offset)
        self._file.write(buffer)

    def ioctl(self, operation: int, argument: int) -> int:
        if operation == 4:
            return self._blocks
        if operation == 5:
            return _BLOCK_BYTES
        if operation == 6:
            self.writeblocks(argument, self._erased)
        return 0


def opened(path: str) -> object:
    """The image; where the supervisor has named a write at which the power goes, as NOR flash that tears it."""
    cut = os.getenv("SHIMING_POWER_CUT")
    if not cut:
        return Flash(path)
    from nor_flash import Cut, File, Nor

    return Nor(
        File(path), os.stat(path)[6] // _BLOCK_BYTES, Cut(*[int(part) for part in cut.split()]), control.power_cut
    )


def is_factory_blank(flash: object) -> bool:
    mark = bytearray(len(FACTORY_BLANK))
    flash.readblocks(0, mark)
    return mark == FACTORY_BLANK


def mount(flash: object) -> bool:
    """False when there is no file system on it, nor the mark that allows to make one."""
    geometry = {"readsize": 32, "progsize": 256, "lookahead": 32}
    if is_factory_blank(flash):
        vfs.VfsLfs2.mkfs(flash, **geometry)
    try:
        filesystem = vfs.VfsLfs2(flash, **geometry)
    except OSError:
        # Not the moment to format: whatever went wrong, the data on it may still be read by someone.
        return False
    vfs.mount(filesystem, "/")
    return True
