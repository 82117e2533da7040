"""Becomes the interpreter of an emulated board: `python launch.py TARGET ARGUMENTS...`, standard input a fresh pty.

TARGET is a `micropython` program, or the folder of the wheel's extension module. Started by `interpreter.py` without
site-packages, which brings the wheel up in 20 ms instead of 40. Only the extension module shares our address space: a
program has neither ROM nor screen.
"""

import ctypes
import fcntl
import mmap
import os
import signal
import sys
import termios

target, *arguments = sys.argv[1:]
# With the pty as controlling terminal, the kernel hangs the interpreter up when its supervisor is gone, whatever way.
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
signal.signal(signal.SIGHUP, signal.SIG_DFL)
# CPython's own handler would look like that of running MicroPython code, and swallow the first Ctrl-C.
signal.signal(signal.SIGINT, signal.SIG_IGN)


def map_memory(variable: str, fd: int | None) -> mmap.mmap | None:
    """What the board has at a fixed address: the variable becomes `ADDRESS SIZE`."""
    if fd is None:
        return None
    memory = mmap.mmap(fd, 0)
    os.environ[variable] = f"{ctypes.addressof(ctypes.c_char.from_buffer(memory))} {len(memory)}"
    return memory


if os.path.isdir(target):  # noqa: PTH112 - importing pathlib costs as much as all the rest
    sys.path.insert(0, target)
    import micropython_run

    rom = os.environ.get("SHIMING_ROM")
    memories = [map_memory("SHIMING_ROM_AT", os.open(rom, os.O_RDWR) if rom else None)]  # kept here: they stay mapped
    for name in ("SHIMING_PAGE", "SHIMING_CAMERA"):
        fd = os.environ.get(name + "_FD")
        memories.append(map_memory(name + "_AT", int(fd) if fd else None))
    sys.exit(micropython_run.run_main(["micropython", *arguments]))
os.execv(target, [target, *arguments])
