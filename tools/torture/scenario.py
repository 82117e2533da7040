"""What every scenario of `shiming torture` gives: how many faults, what was found, how to play one of them again."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

# What no run may find, in the order of the table. Anything else that the books do not explain is `unexplained`.
KINDS = ("lost", "doubled", "seq-reused", "prev-reused", "unexplained")

Progress = Callable[[int, int], None]  # runs done, runs altogether


@dataclass(frozen=True, slots=True)
class Finding:
    kind: str
    words: str
    at: str  # names the run, for --replay


@dataclass(frozen=True, slots=True)
class Result:
    """`counts`: the scenario's own figures for the table, by their words."""

    faults: int
    findings: Sequence[Finding] = ()
    counts: Mapping[str, int] = field(default_factory=dict)

    @property
    def is_clean(self) -> bool:
        return not self.findings

    def kinds(self) -> dict[str, int]:
        found = Counter(finding.kind for finding in self.findings)
        return {kind: found[kind] for kind in KINDS}

    def as_json(self, scenario: str, seed: int, elapsed_s: float) -> dict[str, Any]:
        return {
            "scenario": scenario,
            "seed": seed,
            "faults": self.faults,
            "elapsed_s": round(elapsed_s, 1),
            **{kind.replace("-", "_"): count for kind, count in self.kinds().items()},
            **{name.replace(" ", "_"): count for name, count in self.counts.items()},
            "findings": [{"kind": one.kind, "words": one.words, "at": one.at} for one in self.findings],
        }


class Scenario(Protocol):
    """`run` plays so many runs, `replay` the one that a finding's `at` names."""

    summary: str
    default_runs: int

    def run(self, seed: int, runs: int, progress: Progress) -> Result: ...
    def replay(self, seed: int, at: str) -> Result: ...
