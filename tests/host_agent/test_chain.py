"""Whether the tokens of a terminal are all there: gaps, forks, regressions by name, and what no store can hide."""

import hashlib
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from host_agent import audit
from host_agent.chain import End, Token, prove
from tests.host_agent.custody_bench import CustodyBench, findings


def make(count: int) -> list[Token]:
    tokens, prev = [], bytes(32)
    for seq in range(1, count + 1):
        tokens.append(Token(seq, prev, os.urandom(32)))
        prev = tokens[-1].sha256
    return tokens


def named(tokens: list[Token], first: int = 1, last: int = 10, end: End | None = None) -> list[tuple[str, int, int]]:
    return [(one.code, one.first, one.last) for one in prove(tokens, first, last, end)]


def test_whole_chain_has_no_findings_in_any_order():
    tokens = make(10)
    assert named(tokens) == named(tokens[::-1]) == []
    assert named(tokens[3:7], 4, 7) == []


def test_missing_numbers_are_gaps_wherever_they_are():
    tokens = make(10)
    assert named(tokens[1:]) == [("chain-gap", 1, 1)]
    assert named(tokens[:-2]) == [("chain-gap", 9, 10)]
    assert named(tokens[:2] + tokens[5:6] + tokens[7:]) == [("chain-gap", 3, 5), ("chain-gap", 7, 7)]
    assert named([]) == [("chain-gap", 1, 10)]


def test_two_successors_of_one_token_are_a_fork():
    tokens = make(10)
    assert named([*tokens, Token(5, tokens[3].sha256, os.urandom(32))]) == [("chain-fork", 5, 5)]
    late = Token(11, tokens[3].sha256, os.urandom(32))
    assert ("chain-fork", 5, 11) in named([*tokens, late], last=11)


def test_number_used_again_after_the_chain_went_on_is_a_regression():
    tokens = make(10)
    again = Token(4, tokens[9].sha256, os.urandom(32))
    assert named([*tokens, again]) == [("chain-broken", 4, 4), ("chain-regressed", 4, 4)]


def test_token_that_names_another_before_it_is_a_break():
    tokens = make(10)
    tokens[6] = Token(7, os.urandom(32), tokens[6].sha256)
    assert named(tokens) == [("chain-broken", 7, 7)]


def test_end_that_the_key_itself_has_signed_must_be_reached_and_be_the_same():
    tokens = make(10)
    assert named(tokens, end=End(10, tokens[9].sha256)) == []
    assert named(tokens, end=End(10, bytes(32))) == [("chain-broken", 10, 10)]
    assert named(tokens, last=12, end=End(12, bytes(32))) == [("chain-gap", 11, 12)]


# --- over the agent's store


@pytest.fixture
def bench(pki: Path, tmp_path: Path) -> Iterator[CustodyBench]:
    bench = CustodyBench(pki, tmp_path)
    yield bench
    bench.close()


def test_chain_of_a_terminal_is_proven_with_every_signature(bench: CustodyBench):
    tokens = [bench.complete()[1] for _ in range(5)]
    status, answer = bench.chain()
    assert status == 0 and answer["is_whole"]
    [key] = answer["keys"]
    assert (key["first"], key["last"], key["tokens"], key["signatures_checked"], key["by_receipt"]) == (1, 5, 5, 5, 0)
    assert key["last_sha256"] == hashlib.sha256(tokens[-1]).hexdigest()
    assert bench.chain("--from", "2", "--to", "4")[1]["keys"][0]["tokens"] == 3


def test_token_that_the_agent_never_got_is_a_gap(bench: CustodyBench):
    bench.complete()
    bench.token()  # lost on the way
    bench.complete()
    status, answer = bench.chain()
    assert (status, findings(answer)) == (1, [("chain-gap", 2, 2)])
    assert bench.chain("--from", "3")[0] == 0
    result = CliRunner().invoke(audit.app, ["chain", "t-0001", "--config", str(bench.config)])
    assert "NO  chain-gap (E5115): number 2 is missing" in result.stdout and "NOT whole" in result.stdout


def test_numbers_after_the_last_one_seen_are_a_gap_when_asked_for(bench: CustodyBench):
    bench.complete()
    assert findings(bench.chain("--to", "3")[1]) == [("chain-gap", 2, 3)]


def test_terminal_set_back_to_an_older_state_is_a_fork(bench: CustodyBench):
    bench.complete()
    state = bench.terminal.seq, bench.terminal.prev
    bench.complete()
    bench.terminal.seq, bench.terminal.prev = state
    assert bench.take(bench.token()).code == "seq-replayed"
    assert findings(bench.chain()[1]) == [("chain-fork", 2, 2)]


def test_counter_set_back_alone_is_a_regression(bench: CustodyBench):
    for _ in range(3):
        bench.complete()
    bench.terminal.seq = 2
    assert bench.take(bench.token()).code == "seq-replayed"
    codes = {code for code, _, _ in findings(bench.chain()[1])}
    assert codes == {"chain-regressed", "chain-broken"}


def test_records_removed_from_the_store_leave_a_gap(bench: CustodyBench):
    for _ in range(3):
        bench.complete()
    with sqlite3.connect(bench.folder / "agent.db") as connection:
        connection.execute("DELETE FROM evidence WHERE seq = 2")
        connection.execute("UPDATE evidence SET seq = 2 WHERE seq = 3")
    answer = bench.chain()[1]
    assert findings(answer) == [("custody-token-invalid", 2, 2), ("chain-gap", 2, 2)]


def test_link_altered_in_the_store_is_not_believed(bench: CustodyBench):
    bench.complete()
    bench.complete()
    with sqlite3.connect(bench.folder / "agent.db") as connection:
        connection.execute("UPDATE evidence SET prev = zeroblob(32) WHERE seq = 2")
    assert bench.chain()[0] == 0, "what is signed counts, and that is whole"


def test_token_given_up_for_room_stands_by_our_receipt(bench: CustodyBench):
    for _ in range(3):
        bench.complete()
    with sqlite3.connect(bench.folder / "agent.db") as connection:
        connection.execute("DELETE FROM tokens WHERE evidence_id = 2")
    status, answer = bench.chain()
    assert (status, answer["keys"][0]["signatures_checked"], answer["keys"][0]["by_receipt"]) == (0, 2, 1)
    with sqlite3.connect(bench.folder / "agent.db") as connection:
        connection.execute("DELETE FROM receipted WHERE evidence_id = 2")
    assert ("custody-token-invalid", 2, 2) in findings(bench.chain()[1])


def test_unknown_terminal_and_key_are_refused_by_code(bench: CustodyBench):
    assert bench.audit("chain", "t-9999", "--config", str(bench.config)) == (1, {"error": "device-unknown"})
    assert bench.chain("--key", "00" * 8) == (1, {"error": "key-unknown"})
