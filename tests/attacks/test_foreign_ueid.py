"""A terminal in another's name."""

from tests.attacks.bench import Attack, Bench

ATTACK = Attack(
    has="the key of t-0002",
    does="signs claims with the ueid of t-0001",
    code="device-mismatch",
    check="host_agent/policy.py:_foreign_code",
)


def test_foreign_ueid(bench: Bench) -> None:
    thief = bench.terminal_of("t-0002")
    token = thief.sign(bench.claims())
    assert bench.agent_says(token, device="t-0002") == ATTACK.code
    assert bench.backend_says(token) == ATTACK.code
