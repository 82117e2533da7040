"""A signature in another form."""

from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from host_agent import cbor
from tests.attacks.bench import STORED, Attack, Bench

ATTACK = Attack(
    has="a terminal's key",
    does="sends the signature as DER, which has many spellings",
    code="signature-invalid",
    check="host_agent/envelope.py:check_signature",
)


def test_der_signature(bench: Bench) -> None:
    token = bench.token()
    protected, unprotected, payload, signature = cbor.decode(token).value
    r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")
    der = encode_dss_signature(r, s)
    assert bench.both_say(cbor.encode(cbor.Tag(18, [protected, unprotected, payload, der]))) == {ATTACK.code}
    assert bench.agent_says(token) == STORED
