"""The MicroPython unix port as a process: where it is, how it is started, what it is doing, when it ended.

The wheel exists for Linux x86-64 (glibc 2.28) and macOS arm64; elsewhere $MICROPYTHON names a build of the user's own.
"""

import asyncio
import atexit
import importlib.util
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path

from tools import rom
from tools.emulator.errors import InterpreterMissing
from tools.emulator.pty_link import PtyLink

ARCH = "x64"  # of the wheel's native code; of ours in `lib/`, only `nor_flash.py` has some
_HERE = Path(__file__).parent
_SIGINT_BIT = 1 << (signal.SIGINT - 1)
_REAP_AGAIN_S = 0.001


def find() -> str:
    """A `micropython` program, or the folder of the wheel's extension module."""
    own = os.environ.get("MICROPYTHON")
    if own:
        program = shutil.which(own)
        if program is None:
            raise InterpreterMissing(f"MICROPYTHON={own} is not a program that can be run")
        return program
    module = importlib.util.find_spec("micropython_run")
    if module is None or module.origin is None:
        raise InterpreterMissing(
            "no MicroPython for this machine: its wheel exists for Linux x86-64 and macOS arm64. "
            "Set MICROPYTHON to a `micropython` program (unix port, standard variant, 1.24 or newer)"
        )
    return str(Path(module.origin).parent)


@cache
def _board_modules() -> Path:
    """`lib/`, compiled but for the script that starts it."""
    folder = tempfile.TemporaryDirectory(prefix="shiming-board-")
    atexit.register(folder.cleanup)
    target, script = Path(folder.name), "board_boot.py"
    files = {file.name: file.read_bytes() for file in (_HERE / "lib").glob("*.py")}
    (target / script).write_bytes(files.pop(script))
    for name, content in rom.compiled(files, ARCH).items():
        (target / name).write_bytes(content)
    return target


class Interpreter:
    """One run of it, on a terminal of its own; `on_end` comes last, with everything else delivered. `memories` are
    files to be mapped, by the name of the environment variable that has the number."""

    def __init__(
        self,
        *,
        heap_bytes: int,
        environment: Mapping[str, str],
        memories: Mapping[str, int],
        on_output: Callable[[bytes], None],
        on_message: Callable[[str], None],
        on_end: Callable[[int], None],
    ) -> None:
        self._on_message = on_message
        self._on_end = on_end
        self._loop = asyncio.get_running_loop()
        self._partial_message = b""
        self.terminal = PtyLink(on_output)
        # A pipe, not a socket: nothing to connect, no path to be too long, and its end tells that the process is gone.
        # The board's side never blocks: a supervisor that is behind must not stop the firmware.
        self._control_fd, control_far_fd = os.pipe()
        os.set_blocking(control_far_fd, False)
        try:
            # No preexec_fn, as the caller's process may have threads: `launch.py` does that work after the exec.
            self._process = subprocess.Popen(
                [
                    *(sys.executable, "-I", "-S", str(_HERE / "launch.py"), find()),
                    *("-X", f"heapsize={heap_bytes}", "-i", str(_board_modules() / "board_boot.py")),
                ],
                stdin=self.terminal.far_fd,
                stdout=self.terminal.far_fd,
                stderr=self.terminal.far_fd,
                start_new_session=True,
                pass_fds=[control_far_fd, *memories.values()],
                env={
                    **environment,
                    "SHIMING_CONTROL_FD": str(control_far_fd),
                    **{name: str(fd) for name, fd in memories.items()},
                },
            )
        except (OSError, InterpreterMissing):
            self._close()
            raise
        finally:
            os.close(control_far_fd)
        self._loop.add_reader(self._control_fd, self._read_control)

    @property
    def pid(self) -> int:
        return self._process.pid

    def is_executing(self) -> bool | None:
        """Whether it runs Python code that Ctrl-C may interrupt; None where the system does not tell (macOS).

        MicroPython catches SIGINT while it runs code, and only then: not at its prompt, nor under `kbd_intr(-1)`.
        """
        try:
            status = Path(f"/proc/{self.pid}/status").read_text(encoding="ascii", errors="replace")
        except (FileNotFoundError, ProcessLookupError):  # the second: gone while it is read
            return None
        caught = status.partition("SigCgt:")[2].split(maxsplit=1)
        return bool(caught) and bool(int(caught[0], 16) & _SIGINT_BIT)

    def is_computing(self) -> bool:
        """Not waiting in the kernel at this moment; only Linux tells."""
        try:
            status = Path(f"/proc/{self._process.pid}/stat").read_text()
        except OSError:
            return False
        return status.rpartition(")")[2].split()[0] == "R"

    def interrupt(self) -> None:
        self._process.send_signal(signal.SIGINT)

    def kill(self) -> None:
        self._process.kill()

    def _read_control(self) -> None:
        data = os.read(self._control_fd, 65536)
        if not data:
            self._loop.remove_reader(self._control_fd)
            self._reap()
            return
        *lines, self._partial_message = (self._partial_message + data).split(b"\n")
        for line in lines:
            self._on_message(line.decode(errors="replace"))

    def _reap(self) -> None:
        returncode = self._process.poll()
        if returncode is None:  # its files are closed a moment before it can be waited for
            self._loop.call_later(_REAP_AGAIN_S, self._reap)
            return
        self.terminal.read_rest()
        self._close()
        self._on_end(returncode)

    def _close(self) -> None:
        self.terminal.close()
        os.close(self._control_fd)
