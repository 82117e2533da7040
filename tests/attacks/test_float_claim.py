"""A float among the claims."""

from host_agent import cbor
from tests.attacks.bench import Attack, Bench

ATTACK = Attack(
    has="a terminal's key",
    does="puts a number that two programs may read differently (or none at all, NaN) into a claim",
    code="token-malformed",
    check="host_agent/cbor.py:_ordered",
)


def test_float_claim(bench: Bench) -> None:
    payload = cbor.encode(bench.claims())
    for number in ("f93c00", "f97e00", "fb3ff0000000000000"):  # 1.0, NaN, 1.0 in eight bytes
        claim = b"\x3a\x00\x01\x11\x77" + bytes.fromhex(number)
        token = bench.assemble(bytes([payload[0] + 1]) + payload[1:] + claim)
        assert bench.both_say(token) == {ATTACK.code}, number
