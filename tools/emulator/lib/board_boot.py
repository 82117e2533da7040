"""First script of the interpreter of an emulated board: mounts the flash image as `/`, then runs boot.py and main.py.

Everything comes by environment variables from `tools/emulator/board.py`. Runs in `__main__`, as boot.py and main.py do
on a board: their names are there at the prompt afterwards.
"""

import gc
import os
import sys

import vfs

import control
import machine  # this folder leaves sys.path below: from then on this is the board's `machine`

BLOCK_BYTES = 4096
FACTORY_BLANK = b"SHIMING FACTORY BLANK\n"  # `tools/emulator/flash.py` says why


class Flash:
    """Block device on the image. Allocates nothing: finalisers write while the heap is locked."""

    def __init__(self, path: str) -> None:
        self._blocks = os.stat(path)[6] // BLOCK_BYTES
        self._file = open(path, "r+b")
        self._erased = b"\xff" * BLOCK_BYTES

    def readblocks(self, block: int, buffer: bytearray, offset: int = 0) -> None:
        self._file.seek(block * BLOCK_BYTES + offset)
        self._file.readinto(buffer)

    def writeblocks(self, block: int, buffer: bytes, offset: int = 0) -> None:
        self._file.seek(block * BLOCK_BYTES + offset)
        self._file.write(buffer)

    def ioctl(self, operation: int, argument: int) -> int:
        if operation == 4:
            return self._blocks
        if operation == 5:
            return BLOCK_BYTES
        if operation == 6:
            self.writeblocks(argument, self._erased)
        return 0

    def is_factory_blank(self) -> bool:
        mark = bytearray(len(FACTORY_BLANK))
        self.readblocks(0, mark)
        return mark == FACTORY_BLANK


def mount(flash: Flash) -> bool:
    geometry = {"readsize": 32, "progsize": 256, "lookahead": 32}
    if flash.is_factory_blank():
        vfs.VfsLfs2.mkfs(flash, **geometry)
    try:
        filesystem = vfs.VfsLfs2(flash, **geometry)
    except OSError:
        # Not the moment to format: whatever went wrong, the data on it may still be read by someone.
        return False
    vfs.mount(filesystem, "/")
    return True


def run() -> None:
    """As on a board: an exception, also that of a Ctrl-C, is shown and ends at the prompt; SystemExit resets softly."""
    try:
        control.send("mounted " + os.getenv("SHIMING_RESET_CAUSE"))  # from here on the supervisor sends Ctrl-C
        run_if_there("boot.py")
        if os.getenv("SHIMING_RUN_MAIN") == "1":
            run_if_there("main.py")
    except SystemExit:
        machine.end("soft")  # with -i the interpreter would merely go to its prompt
    except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001 - whatever the firmware raises, the prompt comes up
        sys.print_exception(error)


def run_if_there(name: str) -> None:
    if name in os.listdir():
        execfile(name)


flash = Flash(os.getenv("SHIMING_FLASH"))
vfs.umount("/")
sys.path[:] = ["", ".frozen", "/lib"]
sys.argv.clear()
if mount(flash):
    os.chdir("/")
    del flash, Flash
    gc.collect()
    run()
else:
    control.send("flash-invalid no file system on it, and no factory mark")
    print("flash: no file system on it, and no factory mark")
