"""An ephemeral key that is not on the curve."""

from host_agent import cbor
from tests.attacks.bench import Attack, Bench

ATTACK = Attack(
    has="a terminal's key",
    does="sends a point of a weaker curve: the answers would tell the backend's private key bit by bit",
    code="seal-invalid",
    check="host_agent/keys.py:public_from_xy",
)


def test_point_off_the_curve(bench: Bench) -> None:
    claims = bench.claims()
    sealed = cbor.decode(claims[-70004])
    ephemeral = sealed.value[3][0][1][-1]
    good = ephemeral[-3]
    for y in (bytes(32), bytes([good[0] ^ 1]) + good[1:], b"\xff" * 32):
        ephemeral[-3] = y
        claims[-70004] = cbor.encode(sealed)
        assert bench.backend_says(bench.terminal.sign(claims)) == ATTACK.code
