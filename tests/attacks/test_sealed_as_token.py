"""A sealed object in the place of a signed one."""

from tests.attacks.bench import Attack, Bench

ATTACK = Attack(
    has="an identity that is sealed to the backend",
    does="sends it under its own tag 96, without any signature",
    code="token-malformed",
    check="host_agent/envelope.py:parse",
)


def test_sealed_as_token(bench: Bench) -> None:
    assert bench.both_say(bench.claims()[-70004]) == {ATTACK.code}
