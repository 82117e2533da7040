"""Randomised faults: some sessions for every run of the tests, many for `make proof`."""

import os
import subprocess
import sys

import pytest
from terminal import samv
from terminal.samv_line import LIMITS_MS

from tests.reader import fault_sessions
from tests.shared import ROOT

SEED = int(os.environ.get("SHIMING_SEED", "1"))
QUICK, LONG = 240, 10_000
PROOF_S = 3600
COMMAND_BYTES = 4  # of a command, from LEN on and without CHK


def test_sessions_end_right_or_named_and_leave_nothing_behind() -> None:
    print("seed", SEED)
    ends, failed = fault_sessions.play_all(SEED, 0, QUICK)
    assert failed == {}
    assert ends["read"] > QUICK / 3
    assert len(ends) >= 5  # or the faults are too tame


def test_a_session_is_the_same_every_time() -> None:
    assert [fault_sessions.play(SEED, number) for number in range(12)] == [
        fault_sessions.play(SEED, number) for number in range(12)
    ]


def is_found_out(words: str) -> bool:
    """Some session of the first hundred or two fails with these words."""
    return any(words in why for number in range(200) for why in fault_sessions.play_all(SEED, number, 1)[1].values())


def test_a_driver_that_believes_every_checksum_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    right = samv._xor
    monkeypatch.setattr("terminal.samv._xor", lambda data: right(data) if len(data) == COMMAND_BYTES else 0)
    assert is_found_out("wrong field")


def test_a_driver_that_keeps_a_failed_read_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("terminal.reader.Reader.clear", lambda self: None)
    assert is_found_out("left of the first customer")


def test_a_driver_that_waits_too_long_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    limits = set(LIMITS_MS.values())
    monkeypatch.setattr("terminal.samv_line.ticks_add", lambda at, ms: at + ms + 50 * (ms in limits))
    assert is_found_out("ms at most")


def test_a_driver_that_feeds_no_watchdog_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("terminal.samv_line.Line._beat", lambda self: None)
    assert is_found_out("ms late")


@pytest.mark.proof
def test_ten_thousand_sessions() -> None:
    command = [sys.executable, "-m", "tests.reader.fault_sessions", "--count", str(LONG), "--seed", str(SEED)]
    done = subprocess.run(
        [*command, "--jobs", "2"], cwd=ROOT, capture_output=True, text=True, timeout=PROOF_S, check=False
    )
    print(done.stdout)
    assert done.returncode == 0, done.stdout + done.stderr
