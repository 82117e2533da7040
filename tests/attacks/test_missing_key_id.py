"""No key id."""

from host_agent import cbor
from tests.attacks.bench import Attack, Bench

ATTACK = Attack(
    has="a terminal's key",
    does="leaves the key id out, so that a verifier may try the keys that it has",
    code="token-malformed",
    check="host_agent/envelope.py:_read_header",
)


def test_missing_key_id(bench: Bench) -> None:
    payload = cbor.encode(bench.claims())
    for kid in (None, b"", "text", bytes(33)):
        token = bench.assemble(payload, header=bench.header() | {4: kid})
        assert bench.both_say(token) == {ATTACK.code}, kid
