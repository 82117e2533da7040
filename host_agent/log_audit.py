"""`shiming audit log`: what a terminal's flight log says, and whether all of it is there.

Every signature is checked anew, and every hash made anew from the signed bytes: what the store says is not believed.
"""

import json
import time
from collections.abc import Iterable
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from host_agent import config as settings
from host_agent import envelope, flight_log
from host_agent.chain import Finding
from host_agent.errors import TokenRefused, words
from host_agent.flight_log import Entry, Statement
from host_agent.registry import Device, Registry
from host_agent.store import Archive

EXAMPLE = "Example: shiming audit log t-0001 --config agent.toml --from 1 --to 500"


@dataclass(frozen=True, slots=True)
class LogReport:
    device: str
    first: int
    last: int
    statements: int
    is_whole: bool
    dropped: list[tuple[int, int]]  # first and last number of what the terminal itself has given up, signed
    findings: list[Finding]
    entries: list[Entry]


def show_log(
    device: Annotated[str, typer.Argument(help="Id of the terminal.")],
    config: Annotated[Path, typer.Option("--config", help="The agent's settings, agent.toml.")],
    first: Annotated[int, typer.Option("--from", min=1, help="First number.")] = 1,
    last: Annotated[int | None, typer.Option("--to", min=1, help="Last one; the highest seen if not given.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Answer as one JSON object.")] = False,
) -> None:
    """List a terminal's flight log and prove that all of it is there; name gaps, forks and regressions."""
    loaded = settings.load(config)
    known = Registry.load(loaded.agent.registry).device(device)
    if known is None:
        raise TokenRefused("device-unknown")
    with closing(Archive(loaded.store.path)) as archive:
        report = examine(archive.log(device), known, first, last)
    _tell(report, as_json)
    if not report.is_whole:
        raise typer.Exit(1)


def examine(tokens: Iterable[bytes], device: Device, first: int = 1, last: int | None = None) -> LogReport:
    """Pure."""
    statements: list[Statement] = []
    findings: list[Finding] = []
    for place, token in enumerate(tokens, 1):
        try:
            statements.append(read(token, device))
        except TokenRefused as refused:
            message = f"statement {place} in the store: {refused} ({refused.code})"
            findings.append(Finding("custody-token-invalid", first, first, message))
    entries = sorted(
        {entry for statement in statements for entry in statement.entries}, key=lambda entry: (entry.seq, entry.sha256)
    )
    until = last if last is not None else max((entry.seq for entry in entries), default=0)
    dropped = sorted({numbers for statement in statements for numbers in statement.dropped})
    findings += flight_log.judge((entry.token for entry in entries), first, until, dropped)
    findings += _boots(statements)
    inside = [entry for entry in entries if first <= entry.seq <= until]
    return LogReport(device.id, first, until, len(statements), not findings, dropped, findings, inside)


def read(token: bytes, device: Device) -> Statement:
    signed = envelope.parse(token)
    key = device.key(signed.kid)
    if key is None:
        raise TokenRefused("key-unknown")
    envelope.verify(signed, key.public_key)
    statement = flight_log.parse(signed.payload)
    if statement.ueid != device.ueid:
        raise TokenRefused("device-mismatch")
    return statement


def _boots(statements: list[Statement]) -> Iterable[Finding]:
    """Along the numbers, the count of boots never goes back."""
    highest = 0
    for statement in sorted(statements, key=lambda one: (one.last, one.bootcount)):
        if statement.bootcount < highest:
            what = f"numbers {statement.first} to {statement.last} are of boot {statement.bootcount}, after {highest}"
            yield Finding(flight_log.REGRESSION, statement.first, statement.last, what)
        highest = max(highest, statement.bootcount)


# --- for people


def _tell(report: LogReport, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(asdict(report) | {"entries": [_shown(entry) for entry in report.entries]}))
        return
    for entry in report.entries:
        at = time.strftime("%Y-%m-%d %H:%M:%SZ", time.gmtime(entry.at)) if entry.at < 2**33 else str(entry.at)
        numbers = "".join(f" {number}" for number in entry.numbers)
        typer.echo(f"{entry.seq:>6}  {at}  {entry.event}: {entry.code}{numbers}")
    for begin, end in report.dropped:
        typer.echo(f"  --  numbers {begin} to {end}: not on the terminal any more, and it says so itself")
    for finding in report.findings:
        typer.echo(f"  NO  {finding.code} ({words(finding.code).number}): {finding.message}")
    summary = f"{report.device}, {report.first} to {report.last}: {len(report.entries)} entries"
    summary += f" in {report.statements} signed statements"
    typer.echo(f"{summary}. " + ("The log is whole." if report.is_whole else "The log is NOT whole."))


def _shown(entry: Entry) -> dict[str, Any]:
    return asdict(entry) | {"event": entry.event, "prev": entry.prev.hex(), "sha256": entry.sha256.hex()}
