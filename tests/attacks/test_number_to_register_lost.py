"""A registration to no telephone number."""

from tests.attacks.bench import Attack, Bench
from tests.host_agent.terminal_double import identity

ATTACK = Attack(
    has="a terminal's key",
    does="seals an identity with something else in the place of the number to register",
    code="identity-mismatch",
    check="tools/backend/appraisal.py:_open",
)


def test_number_to_register_lost(bench: Bench) -> None:
    for msisdn in ("", "+8617000000001", "1700000000x", "1" * 16, "１７０"):
        assert bench.backend_says(bench.token(person=identity(e12=msisdn))) == ATTACK.code, msisdn
    assert bench.backend_says(bench.token(person=identity(e1=""))) == ATTACK.code, "nobody's name"
