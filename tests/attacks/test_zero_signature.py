"""A signature of nothing but zeros."""

from host_agent import cbor
from tests.attacks.bench import Attack, Bench

ATTACK = Attack(
    has="nothing but a terminal's public key id",
    does="sends r = s = 0, which verifiers that forget the range have taken for any message",
    code="signature-invalid",
    check="host_agent/envelope.py:check_signature",
)


ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


def test_zero_signature(bench: Bench) -> None:
    protected, unprotected, payload, _ = cbor.decode(bench.token()).value
    for r, s in ((0, 0), (0, 1), (1, 0), (ORDER, ORDER), (ORDER, 1), (1, ORDER)):
        signature = r.to_bytes(32, "big") + s.to_bytes(32, "big")
        token = cbor.encode(cbor.Tag(18, [protected, unprotected, payload, signature]))
        assert bench.both_say(token) == {ATTACK.code}, (r, s)
