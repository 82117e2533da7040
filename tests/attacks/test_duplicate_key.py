"""The same claim twice, with two values."""

from host_agent import cbor
from tests.attacks.bench import Attack, Bench

ATTACK = Attack(
    has="a terminal's key, and two decoders of which one takes the first value and one the last",
    does="signs claims with two sequence numbers",
    code="token-malformed",
    check="host_agent/cbor.py:decode",
)


def test_duplicate_key(bench: Bench) -> None:
    payload = cbor.encode(bench.claims())
    boot = b"\x19\x01\x0b\x01"  # claim 267, 1
    assert payload.count(boot) == 1 and 0xA0 < payload[0] < 0xB7
    doubled = bytes([payload[0] + 1]) + payload[1:].replace(boot, boot + b"\x19\x01\x0b\x02")
    assert bench.both_say(bench.assemble(doubled)) == {ATTACK.code}
