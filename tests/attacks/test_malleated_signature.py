"""The second valid signature (r, n - s)."""

from host_agent.attestation import Verdict
from tests.attacks.bench import STORED, Attack, Bench
from tests.host_agent.test_ingest import other_signature

ATTACK = Attack(
    has="a genuine token",
    does="makes its twin, which anybody can, and sends it before the original, or after",
    code="duplicate",
    check="host_agent/store.py:Store.is_duplicate",
)


def test_malleated_signature_after_the_original(bench: Bench) -> None:
    token = bench.token()
    assert bench.both_say(token) == {STORED}
    assert bench.both_say(other_signature(token)) == {ATTACK.code}
    assert bench.books.counts()["registrations"] == 1


def test_malleated_signature_before_the_original(bench: Bench) -> None:
    token = bench.token()
    assert bench.both_say(other_signature(token)) == {STORED}
    assert bench.both_say(token) == {ATTACK.code}
    assert bench.books.counts()["registrations"] == 1
    assert bench.take(token).verdict is Verdict.DUPLICATE, "and the terminal hears that it may delete its record"
