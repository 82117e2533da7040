"""A COSE_Sign1 of five parts."""

from host_agent import cbor
from tests.attacks.bench import Attack, Bench

ATTACK = Attack(
    has="a genuine token",
    does="adds a part that the signature does not cover",
    code="token-malformed",
    check="host_agent/envelope.py:parse",
)


def test_fifth_element(bench: Bench) -> None:
    parts = cbor.decode(bench.token()).value
    token = cbor.encode(cbor.Tag(18, [*parts, b"unsigned"]))
    assert bench.both_say(token) == {ATTACK.code}
