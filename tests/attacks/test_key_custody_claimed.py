"""A key in software that says it is in a secure element."""

from tests.attacks.bench import Attack, Bench

ATTACK = Attack(
    has="a terminal's key, copied from its flash",
    does="claims that a secure element has signed, so that nobody thinks of a copy",
    code="custody-mismatch",
    check="host_agent/policy.py:_key_code",
)


def test_key_custody_claimed(bench: Bench) -> None:
    assert bench.both_say(bench.signed({-70008: 2})) == {ATTACK.code}
