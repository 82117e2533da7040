"""One run of one target: by atheris in a process of its own, or blind in this one. CPython."""

import hashlib
import re
import subprocess
import sys
import tempfile
import time
import traceback
from dataclasses import dataclass
from pathlib import Path

from tests.fuzz import blind, kept
from tests.fuzz.minimise import smallest
from tests.fuzz.targets import Target

HANG_S = 10  # for one input; the slowest takes milliseconds
_MEMORY_MB = 2048
_FINDING = "finding-"
_COVERED = re.compile(r"^#\d+\s.*\bcov: (\d+)", re.MULTILINE)
_EXECUTED = re.compile(r"^stat::number_of_executed_units: (\d+)", re.MULTILINE)
_TRACEBACK = re.compile(r"=== Uncaught Python exception: ===\n(.*?)\n\n?==", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Result:
    inputs: int
    seconds: float
    edges: int | None  # None when nobody looked
    finding: Path | None = None  # the input
    words: str = ""


def run_guided(name: str, target: Target, runs: int, seed: int, folder: Path, minimise: bool = False) -> Result:
    """`folder` takes the input of a finding; with `minimise` also the inputs that reach what the seeds do not."""
    with tempfile.TemporaryDirectory() as temporary:
        work, artifacts = Path(temporary, "corpus"), Path(temporary, "artifacts")
        work.mkdir()
        artifacts.mkdir()
        for data in target.seeds() + kept.load(name):
            _keep(work, data)
        started = time.monotonic()
        flags = (f"-runs={runs}", f"-seed={seed}", f"-max_len={target.size_max}", f"-timeout={HANG_S}")
        flags += (f"-rss_limit_mb={_MEMORY_MB}", f"-artifact_prefix={artifacts}/", "-print_final_stats=1", str(work))
        process = _guided(name, *flags)
        seconds = time.monotonic() - started
        found = next(artifacts.iterdir(), None)
        finding = _keep(folder, found.read_bytes(), _FINDING) if found else None
        if minimise and process.returncode == 0:
            _minimise(target, work, folder)
    log = process.stdout + process.stderr
    executed, covered = _EXECUTED.findall(log), _COVERED.findall(log)
    words = ""
    if process.returncode:
        exception = _TRACEBACK.search(log)
        words = exception[1] if exception else log[-2000:]
    edges = int(covered[-1]) if covered else None
    return Result(int(executed[-1]) if executed else 0, seconds, edges, finding, words)


def run_blind(name: str, target: Target, runs: int, seed: int, folder: Path) -> Result:
    inputs = target.seeds() + kept.load(name)
    started = time.monotonic()
    count = 0
    for source in (inputs, blind.mutants(inputs, target.size_max, runs - len(inputs), seed)):
        for data in source:
            count += 1
            try:
                target.check(data)
            except Exception:  # noqa: BLE001 - a finding, whatever it is
                seconds = time.monotonic() - started
                return Result(count, seconds, None, _keep(folder, data, _FINDING), traceback.format_exc())
    return Result(count, time.monotonic() - started, None)


def _guided(name: str, *flags: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "tests.fuzz.guided", name, *flags]
    return subprocess.run(
        command, cwd=Path(__file__).parents[2], capture_output=True, text=True, errors="replace", check=False
    )


def _minimise(target: Target, work: Path, folder: Path) -> None:
    kept_inputs = smallest(target.check, target.seeds(), (path.read_bytes() for path in work.iterdir()))
    for path in folder.glob("*"):
        if not path.name.startswith(_FINDING):  # what once failed stays
            path.unlink()
    for data in kept_inputs:
        _keep(folder, data)


def _keep(folder: Path, data: bytes, prefix: str = "") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / (prefix + hashlib.sha256(data).hexdigest()[:16])
    path.write_bytes(data)
    return path
