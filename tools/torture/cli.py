"""`shiming torture`: faults by the thousand on the command line."""

import json
import random
import sys
import time
from enum import StrEnum
from typing import Annotated

import typer

from tools.torture.chain import Chain
from tools.torture.flash import Flash
from tools.torture.scenario import Result, Scenario

EXAMPLE = (
    "Example: shiming torture --scenario flash --runs 10000 --seed 1. "
    "Ends with 0 when nothing was found, 1 when something was, 2 for wrong use."
)
FINDINGS_SHOWN = 20


class Name(StrEnum):
    FLASH = "flash"
    CHAIN = "chain"


SCENARIOS: dict[Name, Scenario] = {Name.FLASH: Flash(), Name.CHAIN: Chain()}


def torture(
    scenario: Annotated[
        Name, typer.Option(help=". ".join(f"{name}: {one.summary}" for name, one in SCENARIOS.items()) + ".")
    ] = Name.FLASH,
    seed: Annotated[int | None, typer.Option(min=0, max=2**31 - 1, help="Of everything that is drawn.")] = None,
    runs: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="flash: power cuts, at least so many, over all positions. chain: customers with 1 to 4 faults.",
            show_default=", ".join(f"{name}: {one.default_runs}" for name, one in SCENARIOS.items()),
        ),
    ] = None,
    replay: Annotated[str | None, typer.Option(help="Play this one again, as a finding names it; with --seed.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Say the result as one JSON object.")] = False,
) -> None:
    """Break the product thousands of times, and compare the books record by record after each."""
    if replay is not None and seed is None:
        raise typer.BadParameter("a replay needs the --seed of its run")
    drawn = random.randrange(2**31) if seed is None else seed
    started = time.monotonic()
    if replay is None:
        result = SCENARIOS[scenario].run(drawn, runs or SCENARIOS[scenario].default_runs, _progress)
        _progress_ends()
    else:
        result = SCENARIOS[scenario].replay(drawn, replay)
    elapsed_s = time.monotonic() - started
    if as_json:
        print(json.dumps(result.as_json(scenario, drawn, elapsed_s)))
    else:
        print(table(scenario, drawn, result, elapsed_s))
    if not result.is_clean:
        raise typer.Exit(1)


def table(scenario: str, seed: int, result: Result, elapsed_s: float) -> str:
    rows = {"faults": result.faults, **result.counts, **result.kinds()}
    lines = [f"scenario {scenario}, seed {seed}, {elapsed_s:.1f} s"]
    lines += [f"  {name:<26}{count:>9}" for name, count in rows.items()]
    for finding in result.findings[:FINDINGS_SHOWN]:
        lines.append(f"{finding.kind}: {finding.words}")
        lines.append(f"  shiming torture --scenario {scenario} --seed {seed} --replay {finding.at}")
    if len(result.findings) > FINDINGS_SHOWN:
        lines.append(f"and {len(result.findings) - FINDINGS_SHOWN} more; --json has all")
    return "\n".join(lines)


def _progress(done: int, total: int) -> None:
    if sys.stderr.isatty():
        print(f"\r{done} of {total}", end="", file=sys.stderr, flush=True)


def _progress_ends() -> None:
    if sys.stderr.isatty():
        print(file=sys.stderr)
