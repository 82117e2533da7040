"""The same signature in fewer bytes."""

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from host_agent import cbor
from tests.attacks.bench import STORED, Attack, Bench

ATTACK = Attack(
    has="a terminal's key, and patience until the second half of a signature begins with a zero",
    does="leaves the zero out: another hash of the same registration, for whoever looks at the two numbers only",
    code="signature-invalid",
    check="host_agent/envelope.py:check_signature",
)


def test_short_signature(bench: Bench) -> None:
    protected, unprotected, payload, _ = cbor.decode(bench.token()).value
    signed = cbor.encode(["Signature1", protected, b"", payload])
    s = 1 << 255
    while s >> 248:
        r, s = decode_dss_signature(bench.terminal_key().sign(signed, ec.ECDSA(hashes.SHA256())))
    whole = r.to_bytes(32, "big") + s.to_bytes(32, "big")
    for signature in (whole[:32] + whole[33:], whole[:32] + b"\x00" + whole[32:]):
        assert bench.both_say(cbor.encode(cbor.Tag(18, [protected, unprotected, payload, signature]))) == {ATTACK.code}
    assert bench.both_say(cbor.encode(cbor.Tag(18, [protected, unprotected, payload, whole]))) == {STORED}
