"""The operator's own key in a terminal's place."""

from host_agent import attestation, cbor, envelope, keys
from tests.attacks.bench import Attack, Bench

ATTACK = Attack(
    has="the agent's signing key",
    does="signs evidence with it: an agent can forward registrations and cannot make one",
    code="key-unknown",
    check="host_agent/ingest.py:_verify",
)


def test_operator_key_as_terminal(bench: Bench) -> None:
    payload = cbor.encode(bench.claims())
    for party in ("agent", "backend"):
        key = keys.load_private(bench.pki / f"{party}.sign.key.pem")
        token = envelope.sign(payload, keys.kid_of(key.public_key()), key, attestation.EVIDENCE_TYP)
        assert bench.both_say(token) == {ATTACK.code}, party
