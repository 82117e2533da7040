"""What the terminal's memory holds of a customer who has gone: nothing that the next one's session could reach.

MicroPython leaves what nobody refers to where it was, so the heap is filled again and again: what is still found in the
interpreter's memory then is in use.
"""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from terminal.masking import masked
from terminal.queue_record import fingerprint

from tests.emulated.board_bench import mpremote, mpremote_reset
from tools.demo.plant import Plant, Terminal
from tools.demo.player import Counter, Visit
from tools.demo.script import Customer, Plot, customers
from tools.emulator import people
from tools.emulator.board import Button, PanelEvent

DEADLINE_S = 120
SWEEPS = 30  # a customer's order is let go a moment after the screen is idle
PIECE_BYTES = 16  # of the photo

# main.py of the terminal, which also overwrites what nobody refers to; `swept` tells that it has.
SWEEPING = b"""
import asyncio
import gc

import hw
from terminal import app

hardware = hw.build()

def fill():
    chain = None
    size = 4096
    while size >= 8:
        try:
            while True:
                chain = (chain, bytearray(size))
        except MemoryError:
            size //= 2
    try:
        while True:
            chain = (chain, None)
    except MemoryError:
        pass

async def sweep():
    while True:
        await asyncio.sleep(0.3)
        gc.collect()
        fill()
        gc.collect()
        hardware.tell("swept", None, None)

async def both():
    asyncio.create_task(sweep())
    await app.run(hardware)

asyncio.run(both())
"""

pytestmark = pytest.mark.skipif(not Path("/proc/self/mem").exists(), reason="no /proc: the memory cannot be read")


def memory_of(pid: int) -> Iterator[bytes]:
    """All that it may write to, but for what it shares: the screen's page and the flash image."""
    with Path(f"/proc/{pid}/mem").open("rb", 0) as memory:
        for line in Path(f"/proc/{pid}/maps").read_text(encoding="ascii").splitlines():
            place, rights = line.split()[:2]
            if rights == "rw-p":
                start, end = (int(address, 16) for address in place.split("-"))
                memory.seek(start)
                yield memory.read(end - start)


def found_in(board_pid: int | None, needles: dict[str, list[bytes]]) -> list[str]:
    assert board_pid is not None
    regions = list(memory_of(board_pid))
    return [name for name, forms in needles.items() if any(form in region for form in forms for region in regions)]


def needles_of(customer: Customer) -> dict[str, list[bytes]]:
    """Whatever tells who it was, as the card has it and as the terminal does."""
    person = customer.person
    values = {"name": person.name, "number": person.number, "birth": person.birth, "address": person.address}
    photo = people.card(person).photo
    return {
        **{name: [value.encode(form) for form in ("utf-8", "utf-16-le")] for name, value in values.items()},
        "on the screen": [masked(person.name, person.number).encode()],
        "photo": [photo[at : at + PIECE_BYTES] for at in (100, 500, 1000)],
        "msisdn": [customer.msisdn.encode()],
    }


class Shop:
    def __init__(self, plant: Plant) -> None:
        self._plant = plant
        self._terminal: Terminal = plant.terminals[0]
        self._swept = asyncio.Event()

    async def serve(self, customer: Customer, *, cancels: bool = False) -> str | None:
        """The code of the refusal; afterwards nothing is left of the customer."""
        board, needles = self._terminal.board, needles_of(customer)
        counter = Counter(self._terminal, self._plant.order_state, lambda _: None)
        seen: list[str] = []

        def on_panel(event: PanelEvent) -> None:
            counter.on_panel(event)
            if event.state == "swept":
                self._swept.set()
            elif event.state == "reading" and cancels:
                board.press(Button.CANCEL)
            elif event.state == "read":
                seen.extend(found_in(board.pid, needles))

        self._plant.watch_panel(self._terminal.name, on_panel)
        visit = Visit(customer, self._terminal.name)
        await self._plant.place_order(customer.order_id, self._terminal.name, customer.msisdn)
        await counter.serve(visit)
        board.release(Button.CANCEL)
        assert cancels or {"name", "number", "photo", "msisdn"} <= set(seen), "the search itself does not work"
        left: list[str] = []
        for _ in range(SWEEPS):
            self._swept.clear()
            await self._swept.wait()
            if not (left := found_in(board.pid, needles)):
                break
        assert left == [], f"customer {customer.number} ({customer.plot})"
        assert found_in(board.pid, {"order": [fingerprint(customer.order_id)]}), (
            "the queue knows the orders it has had records of"
        )
        return visit.code


def test_nothing_of_a_customer_is_left_in_reach_after_any_end(tmp_path: Path) -> None:
    by_plot = {customer.plot: customer for customer in customers(12, seed=21)}
    (changes_their_mind,) = customers(1, seed=22)

    async def story() -> None:
        async with asyncio.timeout(DEADLINE_S), Plant(tmp_path, 1, heap="256K") as plant:
            board = plant.terminals[0].board
            (tmp_path / "main.py").write_bytes(SWEEPING)
            await mpremote(board, "fs", "cp", str(tmp_path / "main.py"), ":main.py")
            await mpremote_reset(board)
            shop = Shop(plant)
            assert await shop.serve(by_plot[Plot.PLAIN]) is None
            assert await shop.serve(by_plot[Plot.PULLED]) is None
            assert await shop.serve(changes_their_mind, cancels=True) == "cancelled"
            assert await shop.serve(by_plot[Plot.WRONG_DIGIT]) == "number-invalid"

    asyncio.run(story())
