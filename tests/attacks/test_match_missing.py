"""A living person with somebody else's card."""

from tests.attacks.bench import Attack, Bench

ATTACK = Attack(
    has="a terminal's key, and a found card",
    does="shows his own face and leaves the comparison out",
    code="match-required",
    check="host_agent/policy.py:face_code",
)


def test_match_missing(bench: Bench) -> None:
    claims = bench.claims()
    claims[-70003][4] = [None, "no-picture"]
    assert bench.both_say(bench.terminal.sign(claims)) == {ATTACK.code}
