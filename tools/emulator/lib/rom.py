"""The ROM segment: `/rom`, run in place, and `vfs.rom_ioctl`, with which `mpremote romfs` replaces it.

Mapped into this process by `tools/emulator/launch.py`, outside the heap, as flash is on a chip. An interpreter that
could not be given the mapping keeps a copy in its heap, which nothing can be written to.
"""

import os
import sys

import uctypes
import vfs
from micropython import const

_BLOCK_BYTES = const(4096)
_MIN_WRITE_BYTES = const(16)
_EINVAL = const(-22)
_EROFS = const(-30)
_HEADER_BYTES = const(12)


class Rom:
    def __init__(self, path: str, place: str | None) -> None:
        self._is_mapped = place is not None
        if place is not None:
            address, size = place.split()
            self.memory = uctypes.bytearray_at(int(address), int(size))
        else:
            with open(path, "rb") as file:
                head = file.read(_HEADER_BYTES)
                self.memory = head + file.read(image_bytes(head) - _HEADER_BYTES)

    def ioctl(self, operation: int, segment: int = 0, *arguments: object) -> object:
        """`vfs.rom_ioctl` of the boards that have one; upstream's ports define the operations."""
        if operation == 1:
            return 1
        if segment != 0:
            return _EINVAL
        if operation == 2:
            return memoryview(self.memory)
        if operation == 6:
            return _BLOCK_BYTES
        if operation in (3, 4) and not self._is_mapped:
            return _EROFS
        if operation == 3:
            offset, size = arguments if len(arguments) == 2 else (0, arguments[0])
            end = min(len(self.memory), -(-(offset + size) // _BLOCK_BYTES) * _BLOCK_BYTES)
            for start in range(offset, end, _BLOCK_BYTES):
                self.memory[start : start + _BLOCK_BYTES] = b"\xff" * _BLOCK_BYTES
            return _MIN_WRITE_BYTES
        if operation == 4:
            offset, data = arguments
            self.memory[offset : offset + len(data)] = data
            return 0
        return 0 if operation == 5 else _EINVAL


def image_bytes(head: bytes) -> int:
    """Of the ROMFS image that begins so: after the mark comes the length of the rest, 7 bits a byte."""
    size = 0
    for index in range(3, len(head)):
        size = size << 7 | head[index] & 0x7F
        if head[index] < 0x80:
            return index + 1 + size
    return 0


class Vfs:
    """Stands for the module `vfs`, which cannot be given a new member: the real ones, and `rom_ioctl`."""

    def __init__(self, rom: Rom) -> None:
        for name in dir(vfs):
            if not name.startswith("__"):
                setattr(self, name, getattr(vfs, name))
        self.rom_ioctl = rom.ioctl


def mount() -> None:
    """As the ports do at every start: an unreadable ROM is no ROM."""
    path = os.getenv("SHIMING_ROM")
    if not path:
        return
    rom = Rom(path, os.getenv("SHIMING_ROM_AT"))
    sys.modules["vfs"] = Vfs(rom)
    try:
        vfs.mount(vfs.VfsRom(rom.memory), "/rom")
    except (OSError, ValueError) as error:
        print("rom: not mounted,", error)
        return
    sys.path.extend(("/rom", "/rom/lib"))
