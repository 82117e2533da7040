"""How far a count supports a rate, at 95 %: for none of N the rule of three, else Clopper and Pearson's exact limits.

Both take the trials for independent. Sessions are; comparisons of the same few people are not, and are resampled by
person instead (`verification`).
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import exp, lgamma, log

LEVEL = 0.95
RULE_OF_THREE, EXACT, BOOTSTRAP = "rule of three", "Clopper-Pearson", "bootstrap by person"


@dataclass(frozen=True, slots=True)
class Share:
    """`low` and `high` are the limits of its confidence, `method` how they were found."""

    errors: int
    of: int
    rate: float
    low: float
    high: float
    method: str


def share(errors: int, of: int) -> Share:
    """Of independent trials."""
    if errors == 0:
        return Share(0, of, 0.0, 0.0, min(1.0, 3 / of), RULE_OF_THREE)
    tail = (1 - LEVEL) / 2
    low = _solve(lambda rate: 1 - at_most(errors - 1, of, rate), tail)
    high = 1.0 if errors == of else 1 - _solve(lambda rate: at_most(errors, of, 1 - rate), tail)
    return Share(errors, of, errors / of, low, high, EXACT)


def at_most(errors: int, of: int, rate: float) -> float:
    """Probability of so few of so many."""
    if rate <= 0.0 or rate >= 1.0:
        return float(rate <= 0.0 or errors >= of)
    ways = lgamma(of + 1)
    return sum(
        exp(ways - lgamma(k + 1) - lgamma(of - k + 1) + k * log(rate) + (of - k) * log(1 - rate))
        for k in range(errors + 1)
    )


def _solve(rising: Callable[[float], float], wanted: float) -> float:
    """Where a function that rises from 0 to 1 has a value."""
    low, high = 0.0, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if rising(middle) < wanted else (low, middle)
    return (low + high) / 2
