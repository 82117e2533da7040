"""The heap in which a terminal does its work: `python -m tools.bench.heap`, `--report` for a table.

A size passes when the demo's first customers (one registered, one refused, one who pulls the card away) end as scripted
and the terminal has booted once; without `--report` the smallest such size is found by bisection. The unix port is a
64-bit build: objects take about twice what they take on a 32-bit microcontroller, so the figures are on the safe side
for one. The firmware's code runs from ROM and is not in them.
"""

import asyncio
import tempfile
from pathlib import Path
from typing import Annotated

import typer

from tools.demo.plant import Plant
from tools.demo.run import Account, play
from tools.demo.script import customers
from tools.demo.view import Unseen
from tools.emulator.errors import BoardError

CUSTOMERS = 3
LOW_KB, HIGH_KB, STEP_KB = 64, 512, 4
REPORTED_KB = (192, 256, 512, 2048)
PROMISED_KB = 192  # the whole session without a face, screen included
DEADLINE_S = 60


async def session_in(heap_kb: int) -> Account | None:
    """None when it does not work in so little."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            async with asyncio.timeout(DEADLINE_S), Plant(Path(folder), 1, heap=f"{heap_kb}K") as plant:
                account = await play(plant, customers(CUSTOMERS, seed=1), Unseen())
                is_sound = account.is_as_scripted and plant.terminals[0].board.boots == ["power-on"]
                return account if is_sound else None
        except (TimeoutError, BoardError):
            return None


def main(
    is_report: Annotated[
        bool, typer.Option("--report", help=f"A table of some sizes; ends with 1 if {PROMISED_KB} KB are too small.")
    ] = False,
) -> None:
    """Example: python -m tools.bench.heap --report"""
    if is_report:
        report()
        return
    low, high = LOW_KB, HIGH_KB  # does not work in low, works in high
    while high - low > STEP_KB:
        middle = (low + high) // 2 // STEP_KB * STEP_KB
        works = asyncio.run(session_in(middle)) is not None
        print(f"{middle:>4} KB: {'works' if works else 'too small'}", flush=True)
        low, high = (low, middle) if works else (middle, high)
    print(f"smallest heap for the whole session: {high} KB")


def report() -> None:
    print("heap of the whole session (64-bit objects): KB, KB free at a session's end, longest loop gap in ms")
    accounts = {heap_kb: asyncio.run(session_in(heap_kb)) for heap_kb in REPORTED_KB}
    for heap_kb, account in accounts.items():
        if account is None:
            print(f"{heap_kb:>6}  too small")
        else:
            print(f"{heap_kb:>6} {(account.heap_free_min or 0) // 1024:>6} {account.loop_gap_max_ms:>6}")
    if accounts[PROMISED_KB] is None:
        raise typer.Exit(1)


if __name__ == "__main__":
    typer.run(main)
