"""Bytes behind the end of a token."""

from tests.attacks.bench import STORED, Attack, Bench

ATTACK = Attack(
    has="a genuine token",
    does="appends a byte: another hash, so that it would count as another token",
    code="token-malformed",
    check="host_agent/cbor.py:decode",
)


def test_trailing_bytes(bench: Bench) -> None:
    token = bench.token()
    assert bench.both_say(token + b"\x00") == {ATTACK.code}
    assert bench.agent_says(token) == STORED
