"""Flight logs at the agent: kept, proven whole, and every gap, fork and regression raised by its name, once."""

import json
import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from amqtt.contexts import Action
from terminal import cbor as firmware_cbor
from terminal import log_record
from typer.testing import CliRunner

from host_agent import audit, cli, ingest
from host_agent.attestation import Verdict
from host_agent.broker import may
from host_agent.chain import Token, prove
from host_agent.ingest import Outcome
from host_agent.policy import FacePolicy
from host_agent.registry import Registry, Status
from host_agent.store import Store
from tests.host_agent.custody_bench import CustodyBench
from tests.host_agent.log_double import LogDouble
from tests.host_agent.rig import NOW, Rig
from tests.host_agent.shop import Shop
from tests.host_agent.terminal_double import TerminalDouble

MIB = 1024 * 1024


class LogBench:
    """The agent's intake behind the broker, and one terminal's log."""

    def __init__(self, pki: Path, folder: Path) -> None:
        self.pki = pki
        self.folder = folder
        self.registry = Registry.load(pki / "registry.json")
        self.config = Rig(pki, folder).write_config()
        self.log = LogDouble(TerminalDouble(pki, "t-0001"))
        self.open()

    def open(self) -> None:
        self.store = Store(self.folder / "agent.db", 64 * MIB, 0)

    def restart(self) -> None:
        self.store.close()
        self.open()

    def take(self, token: bytes, device: str = "t-0001", end: str = "log") -> Outcome:
        examined = ingest.examine(f"rnr/v1/demo/{device}/up/{end}", token, self.registry)
        with self.store.transaction(is_intake=True):
            return ingest.settle(self.store, examined, is_production=False, face=FacePolicy(), now=NOW)

    def raised(self, token: bytes) -> list[tuple[str, int, int]]:
        """The alarms of a statement that is stored."""
        outcome = self.take(token)
        assert outcome.verdict is Verdict.STORED, outcome.code
        return [(alarm.code, alarm.first, alarm.last) for alarm in outcome.alarms]

    def standing(self) -> list[str]:
        return [str(alarm).removeprefix("t-0001 ") for alarm in self.store.alarms()]

    def audit(self, *arguments: str) -> tuple[int, dict]:
        command = ["log", "t-0001", "--config", str(self.config), "--json", *arguments]
        result = CliRunner().invoke(audit.app, command)
        return result.exit_code, json.loads(result.stdout)

    def findings(self) -> list[tuple[str, int, int]]:
        status, answer = self.audit()
        assert status == (0 if answer["is_whole"] else 1)
        return [(one["code"], one["first"], one["last"]) for one in answer["findings"]]


@pytest.fixture
def bench(pki: Path, tmp_path: Path) -> Iterator[LogBench]:
    bench = LogBench(pki, tmp_path)
    yield bench
    bench.store.close()


# --- the proof itself


def test_numbers_given_up_are_no_gap_and_those_beside_them_are():
    tokens = [Token(seq, bytes([seq - 1]), bytes([seq])) for seq in (1, 2, 9, 10)]

    def gaps(*given_up: tuple[int, int]) -> list[tuple[int, int]]:
        return [(one.first, one.last) for one in prove(tokens, 1, 12, given_up=given_up) if one.code == "chain-gap"]

    assert gaps() == [(3, 8), (11, 12)]
    assert gaps((4, 6)) == [(3, 3), (7, 8), (11, 12)]
    assert gaps((4, 6), (1, 3)) == [(7, 8), (11, 12)]
    assert gaps((3, 2**62)) == []
    assert gaps((20, 30)) == gaps()


# --- what is stored


def test_log_in_order_is_stored_and_raises_nothing(bench: LogBench):
    assert bench.raised(bench.log.statement("power-on", "online")) == []
    assert bench.raised(bench.log.statement("reader-timeout")) == []
    status, answer = bench.audit()
    assert (status, answer["is_whole"], answer["last"], answer["statements"]) == (0, True, 3, 2)
    assert [(one["seq"], one["event"], one["code"]) for one in answer["entries"]] == [
        (1, "fault", "power-on"),
        (2, "fault", "online"),
        (3, "fault", "reader-timeout"),
    ]


def test_same_entries_once_more_are_a_duplicate_in_whatever_statement(bench: LogBench):
    first, prev = bench.log.seq, bench.log.head
    token = bench.log.statement("a", "b", "c")
    bench.take(token)
    assert bench.take(token).verdict is Verdict.DUPLICATE
    bodies = [log_record.entry(2, NOW, code, (7,)) for code in "ab"]
    assert bench.take(bench.log.sign(bench.log.payload(first, prev, bodies))).verdict is Verdict.DUPLICATE
    with sqlite3.connect(bench.folder / "agent.db") as connection:
        assert connection.execute("SELECT count(*) FROM log_statements").fetchone() == (1,)


def test_statement_that_overlaps_and_goes_on_is_whole(bench: LogBench):
    first, prev = bench.log.seq, bench.log.head
    bench.take(bench.log.statement("a", "b"))
    bench.log.seq, bench.log.head = first, prev
    assert bench.raised(bench.log.statement("a", "b", "c")) == []
    assert bench.findings() == []


# --- alarms


def test_gap_is_raised_stays_over_a_restart_and_goes_when_it_is_filled(bench: LogBench):
    bench.take(bench.log.statement("a"))
    late = bench.log.statement("b", "c")
    assert bench.raised(bench.log.statement("d")) == [("log-gap", 2, 3)]
    bench.restart()
    assert bench.standing() == ["log-gap 2-3"]
    assert bench.findings() == [("log-gap", 2, 3)]
    assert bench.raised(late) == []
    assert (bench.standing(), bench.findings()) == ([], [])


def test_gap_that_shrinks_is_not_raised_anew(bench: LogBench):
    bench.take(bench.log.statement("a"))
    bench.log.skip(2)
    middle = bench.log.statement("middle")
    bench.log.skip(3)
    assert bench.raised(bench.log.statement("end")) == [("log-gap", 2, 7)]
    assert bench.raised(middle) == []
    assert bench.standing() == ["log-gap 2-3", "log-gap 5-7"]


def test_log_that_begins_late_has_a_gap_at_its_beginning(bench: LogBench):
    bench.log.skip(4)
    assert bench.raised(bench.log.statement("e")) == [("log-gap", 1, 4)]


def test_what_the_terminal_says_is_gone_is_no_gap_and_the_audit_tells_it(bench: LogBench):
    bench.take(bench.log.statement("a"))
    bench.log.skip(3)
    assert bench.raised(bench.log.statement("e", dropped=[(2, 4)])) == []
    status, answer = bench.audit()
    assert (status, answer["is_whole"], answer["dropped"]) == (0, True, [[2, 4]])


def test_gap_goes_where_a_later_statement_says_that_it_is_gone(bench: LogBench):
    bench.take(bench.log.statement("a"))
    bench.log.skip(3)
    assert bench.raised(bench.log.statement("e")) == [("log-gap", 2, 4)]
    assert bench.raised(bench.log.statement("f", dropped=[(3, 4)])) == []
    assert bench.standing() == ["log-gap 2-2"]


def test_two_histories_are_one_fork_however_long_they_go_on(bench: LogBench):
    bench.take(bench.log.statement("a", "b"))
    thief = bench.log.clone()
    assert bench.raised(bench.log.statement("c", "d")) == []
    assert bench.raised(thief.statement("other", "other", "other")) == [("log-fork", 3, 3)]
    assert bench.raised(bench.log.statement("e")) == []
    assert bench.raised(thief.statement("other")) == []
    bench.restart()
    assert [alarm.split()[0] for alarm in bench.standing()] == ["log-fork"]
    assert {code for code, _, _ in bench.findings()} == {"log-fork"}


def test_statement_that_does_not_follow_the_one_before_is_a_fork(bench: LogBench):
    bench.take(bench.log.statement("a", "b"))
    bench.log.head = bytes(32)
    assert bench.raised(bench.log.statement("c")) == [("log-fork", 3, 3)]


def test_log_that_was_wiped_is_a_regression(bench: LogBench):
    bench.take(bench.log.statement("a", "b", "c"))
    wiped = LogDouble(bench.log.terminal, boot=2)
    assert [code for code, _, _ in bench.raised(wiped.statement("a", "b"))] == ["log-regression"]
    assert bench.raised(wiped.statement("c", "d", "e")) == []
    assert {code for code, _, _ in bench.findings()} == {"log-regression"}


def test_count_of_boots_that_goes_back_is_a_regression(bench: LogBench):
    bench.log.boot = 5
    bench.take(bench.log.statement("a"))
    bench.log.boot = 4
    assert bench.raised(bench.log.statement("b")) == [("log-regression", 2, 2)]
    assert bench.findings() == [("log-regression", 2, 2)]


def test_alarm_goes_when_it_is_taken_off_and_comes_again_when_the_cause_does(bench: LogBench):
    bench.take(bench.log.statement("a"))
    thief = bench.log.clone()
    bench.take(bench.log.statement("b"))
    bench.take(thief.statement("other"))
    with bench.store.transaction():
        assert bench.store.take_off("t-0001", "log-fork") == 1
        assert bench.store.take_off("t-0001", "log-fork") == 0
    assert bench.standing() == []
    assert [code for code, _, _ in bench.raised(thief.statement("again"))] == ["log-fork"], "both still go on"


# --- what is refused


def refusal(outcome: Outcome) -> str | None:
    assert outcome.verdict is Verdict.REFUSED
    return outcome.code


def test_log_of_another_terminal_or_on_another_topic_is_refused(bench: LogBench):
    token = bench.log.statement("a")
    assert refusal(bench.take(token, device="t-0002")) == "device-mismatch"
    assert refusal(bench.take(token, end="evi")) == "profile-unknown"
    evidence = bench.log.terminal.next_token()
    assert refusal(bench.take(evidence)) == "profile-unknown"
    assert refusal(bench.take(bench.log.sign(bench.log.payload(1, bytes(32), []), typ="application/eat+cwt"))) == (
        "profile-unknown"
    )
    assert bench.store.figures(NOW)["log_entries"] == 0


def test_statement_under_a_key_that_is_not_the_terminals_is_refused(bench: LogBench):
    token = bytearray(bench.log.statement("a"))
    token[-1] ^= 1
    assert refusal(bench.take(bytes(token))) == "signature-invalid"


@pytest.mark.parametrize(
    ("status", "code"),
    [(Status.REVOKED, "device-revoked"), (Status.RETIRED, "device-retired"), (Status.SUSPENDED, None)],
)
def test_revoked_terminal_has_no_say_and_a_suspended_one_has(bench: LogBench, status: Status, code: str | None):
    device = bench.registry.device("t-0001")
    assert device is not None
    changed = replace(device, status=status)
    bench.registry.devices["t-0001"] = bench.registry.by_kid[device.kid] = changed
    assert bench.take(bench.log.statement("a")).code == code


@pytest.mark.parametrize(
    "entry",
    [
        [2, NOW, "张三"],
        [2, NOW, "Li Ming"],
        [2, NOW, "card-expired", "110101199001011234"],
        [2, NOW, "card-expired", b"x"],
        [2, NOW, "card-expired", True],
        [2, NOW, "x" * 65],
        [2, NOW, ""],
        [0, NOW, "a"],
        [24, NOW, "a"],
        [2, -1, "a"],
        [2, NOW],
        [2, NOW, "a", 1, 2, 3, 4, 5],
        {1: 2},
    ],
    ids=str,
)
def test_entry_that_is_more_than_codes_and_numbers_is_refused(bench: LogBench, entry: object):
    token = bench.log.sign(bench.log.payload(1, bytes(32), [firmware_cbor.encode(entry)]))
    assert refusal(bench.take(token)) == "claims-malformed"


def test_statement_without_an_entry_or_with_too_many_is_refused(bench: LogBench):
    body = log_record.entry(2, NOW, "a")
    for bodies in ([], [body] * 257):
        token = bench.log.sign(bench.log.payload(1, bytes(32), bodies))
        assert refusal(bench.take(token)) == "claims-malformed"
    for dropped in ([(3, 2)], [(0, 2)], [(1, 2)] * 17):
        token = bench.log.sign(bench.log.payload(1, bytes(32), [body], dropped))
        assert refusal(bench.take(token)) == "claims-malformed"


# --- the audit believes nothing but what is signed


def test_statement_that_the_store_has_lost_is_a_gap(bench: LogBench):
    for code in "abc":
        bench.take(bench.log.statement(code))
    spoil(bench, "DELETE FROM log_statements WHERE first = 2")
    assert bench.findings() == [("log-gap", 2, 2)]


def test_statement_that_was_changed_in_the_store_is_named(bench: LogBench):
    token = bytearray(bench.log.statement("a", "b"))
    bench.take(bytes(token))
    token[-1] ^= 1
    spoil(bench, "UPDATE log_statements SET token = ?", bytes(token))
    status, answer = bench.audit()
    assert status == 1
    assert [one["code"] for one in answer["findings"]] == ["custody-token-invalid"]


def test_audit_of_a_part_looks_at_that_part_only(bench: LogBench):
    bench.take(bench.log.statement("a"))
    bench.log.skip(1)
    bench.take(bench.log.statement("c", "d"))
    assert bench.audit("--from", "3")[0] == 0
    status, answer = bench.audit("--from", "2", "--to", "5")
    assert status == 1
    assert [(one["first"], one["last"]) for one in answer["findings"]] == [(2, 2), (5, 5)]


def test_audit_for_people_says_what_happened(bench: LogBench):
    bench.take(bench.log.statement("card-expired", kind=log_record.REFUSAL))
    result = CliRunner().invoke(audit.app, ["log", "t-0001", "--config", str(bench.config)])
    assert "refusal: card-expired 7" in result.stdout
    assert result.stdout.endswith("The log is whole.\n")
    bench.log.skip(1)
    bench.take(bench.log.statement("a", dropped=[(2, 2)]))
    bench.log.skip(1)
    bench.take(bench.log.statement("b"))
    result = CliRunner().invoke(audit.app, ["log", "t-0001", "--config", str(bench.config)])
    assert "numbers 2 to 2: not on the terminal any more" in result.stdout
    assert "log-gap (E5131): number 4 is missing" in result.stdout
    assert (result.exit_code, result.stdout.endswith("The log is NOT whole.\n")) == (1, True)


def spoil(bench: LogBench, sql: str, *values: object) -> None:
    with sqlite3.connect(bench.folder / "agent.db") as connection:
        connection.execute(sql, values)


# --- a store of the version before


def test_store_of_version_2_gets_the_tables_and_keeps_what_is_in_it(pki: Path, tmp_path: Path):
    with sqlite3.connect(tmp_path / "agent.db") as connection:
        script = Path(__file__).parents[1] / "upgrade" / "agent-2.sql"
        connection.executescript(script.read_text(encoding="utf-8"))
    bench = LogBench(pki, tmp_path)
    assert bench.store._value("PRAGMA user_version") == 4
    assert bench.store.figures(0)["evidence"] == 3
    head = bench.store.history_head()
    assert head is not None and head.length == 2
    assert bench.raised(bench.log.statement("a")) == []
    assert bench.findings() == []
    bench.store.close()


# --- the running agent


def test_topic_is_the_terminals_own():
    assert may("t-0001", "agent", "rnr/v1/demo/t-0001/up/log", Action.PUBLISH)
    assert not may("t-0002", "agent", "rnr/v1/demo/t-0001/up/log", Action.PUBLISH)
    assert not may("t-0001", "agent", "rnr/v1/demo/t-0001/up/log", Action.SUBSCRIBE)
    assert may("agent", "agent", "rnr/v1/demo/t-0001/up/log", Action.SUBSCRIBE)


def test_running_agent_receipts_the_log_and_tells_its_alarms_until_they_are_taken_off(rig: Rig):
    shop = Shop(rig)
    log = LogDouble(shop.terminal)
    topic = "rnr/v1/demo/t-0001/up/log"
    token = log.statement("power-on")
    shop.send(token, topic)
    assert shop.receipt_for(token).verdict is Verdict.STORED
    shop.send(token, topic)
    log.skip(2)
    token = log.statement("online")
    shop.send(token, topic)
    shop.receipt_for(token)
    shop.agent.kill()
    shop.restart()
    status = shop.agent.status()
    assert status["alarms"] == ["t-0001 log-gap 2-3"]
    assert "log-gap" in status["troubles"]
    said = [json.loads(line) for line in shop.agent.log().splitlines() if line.startswith("{")]
    assert [one["event"] for one in said if one.get("code") == "log-gap"] == ["flight log: numbers 2 to 3"]
    rig.settings["orders"]["port"] = shop.agent.orders_port
    arguments = ["take-off-alarm", "t-0001", "log-gap", "--config", str(rig.write_config()), "--json"]
    assert json.loads(CliRunner().invoke(cli.app, arguments).stdout)["taken_off"] == 1
    assert shop.agent.status()["alarms"] == []
    assert getattr(CliRunner().invoke(cli.app, arguments).exception, "code", None) == "alarm-unknown"


def test_log_leaves_evidence_and_its_chain_alone(pki: Path, tmp_path: Path):
    bench = CustodyBench(pki, tmp_path)
    bench.complete()
    log = LogDouble(bench.terminal)
    examined = ingest.examine("rnr/v1/demo/t-0001/up/log", log.statement("a"), bench.registry)
    with bench.store.transaction():
        ingest.settle(bench.store, examined, is_production=False, face=FacePolicy(), now=NOW)
    bench.complete()
    assert bench.chain()[0] == 0
    bench.close()
