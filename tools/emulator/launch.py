"""Becomes the interpreter of an emulated board: `python launch.py TARGET ARGUMENTS...`, standard input a fresh pty.

TARGET is a `micropython` program, or the folder of the wheel's extension module. Started by `interpreter.py` without
site-packages, which brings the wheel up in 15 ms instead of 35.
"""

import fcntl
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
if os.path.isdir(target):  # noqa: PTH112 - importing pathlib costs as much as all the rest
    sys.path.insert(0, target)
    import micropython_run

    sys.exit(micropython_run.run_main(["micropython", *arguments]))
os.execv(target, [target, *arguments])
