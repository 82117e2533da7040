"""The identity of one terminal's registration in another's."""

from host_agent import attestation, envelope
from tests.attacks.bench import Attack, Bench

ATTACK = Attack(
    has="the key of t-0002, and a token of t-0001",
    does="takes over cti and sealed identity",
    code="seal-invalid",
    check="host_agent/sealed.py:unseal",
)


def test_ciphertext_between_devices(bench: Bench) -> None:
    stolen = attestation.parse_evidence(envelope.parse(bench.token()).payload)
    thief = bench.terminal_of("t-0002")
    claims = thief.claims() | {7: stolen.cti, -70004: stolen.identity}
    assert bench.backend_says(thief.sign(claims)) == ATTACK.code
