"""First script of the interpreter of an emulated board: mounts flash and ROM, then runs boot.py and main.py.

Everything comes by environment variables from `tools/emulator/board.py`. Runs in `__main__`, as boot.py and main.py do
on a board: their names are there at the prompt afterwards. The modules beside it are compiled before they are used:
what compiling leaves behind would be found in the board's heap.
"""

import gc
import os
import sys

import vfs

import board_flash
import control
import machine  # this folder leaves sys.path below: from then on this is the board's `machine`
import rom


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


if os.getenv("SHIMING_I2C_PORT"):
    import i2c  # noqa: F401 - for hw.py, which finds it loaded

flash = board_flash.opened(os.getenv("SHIMING_FLASH"))
sys.path[:] = ["", ".frozen"]
rom.mount()
sys.path.append("/lib")
vfs.umount("/")
sys.argv.clear()
if board_flash.mount(flash):
    os.chdir("/")
    del flash, board_flash, rom
    gc.collect()
    run()
else:
    control.send("flash-invalid no file system on it, and no factory mark")
    print("flash: no file system on it, and no factory mark")
