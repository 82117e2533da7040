"""How quickly a terminal answers the people before it: `python -m tools.bench.counter`.

Customers come with every kind of document and fault while somebody presses the language button at random moments.
Printed beside their limits: the time from a press to the terminal's answer, from a card found to its data on the
screen, and the longest time for which the event loop did not come round. Measures this machine, no microcontroller.
"""

import asyncio
import random
import tempfile
import time
from contextlib import suppress
from pathlib import Path

import typer

from tools.demo.plant import Plant
from tools.demo.run import Account, percentile, play
from tools.demo.script import SCRIPT, customers
from tools.demo.view import Unseen
from tools.emulator.board import Button, Signal

PRESS_S = 0.15
ANSWER_S = 1.0  # no answer after so long: counted as that
LIMITS = {"button to answer": 100, "loop gap": 50, "card found to screen": 1500}  # ms


class Finger:
    """Presses, and waits for the click."""

    def __init__(self, plant: Plant, dice: random.Random) -> None:
        self.answers_ms: list[float] = []
        self._terminal = plant.terminals[0]
        self._dice = dice
        self._clicked = asyncio.Event()
        plant.watch_signals(self._terminal.name, self._hear)

    async def press_on_and_on(self) -> None:
        while True:
            await asyncio.sleep(self._dice.uniform(0.2, 0.7))
            self._clicked.clear()
            pressed = time.monotonic()
            self._terminal.board.press(Button.LANGUAGE)
            with suppress(TimeoutError):
                await asyncio.wait_for(self._clicked.wait(), ANSWER_S)
            self.answers_ms.append((time.monotonic() - pressed) * 1000)
            await asyncio.sleep(PRESS_S)
            self._terminal.board.release(Button.LANGUAGE)

    def _hear(self, signal: Signal) -> None:
        if signal.kind == "tone" and signal.value:
            self._clicked.set()


async def measure(heap: str, seed: int, count: int) -> tuple[Account, list[float]]:
    with tempfile.TemporaryDirectory() as folder:
        async with Plant(Path(folder), 1, heap=heap) as plant:
            finger = Finger(plant, random.Random(seed))
            pressing = asyncio.create_task(finger.press_on_and_on())
            account = await play(plant, customers(count, seed), Unseen())
            pressing.cancel()
            return account, finger.answers_ms


def main(seed: int = 1, count: int = len(SCRIPT)) -> None:
    """Example: python -m tools.bench.counter --seed 2"""
    print(f"seed {seed}, {count} customers")
    print(f"{'heap':>6}  {'what':<22} {'median':>8} {'95 %':>8} {'longest':>8} {'limit':>8}   ms")
    for heap in ("192K", "2M"):
        account, answers = asyncio.run(measure(heap, seed, count))
        row(heap, "button to answer", percentile(answers, 50), percentile(answers, 95), max(answers))
        row(heap, "loop gap", None, None, account.loop_gap_max_ms)
        on_screen = None if account.on_screen_p95_s is None else account.on_screen_p95_s * 1000
        row(heap, "card found to screen", None, on_screen, None)
        if not account.is_as_scripted:
            print(f"NOT AS SCRIPTED: {account.surprises}")


def row(heap: str, what: str, *values: float | None) -> None:
    cells = "".join(f"{'-' if value is None else round(value):>9}" for value in (*values, LIMITS[what]))
    print(f"{heap:>6}  {what:<22}{cells}", flush=True)


if __name__ == "__main__":
    typer.run(main)
