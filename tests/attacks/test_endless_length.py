"""A length that promises more than there is."""

from tests.attacks.bench import Attack, Bench

ATTACK = Attack(
    has="nothing but a place on the line",
    does="announces 2^63 bytes, so that a careless decoder sets memory aside for them",
    code="token-malformed",
    check="host_agent/cbor.py:decode",
)


def test_endless_length(bench: Bench) -> None:
    token = bytes.fromhex("d2845b7fffffffffffffff")
    assert bench.both_say(token) == {ATTACK.code}
