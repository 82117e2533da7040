"""What the demo shows while it runs: a live table on a terminal, one plain line for each step elsewhere."""

import sys
from typing import Protocol, TextIO

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.live import Live
from rich.table import Table
from terminal.masking import mask_name, mask_number

from host_agent.errors import words
from tools.demo.player import Visit

STEPS = (("card", "card down"), ("found", "found"), ("face", "face"), ("signed", "signed"), ("final", "at backend"))
MARKS = {"accepted": "[green]registered[/]", "refused": "[yellow]refused[/]", "expired": "[red]order ran out[/]"}
ROWS = 20  # of the live table; the customers before are counted in its caption


class View(Protocol):
    def say(self, text: str) -> None: ...
    def changed(self, visit: Visit) -> None: ...
    def close(self) -> None: ...


def choose(is_quiet: bool) -> View:
    """`is_quiet`: standard output belongs to a program; what people want to read goes to standard error."""
    if sys.stdout.isatty() and not is_quiet:
        return LiveView(Console())
    return PlainView(sys.stderr if is_quiet else sys.stdout)


class Unseen:
    """For programs that only want the account."""

    def say(self, text: str) -> None:
        """Nobody listens."""

    def changed(self, visit: Visit) -> None:
        """Nobody looks."""

    def close(self) -> None:
        """Nothing is open."""


class PlainView:
    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._said: dict[int, set[str]] = {}

    def say(self, text: str) -> None:
        print(text, file=self._out, flush=True)

    def changed(self, visit: Visit) -> None:
        said = self._said.setdefault(visit.customer.number, set())
        for name, label in STEPS:
            if name in visit.steps and name not in said:
                said.add(name)
                took = visit.seconds("order", name) or 0.0
                who = f"{visit.terminal}  customer {visit.customer.number:>3}"
                self.say(f"  {who}  {took:6.2f} s  {label}{_outcome(visit, name)}")

    def close(self) -> None:
        self._out.flush()


class LiveView:
    def __init__(self, console: Console) -> None:
        self._visits: dict[int, Visit] = {}
        self._live = Live(console=console, get_renderable=self.table, refresh_per_second=8)
        self._live.start()

    def say(self, text: str) -> None:
        self._live.console.print(text)

    def changed(self, visit: Visit) -> None:
        self._visits[visit.customer.number] = visit

    def close(self) -> None:
        self._live.refresh()
        self._live.stop()

    def table(self) -> Table:
        table = Table(title="Shiming 实名: registrations", title_justify="left", box=SIMPLE_HEAD)
        for head in ("#", "terminal", "customer", "number"):
            table.add_column(head, no_wrap=True)
        for _, label in STEPS:
            table.add_column(label, justify="right", no_wrap=True)
        table.add_column("result")
        visits = sorted(self._visits.values(), key=lambda visit: visit.customer.number)
        for visit in visits[-ROWS:]:
            person = visit.customer.person
            name, number = mask_name(person.name or person.english_name), mask_number(person.number)
            times = [_seconds(visit.seconds("order", step)) for step, _ in STEPS]
            table.add_row(str(visit.customer.number), visit.terminal, name, number, *times, _result(visit))
        if len(visits) > ROWS:
            table.caption = f"and {len(visits) - ROWS} customers before"
        return table


def _seconds(value: float | None) -> str:
    return "" if value is None else f"{value:.2f} s"


def _result(visit: Visit) -> str:
    mark = MARKS.get(visit.state, "")
    return f"{mark}: {words(visit.code).words}" if visit.code else mark


def _outcome(visit: Visit, step: str) -> str:
    if step == "signed" and visit.code:
        return f": refused, {visit.code}"
    if step == "final":
        return f": {visit.state}" + (f", {visit.code}" if visit.code else "")
    return ""
