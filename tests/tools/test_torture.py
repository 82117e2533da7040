"""`shiming torture` finds nothing in this firmware, and finds what was broken in it on purpose."""

import json
import os
import random
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from tools.cli import app
from tools.torture.flash import FIRMWARE, Flash
from tools.torture.scenario import KINDS

CUTS = 400
PROOF_CUTS = 10_000

REMOVAL = """        for segment in ended:
            if segment is self._segments[-1]:
                self._close_file()
            os.remove(self._path(segment.first))
            self._segments.remove(segment)
"""
MARKING = """        self._write_state()
        self._unsaved = 0
"""

# What is broken, and a finding that it must lead to. Each is a slip that somebody could make.
SLIPS = {
    "files go before their receipts are marked": ("queue.py", MARKING + REMOVAL, REMOVAL + MARKING, "seq-reused"),
    "the head is not taken from the state": (
        "queue.py",
        "self.next_seq, self.head = state.seq + 1, state.sha256",
        "pass",
        "seq-reused",
    ),
    "ended orders are not kept over a start": ("queue.py", "self._ended = state.ended", "pass", "doubled"),
    "the first record of a file that was cut off is forgotten": (
        "queue.py",
        "        if segment.present:\n",
        "        if segment.present > 1:\n",
        "lost",
    ),
}


def torture(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["torture", *arguments])


def seed() -> int:
    drawn = int(os.environ.get("SHIMING_SEED", random.randrange(2**31)))
    print(f"SHIMING_SEED={drawn}")
    return drawn


def test_power_cut_at_every_write_of_a_short_life_loses_and_doubles_nothing() -> None:
    result = torture("--scenario", "flash", "--runs", str(CUTS), "--seed", str(seed()), "--json")
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout.splitlines()[-1])
    assert found["faults"] >= CUTS
    assert found["write_positions"] == found["faults"], "one cut at every position"
    assert [found[kind.replace("-", "_")] for kind in KINDS] == [0] * len(KINDS)


@pytest.mark.proof
def test_ten_thousand_power_cuts_lose_and_double_nothing() -> None:
    result = torture("--runs", str(PROOF_CUTS), "--seed", str(seed()), "--json")
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout.splitlines()[-1])["faults"] >= PROOF_CUTS


@pytest.mark.parametrize("slip", SLIPS)
def test_slip_is_found(slip: str, tmp_path: Path) -> None:
    name, right, wrong, kind = SLIPS[slip]
    shutil.copytree(FIRMWARE / "terminal", tmp_path / "terminal")
    module = tmp_path / "terminal" / name
    source = module.read_text(encoding="utf-8")
    assert source.count(right) == 1
    module.write_text(source.replace(right, wrong), encoding="utf-8")
    result = Flash(tmp_path).run(1, CUTS, lambda _done, _total: None)
    assert result.kinds()[kind] > 0, result.kinds()
    at = next(finding.at for finding in result.findings if finding.kind == kind)
    again = Flash(tmp_path).replay(1, at)
    assert again.kinds()[kind] > 0, "the same cut leads to the same finding"
    assert Flash().replay(1, at).is_clean


def test_same_seed_plays_the_same_cuts() -> None:
    results = [Flash().run(7, 100, lambda _done, _total: None) for _ in range(2)]
    assert results[0] == results[1]


@pytest.mark.parametrize("wrong", [["--replay", "1.2.3"], ["--seed", "1", "--replay", "x"], ["--runs", "0"]])
def test_wrong_use_is_refused(wrong: list[str]) -> None:
    assert torture(*wrong).exit_code != 0


def test_table_names_every_kind_and_the_seed() -> None:
    result = torture("--runs", "60", "--seed", "5")
    assert result.exit_code == 0
    for word in ("seed 5", *KINDS):
        assert word in result.output
