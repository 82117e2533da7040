"""Scenario `flash`: the power goes at every program and erase in the life of the terminal's evidence queue.

The queue runs on the real MicroPython and the real littlefs, over the torn-write model of NOR flash; see
`lib/flash_life.py`, which this starts once for each core.
"""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from tools.torture.errors import TortureFailed
from tools.torture.scenario import Finding, Progress, Result

HERE = Path(__file__).parent
FIRMWARE = HERE.parents[1] / "firmware"
LIBRARY = HERE.parent / "emulator" / "lib"
HEAP = "16M"  # the whole flash is in it twice
POSITION = re.compile(r"\d{1,3}\.\d{1,4}\.\d{1,4}")


class Flash:
    summary = "the power goes at every write of the queue's life"
    default_runs = 10_000

    def __init__(self, firmware: Path = FIRMWARE) -> None:
        self._firmware = firmware

    def run(self, seed: int, runs: int, progress: Progress) -> Result:
        parts = os.cpu_count() or 1
        done = [0] * parts

        def play(part: int) -> list[dict[str, Any]]:
            said = []
            for line in self._terminal(seed, runs, part, parts):
                said.append(line)
                if "done" in line:
                    done[part] = line["done"]
                    progress(sum(done), said[0]["cuts"])
            return said

        with ThreadPoolExecutor(parts) as pool:
            return _result(list(pool.map(play, range(parts))))

    def replay(self, seed: int, at: str) -> Result:
        if not POSITION.fullmatch(at):
            raise TortureFailed(f"--replay {at}: CHAPTER.OPERATION.WAY, as a finding names it", exit_status=2)
        return _result([list(self._terminal(seed, 1, 0, 1, at))])

    def _terminal(self, *arguments: object) -> Iterator[dict[str, Any]]:
        micropython = os.environ.get("MICROPYTHON") or str(Path(sys.executable).parent / "micropython")
        command = [micropython, "-X", f"heapsize={HEAP}", str(HERE / "lib" / "flash_life.py")]
        command += [str(self._firmware), str(LIBRARY), *map(str, arguments)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
            other = ""
            for line in process.stdout or ():
                if line.startswith("{"):
                    yield json.loads(line)
                else:
                    other = (other + line)[-2000:]
        if process.returncode:
            raise TortureFailed(f"the terminal's half ended with status {process.returncode}: {other.strip()}")


def _result(parts: list[list[dict[str, Any]]]) -> Result:
    lines = [line for part in parts for line in part]
    findings = [Finding(line["finding"], line["words"], line["at"]) for line in lines if "finding" in line]
    ends = [next(line for line in reversed(part) if "done" in line) for part in parts]
    return Result(
        faults=sum(end["done"] for end in ends),
        findings=findings,
        counts={
            "write positions": sum(lines[0]["operations"]),
            "boots in the life": len(lines[0]["operations"]),
            "records sent again": sum(end["again"] for end in ends),
        },
    )
