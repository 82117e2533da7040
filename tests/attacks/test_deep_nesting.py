"""Arrays within arrays."""

from host_agent import cbor
from tests.attacks.bench import STORED, Attack, Bench

ATTACK = Attack(
    has="a terminal's key",
    does="nests a claim that nobody knows so deep that a decoder runs out of stack",
    code="token-malformed",
    check="host_agent/cbor.py:_ordered",
)

UNKNOWN = b"\x3a\x00\x01\x11\xd2"  # claim -70099, after all others in order


def nested(depth: int) -> bytes:
    return b"\x81" * depth + b"\x00"


def test_deep_nesting(bench: Bench) -> None:
    payload = cbor.encode(bench.claims())
    for depth in (16, 17, 4000):
        deep = bytes([payload[0] + 1]) + payload[1:] + UNKNOWN + nested(depth)
        assert bench.both_say(bench.assemble(deep)) == {ATTACK.code}, depth
    shallow = bytes([payload[0] + 1]) + payload[1:] + UNKNOWN + nested(8)
    assert bench.agent_says(bench.assemble(shallow)) == STORED
