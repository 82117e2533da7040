"""Evidence that does not say it is evidence."""

from tests.attacks.bench import Attack, Bench

ATTACK = Attack(
    has="a terminal's key, used for something else",
    does="presents another signed object of the terminal as evidence",
    code="profile-unknown",
    check="host_agent/ingest.py:_verify",
)


def test_untyped_token(bench: Bench) -> None:
    for typ in (None, "application/cwt"):
        assert bench.agent_says(bench.terminal.sign(bench.claims(), typ)) == ATTACK.code
        assert bench.backend_says(bench.terminal.sign(bench.claims(), typ)) == "token-malformed"
