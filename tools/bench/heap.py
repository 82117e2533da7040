"""The smallest heap in which a terminal does its work: `python -m tools.bench.heap`.

Bisects the interpreter's heap on the emulated board. A size passes when the demo's first customers (one registered, one
refused, one who pulls the card away) end as scripted and the terminal has booted once. The unix port is a 64-bit build:
objects take about twice what they take on a 32-bit microcontroller, so the figure is on the safe side for one.
"""

import asyncio
import tempfile
from pathlib import Path

from tools.demo.plant import Plant
from tools.demo.run import play
from tools.demo.script import customers
from tools.demo.view import Unseen
from tools.emulator.errors import BoardError

CUSTOMERS = 3
LOW_KB, HIGH_KB, STEP_KB = 64, 512, 4
DEADLINE_S = 60


async def works_in(heap_kb: int) -> bool:
    with tempfile.TemporaryDirectory() as folder:
        try:
            async with asyncio.timeout(DEADLINE_S), Plant(Path(folder), 1, heap=f"{heap_kb}K") as plant:
                account = await play(plant, customers(CUSTOMERS, seed=1), Unseen())
                return account.is_as_scripted and plant.terminals[0].board.boots == ["power-on"]
        except (TimeoutError, BoardError):
            return False


def main() -> None:
    low, high = LOW_KB, HIGH_KB  # does not work in low, works in high
    while high - low > STEP_KB:
        middle = (low + high) // 2 // STEP_KB * STEP_KB
        works = asyncio.run(works_in(middle))
        print(f"{middle:>4} KB: {'works' if works else 'too small'}", flush=True)
        low, high = (low, middle) if works else (middle, high)
    print(f"smallest heap for the whole session: {high} KB")


if __name__ == "__main__":
    main()
