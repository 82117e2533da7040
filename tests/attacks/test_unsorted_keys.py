"""Claims in another order."""

from host_agent import cbor
from tests.attacks.bench import Attack, Bench

ATTACK = Attack(
    has="a terminal's key",
    does="swaps two claims: another hash for the same registration",
    code="token-malformed",
    check="host_agent/cbor.py:decode",
)


def test_unsorted_keys(bench: Bench) -> None:
    payload = cbor.encode(bench.claims())
    oemboot, dbgstat = b"\x19\x01\x06\xf4", b"\x19\x01\x07\x00"
    assert payload.count(oemboot + dbgstat) == 1
    swapped = payload.replace(oemboot + dbgstat, dbgstat + oemboot)
    assert bench.both_say(bench.assemble(swapped)) == {ATTACK.code}
