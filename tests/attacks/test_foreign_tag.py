"""A tag whose content a library would interpret."""

from host_agent import cbor
from tests.attacks.bench import Attack, Bench

ATTACK = Attack(
    has="a terminal's key",
    does="hides a regular expression, a date or a big number in a claim",
    code="token-malformed",
    check="host_agent/cbor.py:_refuse_tag",
)


def test_foreign_tag(bench: Bench) -> None:
    payload = cbor.encode(bench.claims())
    for tagged in ("d8236128", "c11b7fffffffffffffff", "c24101"):  # regular expression, time, big number
        claim = b"\x3a\x00\x01\x11\x77" + bytes.fromhex(tagged)
        token = bench.assemble(bytes([payload[0] + 1]) + payload[1:] + claim)
        assert bench.both_say(token) == {ATTACK.code}, tagged
