"""What people at the counter do and see: buttons, screen, a reader that needs help. Whole terminals, real parts."""

import asyncio
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

from tests.emulated.board_bench import until
from tools.demo.gallery import Gallery
from tools.demo.plant import Plant, Terminal
from tools.demo.run import play
from tools.demo.script import SCRIPT, customers
from tools.demo.view import Unseen
from tools.emulator import people
from tools.emulator.board import Board, Button, PanelEvent, Signal

DEADLINE_S = 120
ANSWER_BYTES = 600  # of 1295: the reading is under way


def story(steps: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(steps, DEADLINE_S))


class Watcher:
    """What one terminal has told so far."""

    def __init__(self, plant: Plant) -> None:
        self.events: list[PanelEvent] = []
        plant.watch_panel("terminal-1", self.events.append)

    async def sees(self, state: str, code: str | None = None) -> None:
        await until(lambda: (state, code) in [(event.state, event.code) for event in self.events], f"{state} {code}")


async def press(board: Board, button: Button) -> None:
    board.press(button)
    await asyncio.sleep(0.1)
    board.release(button)


async def settled_screen(board: Board) -> bytes:
    """Once it has not changed for a while."""
    before, same = b"", 0
    while same < 4:
        now = board.screen()
        same = same + 1 if now == before else 0
        before = now
        await asyncio.sleep(0.05)
    return before


def test_cancel_in_the_middle_of_a_reading_ends_it_and_the_next_customer_is_served(tmp_path: Path) -> None:
    async def steps() -> None:
        async with Plant(tmp_path, 1) as plant:
            terminal, watcher = plant.terminals[0], Watcher(plant)
            person = people.deck(1, 1)[0]
            await plant.place_order("cancel-1", terminal.name, "17000000001")
            await watcher.sees("ready")
            terminal.reader.place(people.card(person))
            await watcher.sees("reading")
            await press(terminal.board, Button.CANCEL)
            await watcher.sees("refused", "cancelled")
            assert "read" not in [event.state for event in watcher.events], "the card had been read before"
            terminal.reader.lift()
            await ended(plant, "cancel-1", ("refused", "cancelled"))
            account = await play(plant, customers(2, seed=3), Unseen())
            assert account.surprises == ()

    story(steps())


async def ended(plant: Plant, order_id: str, outcome: tuple[str, str | None]) -> None:
    async with asyncio.timeout(DEADLINE_S):
        while True:
            state = await plant.order_state(order_id)
            if state is not None and (state["state"], state["code"]) == outcome:
                return
            await asyncio.sleep(0.1)


def test_language_button_changes_the_words_and_back(tmp_path: Path) -> None:
    async def steps() -> None:
        async with Plant(tmp_path, 1) as plant:
            board, watcher = plant.terminals[0].board, Watcher(plant)
            await watcher.sees("online")
            chinese = await settled_screen(board)
            await press(board, Button.LANGUAGE)
            english = await settled_screen(board)
            await press(board, Button.LANGUAGE)
            assert english != chinese
            assert await settled_screen(board) == chinese

    story(steps())


def test_nothing_of_the_customer_stays_on_the_screen(tmp_path: Path) -> None:
    async def steps() -> None:
        async with Plant(tmp_path, 1) as plant:
            board, watcher = plant.terminals[0].board, Watcher(plant)
            await watcher.sees("online")
            await watcher.sees("clock")
            pictures: list[bytes] = []
            watching = asyncio.create_task(collect(board, pictures))
            await play(plant, customers(1, seed=5), Unseen())
            await until(lambda: pictures.count(pictures[-1]) > 1 and pictures[-1] != pictures[0], "the last scene")
            await press(board, Button.START)  # no need to wait until the result has been on long enough
            after = await settled_screen(board)
            watching.cancel()
            again = await idle_screen(board)
            assert after == again

    story(steps())


async def collect(board: Board, pictures: list[bytes]) -> None:
    while True:
        pictures.append(board.screen())
        await asyncio.sleep(0.02)


async def idle_screen(board: Board) -> bytes:
    """As it looks to somebody who comes in: English and back paints everything anew."""
    await press(board, Button.LANGUAGE)
    await settled_screen(board)
    await press(board, Button.LANGUAGE)
    return await settled_screen(board)


def test_a_module_at_another_rate_is_found(tmp_path: Path) -> None:
    async def steps() -> None:
        async with Plant(tmp_path, 1) as plant:
            terminal = plant.terminals[0]
            terminal.reader.baud = 19200
            terminal.board.kill()
            account = await play(plant, customers(1, seed=6), Unseen())
            assert account.surprises == ()
            assert terminal.board.reader_baud == 19200

    story(steps())


def test_a_module_that_hangs_is_switched_off_and_on(tmp_path: Path) -> None:
    async def steps() -> None:
        async with Plant(tmp_path, 1) as plant:
            terminal = plant.terminals[0]
            signals: list[Signal] = []
            plant.watch_signals(terminal.name, signals.append)
            await started(terminal)
            terminal.reader.hang()
            account = await play(plant, customers(1, seed=7), Unseen())
            assert account.surprises == ()
            assert [s.value for s in signals if s.kind == "reader-power"] == [0, 1]

    story(steps())


async def started(terminal: Terminal) -> None:
    await until(lambda: len(terminal.server.log) >= 3, "the reader's status and SAM-ID")


def test_twelve_customers_bring_every_document_and_every_fault_and_the_screens_are_kept(tmp_path: Path) -> None:
    async def steps() -> None:
        gallery = Gallery(tmp_path / "screens")
        async with Plant(tmp_path, 1) as plant:
            account = await play(plant, customers(len(SCRIPT), seed=8), Unseen(), gallery, look_s=0.3)
        assert account.surprises == ()
        assert account.refused == {"cancelled": 1, "card-expired": 1, "card-unsupported": 1, "number-invalid": 1}
        kept = sorted((tmp_path / "screens").glob("terminal-1-*.png"))
        assert len(kept) == gallery.pictures
        assert len({path.read_bytes() for path in kept}) > len(SCRIPT)  # ready, reading, read, refusals, results
        assert "terminal-1.png" in gallery.page.read_text()

    story(steps())
