"""Claims of another type or size."""

from tests.attacks.bench import Attack, Bench

ATTACK = Attack(
    has="a terminal's key",
    does="writes true for 1, a negative counter, a nonce of 15 bytes, a sequence number beyond 63 bits",
    code="claims-malformed",
    check="host_agent/attestation.py:parse_evidence",
)


def test_mistyped_claim(bench: Bench) -> None:
    changes = [{267: True}, {267: -1}, {10: bytes(15)}, {-70001: 2**63}, {-70001: 0}, {256: b"\x02" + bytes(16)}]
    for change in changes:
        token = bench.terminal.sign(bench.claims() | change)
        assert bench.both_say(token) == {ATTACK.code}, change
