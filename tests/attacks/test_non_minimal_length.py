"""A length in more bytes than it needs."""

from host_agent import cbor
from tests.attacks.bench import STORED, Attack, Bench

ATTACK = Attack(
    has="a terminal's key",
    does="encodes the same claims in another way: a second hash of the same registration",
    code="token-malformed",
    check="host_agent/cbor.py:decode",
)


def test_non_minimal_length(bench: Bench) -> None:
    claims = bench.claims()
    payload = cbor.encode(claims)
    shortest, longer = b"\x0a\x50" + claims[10], b"\x0a\x58\x10" + claims[10]
    assert payload.count(shortest) == 1
    assert bench.both_say(bench.assemble(payload.replace(shortest, longer))) == {ATTACK.code}
    assert bench.agent_says(bench.assemble(payload)) == STORED
