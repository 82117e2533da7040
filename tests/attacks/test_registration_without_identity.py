"""A registration without a person."""

from tests.attacks.bench import Attack, Bench

ATTACK = Attack(
    has="a terminal's key",
    does="leaves the sealed identity out",
    code="claims-malformed",
    check="host_agent/attestation.py:parse_evidence",
)


def test_registration_without_identity(bench: Bench) -> None:
    claims = bench.claims()
    del claims[-70004]
    assert bench.both_say(bench.terminal.sign(claims)) == {ATTACK.code}
