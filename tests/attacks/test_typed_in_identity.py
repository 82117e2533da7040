"""An identity that no security module has read."""

from tests.attacks.bench import Attack, Bench

ATTACK = Attack(
    has="a terminal's key",
    does="reports another way of reading than the module, or none of the module's ids",
    code="result-insufficient",
    check="tools/backend/appraisal.py:_open",
)


def test_typed_in_identity(bench: Bench) -> None:
    for key, value in ((2, 2), (2, 0), (10, None), (11, [False, 1])):
        claims = bench.claims()
        claims[-70003] = {k: v for k, v in (claims[-70003] | {key: value}).items() if v is not None}
        assert bench.backend_says(bench.terminal.sign(claims)) == ATTACK.code, (key, value)
