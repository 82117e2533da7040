"""A string of indefinite length."""

from host_agent import cbor
from tests.attacks.bench import Attack, Bench

ATTACK = Attack(
    has="a terminal's key",
    does="sends the claims as a stream, whose end a decoder has to look for",
    code="token-malformed",
    check="host_agent/cbor.py:decode",
)


def test_indefinite_length(bench: Bench) -> None:
    payload = cbor.encode(bench.claims())
    endless = b"\xbf" + payload[1:] + b"\xff"
    assert bench.both_say(bench.assemble(endless)) == {ATTACK.code}
