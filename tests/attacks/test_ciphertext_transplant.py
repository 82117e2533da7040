"""The identity of one registration in another."""

from host_agent import attestation, envelope
from tests.attacks.bench import STORED, Attack, Bench

ATTACK = Attack(
    has="a terminal's key, and an earlier token with a person who really came",
    does="puts that person's sealed identity into a new token",
    code="seal-invalid",
    check="host_agent/sealed.py:unseal",
)


def test_ciphertext_transplant(bench: Bench) -> None:
    earlier = bench.token()
    assert bench.backend_says(earlier) == STORED
    claims = bench.claims()
    claims[-70004] = attestation.parse_evidence(envelope.parse(earlier).payload).identity
    token = bench.terminal.sign(claims)
    assert bench.backend_says(token) == ATTACK.code
