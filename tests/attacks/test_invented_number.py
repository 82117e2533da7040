"""A number that cannot be."""

from tests.attacks.bench import Attack, Bench
from tests.host_agent.terminal_double import citizen_number, identity

ATTACK = Attack(
    has="a terminal's key",
    does="types an identity that was on no card",
    code="number-invalid",
    check="tools/backend/appraisal.py:_open",
)


def test_invented_number(bench: Bench) -> None:
    number = citizen_number()
    wrong = number[:-1] + ("0" if number[-1] != "0" else "1")
    assert bench.backend_says(bench.token(person=identity(e6=wrong))) == ATTACK.code
