"""A registration booked on another sales channel."""

from tests.attacks.bench import Attack, Bench

ATTACK = Attack(
    has="a terminal's key, and the id of a channel with a higher commission",
    does="writes that channel into his results",
    code="channel-mismatch",
    check="host_agent/policy.py:_order_code",
)


def test_channel_swap(bench: Bench) -> None:
    claims = bench.claims()
    claims[-70003][5] = "CH-999999"
    assert bench.both_say(bench.terminal.sign(claims)) == {ATTACK.code}
