"""The algorithm where the signature does not cover it."""

from host_agent import cbor
from tests.attacks.bench import Attack, Bench

ATTACK = Attack(
    has="a terminal's key, or a place on the way where headers can be changed",
    does="moves the algorithm into the unprotected header",
    code="token-malformed",
    check="host_agent/envelope.py:parse",
)


def test_algorithm_unprotected(bench: Bench) -> None:
    payload = cbor.encode(bench.claims())
    header = bench.header()
    token = bench.assemble(payload, header={4: header[4], 16: header[16]}, unprotected={1: -7})
    assert bench.both_say(token) == {ATTACK.code}
    both = bench.assemble(payload, unprotected={1: -7})
    assert bench.both_say(both) == {ATTACK.code}, "also when it is in both"
