"""A token delivered by another terminal."""

from tests.attacks.bench import STORED, Attack, Bench

ATTACK = Attack(
    has="the certificate of t-0002, and a token of t-0001 that has not arrived yet",
    does="publishes it on his own topic",
    code="device-mismatch",
    check="host_agent/policy.py:_foreign_code",
)


def test_cross_device_replay(bench: Bench) -> None:
    token = bench.token()
    assert bench.agent_says(token, device="t-0002") == ATTACK.code
    assert bench.agent_says(token) == STORED, "its own terminal still delivers it"
