"""The kept inputs and a short blind run of every target, on CPython and on MicroPython. The long run is `make fuzz`."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.fuzz import kept, layouts, minimise, runner, targets
from tests.test_portable import MICROPYTHON

SEED = int(os.environ.get("SHIMING_SEED", "1"))
RUNS = 2500
TIMEOUT_S = 240  # against a hang
KNOWN = targets.load()


@pytest.mark.parametrize("name", KNOWN)
def test_no_finding(name: str, tmp_path: Path) -> None:
    print(f"seed {SEED}")
    result = runner.run_blind(name, KNOWN[name], RUNS, SEED, tmp_path)
    assert not result.words, f"{result.finding and result.finding.read_bytes().hex()}\n{result.words}"
    assert result.inputs == RUNS


def test_no_finding_on_micropython(subtests: pytest.Subtests) -> None:
    print(f"seed {SEED}")
    command = [MICROPYTHON, "-X", "heapsize=32M", "tests/fuzz/replay.py", "600", str(SEED)]
    process = subprocess.run(
        command, cwd=kept.FOLDER + "/../../..", capture_output=True, text=True, timeout=TIMEOUT_S, check=False
    )
    assert process.returncode == 0, process.stdout + process.stderr
    reports = re.findall(r"^(PASS|FAIL) (\w+) (.*?)(?=^PASS |^FAIL |\Z)", process.stdout, re.MULTILINE | re.DOTALL)
    assert {name for _, name, _ in reports} == {*targets.FIRMWARE, "font"}
    for outcome, name, words in reports:
        with subtests.test(name):
            assert outcome == "PASS", words


@pytest.mark.parametrize("name", KNOWN)
def test_inputs_are_no_longer_than_their_target_takes(name: str) -> None:
    target = KNOWN[name]
    assert target.seeds()
    assert all(len(data) <= target.size_max for data in target.seeds() + kept.load(name))


def test_kept_inputs_are_few_small_and_of_known_targets() -> None:
    folder = Path(kept.FOLDER)
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert {path.parent.name for path in files} <= set(KNOWN)
    assert len(files) < 200
    assert sum(path.stat().st_size for path in files) < 100_000


def test_few_inputs_reach_as_much_as_many() -> None:
    target = KNOWN["block"]
    seeds = target.seeds()
    assert minimise.smallest(target.check, seeds, seeds) == []
    few = minimise.smallest(target.check, [], seeds + seeds)
    assert 4 <= len(few) < len(seeds)  # one for each layout at least
    assert minimise.smallest(target.check, few, seeds) == []


def test_finding_is_told_and_its_input_kept(tmp_path: Path) -> None:
    def check(data: bytes) -> None:
        if b"J" in data:
            raise IndexError("of a parser")

    target = targets.Target(check, lambda: [b"A", b"J\0"], 8)
    result = runner.run_blind("block", target, 100, SEED, tmp_path)
    assert result.finding is not None
    assert b"J" in result.finding.read_bytes()
    assert "of a parser" in result.words


def test_layouts_have_the_size_of_the_block() -> None:
    for document, layout in layouts.LAYOUTS.items():
        assert sum(size for _, size in layout) == layouts.BLOCK_BYTES // 2
        assert sum(size for _, size in layout[: [field for field, _ in layout].index("marker")]) == 124, document


def test_command_runs_one_target_and_leaves_no_finding() -> None:
    command = [sys.executable, "-m", "tests.fuzz", "--blind", "--runs", "500", "--seed", "3", "--target", "number"]
    process = subprocess.run(
        command, cwd=kept.FOLDER + "/../../..", capture_output=True, text=True, timeout=TIMEOUT_S, check=False
    )
    assert process.returncode == 0, process.stdout + process.stderr
    assert re.search(r"^number +500 .* none$", process.stdout, re.MULTILINE)
    assert "500 inputs" in process.stdout and "0 findings" in process.stdout
