"""An earlier or another profile."""

from host_agent.attestation import EVIDENCE_PROFILE, ORDER_PROFILE, RECEIPT_PROFILE
from tests.attacks.bench import Attack, Bench

ATTACK = Attack(
    has="a terminal's key",
    does="signs under a profile whose rules were weaker, or that of another object",
    code="profile-unknown",
    check="host_agent/attestation.py:_claims",
)


def test_old_profile(bench: Bench) -> None:
    for profile in (EVIDENCE_PROFILE.replace("#1", "#0"), ORDER_PROFILE, RECEIPT_PROFILE, None, 1):
        token = bench.terminal.sign(bench.claims() | {265: profile})
        assert bench.both_say(token) == {ATTACK.code}, profile
