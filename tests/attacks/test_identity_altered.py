"""Sealed identity altered."""

from tests.attacks.bench import STORED, Attack, Bench

ATTACK = Attack(
    has="a terminal's key, and a sealed identity that he cannot open",
    does="flips a bit of the ciphertext, in which the number to register stands last, and signs anew",
    code="seal-invalid",
    check="host_agent/sealed.py:unseal",
)


def test_identity_altered(bench: Bench) -> None:
    claims = bench.claims()
    sealed = claims[-70004]
    for place in range(0, len(sealed), 37):
        claims[-70004] = sealed[:place] + bytes([sealed[place] ^ 1]) + sealed[place + 1 :]
        assert bench.backend_says(bench.terminal.sign(claims)) == ATTACK.code, place
    claims[-70004] = sealed
    assert bench.backend_says(bench.terminal.sign(claims)) == STORED
