"""Runs the tests of tests/portable once more, under MicroPython: there the code they test is at home."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

PORTABLE = Path(__file__).parent / "portable"
MODULES = sorted(path.stem for path in PORTABLE.glob("test_*.py"))
MICROPYTHON = os.environ.get("MICROPYTHON") or str(Path(sys.executable).parent / "micropython")
REPORT = re.compile(r"^(PASS|SKIP|FAIL) (\w+)(.*?)(?=^PASS |^SKIP |^FAIL |\Z)", re.MULTILINE | re.DOTALL)
TIMEOUT_S = 240  # against a hang: the slowest module takes two seconds


def run(module: str, heap: str) -> list[tuple[str, str, str]]:
    """Returns outcome, name and words of each test."""
    command = [MICROPYTHON, "-X", f"heapsize={heap}", str(PORTABLE / "run.py"), module]
    result = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_S, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
    reports = REPORT.findall(result.stdout)
    assert reports, "no test in it"
    return reports


@pytest.mark.parametrize("module", MODULES)
def test_on_micropython(module: str, subtests: pytest.Subtests) -> None:
    for outcome, name, words in run(module, heap="32M"):
        with subtests.test(name):
            if outcome == "SKIP":
                pytest.skip(words.strip())
            if outcome == "FAIL":
                pytest.fail(words, pytrace=False)


def test_sealing_and_signing_fit_the_heap_of_a_terminal() -> None:
    failed = [(name, words) for outcome, name, words in run("test_cose", heap="192K") if outcome != "PASS"]
    assert not failed
