"""A card that has expired, called valid."""

from tests.attacks.bench import Attack, Bench
from tests.host_agent.terminal_double import identity

ATTACK = Attack(
    has="a terminal's key, and somebody's old card",
    does="reports the card's own check as passed",
    code="card-expired",
    check="tools/backend/appraisal.py:_check_validity",
)


def test_expired_card(bench: Bench) -> None:
    assert bench.backend_says(bench.token(person=identity(e9="20210101"))) == ATTACK.code
