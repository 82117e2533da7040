"""`shiming emulate reader` as a process of its own, as somebody else's software meets it."""

import json
import select
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Any, Self

ROOT = Path(__file__).parents[2]
START_S = 20
EMULATE = "from tools.emulator.cli import app; app()"  # the whole `shiming` takes 0.5 s longer to import
STOP_S = 10


class VirtualReader:
    def __init__(self, scenario: str | Path, *options: str) -> None:
        command = [sys.executable, "-c", EMULATE, "reader", "--scenario", str(scenario), "--json"]
        self._process = subprocess.Popen(
            [*command, *options], cwd=ROOT, stdout=subprocess.PIPE, bufsize=0
        )  # no buffer here: select() would not see what lies in one
        self.said: list[dict[str, Any]] = []

    def __enter__(self) -> Self:
        try:
            self.hear("port")
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._stop()

    @property
    def port(self) -> str:
        return self.said[0]["port"]

    def hear(self, key: str) -> dict[str, Any]:
        """The next line that has this key."""
        assert self._process.stdout
        while True:
            ready, _, _ = select.select([self._process.stdout], [], [], START_S)
            assert ready, f"said no {key}"
            line = self._process.stdout.readline()
            assert line, f"ended before it said {key}"
            self.said.append(json.loads(line))
            if key in self.said[-1]:
                return self.said[-1]

    def end(self) -> int:
        """After SIGTERM: its exit status."""
        self._process.terminate()
        return self._process.wait(STOP_S)

    def _stop(self) -> None:
        self._process.kill()
        self._process.wait(STOP_S)
        if self._process.stdout:
            self._process.stdout.close()
