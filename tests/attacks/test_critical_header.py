"""A header that says it must be understood."""

from host_agent import cbor
from tests.attacks.bench import Attack, Bench

ATTACK = Attack(
    has="a terminal's key",
    does="lists a label as critical, which a verifier that skips it would misread",
    code="token-malformed",
    check="host_agent/envelope.py:_read_header",
)


def test_critical_header(bench: Bench) -> None:
    payload = cbor.encode(bench.claims())
    for critical in ([99], [1], []):
        token = bench.assemble(payload, header=bench.header() | {2: critical})
        assert bench.both_say(token) == {ATTACK.code}, critical
    assert bench.both_say(bench.assemble(payload, unprotected={2: [99]})) == {ATTACK.code}
