"""The camera of one emulated board: the studio's process, what it is told, and the memory it paints into."""

import asyncio
import json
import subprocess
import sys
from dataclasses import asdict
from typing import Any

from tools.emulator.camera.gate import FilmGate
from tools.emulator.camera.visitor import Visitor

_END_S = 5.0


class Rig:
    def __init__(self) -> None:
        self.gate = FilmGate.new()
        # its own end follows ours, whatever way: then its standard input is closed
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tools.emulator.camera.studio", str(self.gate.fd)],
            stdin=subprocess.PIPE,
            pass_fds=[self.gate.fd],
        )

    @property
    def pid(self) -> int:
        return self._process.pid

    def stand(self, visitor: Visitor) -> None:
        self._say({"stand": asdict(visitor)})

    def leave(self) -> None:
        self._say({"leave": True})

    def see(self, state: str, code: str | None) -> None:
        self._say({"state": state, "code": code})

    def shine(self, rgb: int) -> None:
        self._say({"light": rgb})

    def switch(self, run: int) -> None:
        """The sensor, on with a number of its own for each time, or off with 0."""
        self._say({"sensor": run})

    def power_off(self) -> None:
        self.gate.power_off()
        self.switch(0)

    async def close(self) -> None:
        assert self._process.stdin
        self._process.stdin.close()
        try:
            await asyncio.to_thread(self._process.wait, _END_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self.gate.close()

    def _say(self, message: dict[str, Any]) -> None:
        assert self._process.stdin
        try:
            self._process.stdin.write(json.dumps(message).encode() + b"\n")
            self._process.stdin.flush()
        except (BrokenPipeError, ValueError):
            pass  # the studio is gone: the firmware finds that no picture comes
