"""Another key under a terminal's key id."""

from cryptography.hazmat.primitives.asymmetric import ec

from host_agent import attestation, cbor, envelope
from tests.attacks.bench import Attack, Bench

ATTACK = Attack(
    has="a key pair of his own, and the key id of a terminal",
    does="signs as the terminal",
    code="signature-invalid",
    check="host_agent/envelope.py:check_signature",
)


def test_key_substitution(bench: Bench) -> None:
    payload = cbor.encode(bench.claims())
    own_key = ec.generate_private_key(ec.SECP256R1())
    token = envelope.sign(payload, bench.terminal.signer.kid, own_key, attestation.EVIDENCE_TYP)
    assert bench.both_say(token) == {ATTACK.code}
