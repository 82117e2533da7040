"""A token that is larger than any token may be."""

from host_agent import cbor
from tests.attacks.bench import Attack, Bench

ATTACK = Attack(
    has="nothing but a place on the line",
    does="sends more than 8192 bytes, to fill memory and disk",
    code="token-oversized",
    check="host_agent/cbor.py:decode",
)


def test_oversize(bench: Bench) -> None:
    token = bench.assemble(bytes(cbor.MAX_BYTES))
    assert bench.both_say(token) == {ATTACK.code}
