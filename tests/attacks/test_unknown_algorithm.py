"""Another algorithm than agreed."""

from host_agent import cbor
from tests.attacks.bench import Attack, Bench

ATTACK = Attack(
    has="a terminal's key",
    does='names "none", a MAC, EdDSA or a larger curve, hoping for a verifier that follows',
    code="token-malformed",
    check="host_agent/envelope.py:_read_header",
)


def test_unknown_algorithm(bench: Bench) -> None:
    payload = cbor.encode(bench.claims())
    for algorithm in (0, 5, -8, -35, "none", True, None, -65535):
        token = bench.assemble(payload, header=bench.header() | {1: algorithm})
        assert bench.both_say(token) == {ATTACK.code}, algorithm
