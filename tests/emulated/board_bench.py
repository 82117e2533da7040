"""What the board tests share: a board with files on it, mpremote with a time limit, waiting for a condition."""

import asyncio
import sys
from collections.abc import Awaitable, Callable, Coroutine
from pathlib import Path
from typing import Any

from tools.emulator.board import Board
from tools.emulator.flash import build_image

LIMIT_S = 20  # against hanging only

# A firmware that never ends by itself, as the terminal's does
BUSY = b"""
import asyncio

async def tick():
    while True:
        await asyncio.sleep_ms(10)

print("busy")
asyncio.run(tick())
"""


def play(story: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(story, LIMIT_S * 3))


def board_with(folder: Path, files: dict[str, bytes], **options: Any) -> Board:
    image = folder / "flash.img"
    build_image(image, files)
    return Board(image, **options)


async def until(is_true: Callable[[], object], what: str) -> None:
    """Waits for a condition of this process; `what` says in a failure what never came."""

    async def poll() -> None:
        while not is_true():
            await asyncio.sleep(0.005)

    await _limited(poll(), what)


async def said(board: Board, words: str) -> None:
    try:
        await until(lambda: words in board.console, words)
    except AssertionError as error:
        raise AssertionError(f"{error}; the console says:\n{board.console}") from None


async def booted(board: Board, count: int) -> None:
    await _limited(board.wait_boot(count), f"boot {count} after {board.boots}")


async def mpremote(board: Board, *arguments: str, fails: bool = False) -> str:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "mpremote", "connect", board.port, *arguments),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        output, _ = await asyncio.wait_for(process.communicate(), LIMIT_S)
    except TimeoutError:
        process.kill()
        await process.wait()
        raise AssertionError(f"mpremote {arguments} hangs; the console says:\n{board.console}") from None
    assert bool(process.returncode) == fails, output.decode()
    return output.decode()


async def _limited(awaitable: Awaitable[None], what: str) -> None:
    try:
        await asyncio.wait_for(awaitable, LIMIT_S)
    except TimeoutError:
        raise AssertionError(f"never came: {what}") from None


async def mpremote_reset(board: Board, *before: str) -> None:
    """`mpremote ... reset`, and the boot that follows: mpremote is gone before the board is, and the next one would
    talk to a board that goes down under it, and wait for ever."""
    resets = board.boots.count("hard")
    await mpremote(board, *before, "reset")
    await until(lambda: board.boots.count("hard") > resets, "the boot after the reset")
