"""A key that nobody has registered."""

from cryptography.hazmat.primitives.asymmetric import ec

from host_agent import attestation, cbor, envelope, keys
from tests.attacks.bench import Attack, Bench

ATTACK = Attack(
    has="a key pair of his own, made as a terminal makes one",
    does="signs good claims under the key's own id",
    code="key-unknown",
    check="host_agent/ingest.py:_verify",
)


def test_unknown_key(bench: Bench) -> None:
    payload = cbor.encode(bench.claims())
    own_key = ec.generate_private_key(ec.SECP256R1())
    token = envelope.sign(payload, keys.kid_of(own_key.public_key()), own_key, attestation.EVIDENCE_TYP)
    assert bench.both_say(token) == {ATTACK.code}
