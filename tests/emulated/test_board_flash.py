"""The flash image under power cuts and restarts, and what happens to one that holds no file system."""

import asyncio
import hashlib
import os
import random
from pathlib import Path

import pytest

from tests.emulated.board_bench import BUSY, board_with, booted, mpremote, mpremote_reset, play, said, until
from tools.emulator.board import Board
from tools.emulator.errors import FlashInvalid
from tools.emulator.flash import build_blank, build_image, read_files

CUTS = 20
TORN = 12

# Counts in a file that is written new and renamed, and in a log that is appended to. A line of the log is
# "counter digest", so that a torn one shows.
WRITER = b"""
import hashlib, os

def digest(count):
    return hashlib.sha256(str(count).encode()).digest().hex()

count = int(open("/count").read()) if "count" in os.listdir("/") else 0
print("starts at", count)
log = open("/log", "a")
while True:
    count += 1
    log.write("%d %s\\n" % (count, digest(count)))
    log.flush()
    with open("/count.new", "w") as file:
        file.write(str(count))
    os.rename("/count.new", "/count")
    if count % 400 == 0:
        log.close()
        log = open("/log", "w")
"""


def test_twenty_power_cuts_while_writing_leave_the_files_whole(tmp_path: Path) -> None:
    seed = random.randrange(2**32)
    print("seed", seed)
    rng = random.Random(seed)

    async def story() -> None:
        async with board_with(tmp_path, {"main.py": WRITER}) as board:
            for cut in range(1, CUTS + 1):
                await asyncio.sleep(rng.uniform(0, 0.1))  # the moment of the cut, not a condition
                board.kill()
                await booted(board, cut + 1)
            await until(lambda: board.console.count("starts at") >= CUTS // 2, "writers that started")
            assert board.boots == ["power-on"] * (CUTS + 1)
        files = read_files(tmp_path / "flash.img")
        count = int(files["count"])
        assert count > 0
        logged = [line.split() for line in files["log"].decode().splitlines()]
        for number, digest in logged:
            assert digest == hashlib.sha256(number.encode()).hexdigest()
        # the log is flushed before the counter is renamed: it is never behind, and at most one ahead
        numbers = [int(number) for number, _ in logged]
        assert not numbers or numbers[-1] - count in (0, 1)

    play(story())


def test_power_cuts_in_the_middle_of_a_write_leave_the_files_whole(tmp_path: Path) -> None:
    seed = random.randrange(2**32)
    print("seed", seed)
    rng = random.Random(seed)

    async def story() -> None:
        async with board_with(tmp_path, {"main.py": WRITER}) as board:
            for _ in range(TORN):
                boots = len(board.boots)
                board.cut_power_at(rng.randrange(2, 60), rng.randrange(1001), rng.randrange(256))
                await booted(board, boots + 2)  # the one that is cut off, and the one after it
            assert board.boots == ["power-on"] * (2 * TORN + 1)
            await mpremote(board, "exec", "pass")  # the writer is stopped
        files = read_files(tmp_path / "flash.img")
        logged = [line.split() for line in files["log"].decode().splitlines()]
        assert logged
        for number, digest in logged:
            assert digest == hashlib.sha256(number.encode()).hexdigest()
        assert int(logged[-1][0]) - int(files["count"]) in (0, 1)

    play(story())


def test_image_survives_a_restart_of_the_supervisor(tmp_path: Path) -> None:
    async def write() -> None:
        async with board_with(tmp_path, {"main.py": BUSY}) as board:
            await mpremote(board, "exec", "with open('/kept', 'w') as file: file.write('kept')")

    async def read() -> None:
        async with Board(tmp_path / "flash.img") as board:
            assert "kept" in await mpremote(board, "exec", "print(open('/kept').read())")

    play(write())
    play(read())


def test_factory_blank_flash_is_formatted_once(tmp_path: Path) -> None:
    image = tmp_path / "flash.img"
    build_blank(image)

    async def story() -> None:
        async with Board(image) as board:
            assert await mpremote(board, "exec", "import os; print(os.listdir())") == "[]\n"
            await mpremote(board, "exec", "open('/kept', 'w').close()")
            await mpremote_reset(board)
            assert await mpremote(board, "exec", "import os; print(os.listdir())") == "['kept']\n"

    play(story())


@pytest.mark.parametrize("content", [b"\xff" * 2**20, b"\x00" * 2**20, random.Random(1).randbytes(2**20)])
def test_flash_without_file_system_or_mark_is_refused_and_left_alone(tmp_path: Path, content: bytes) -> None:
    image = tmp_path / "flash.img"
    image.write_bytes(content)

    async def story() -> None:
        with pytest.raises(FlashInvalid, match="no factory mark"):
            await Board(image).start()

    play(story())
    assert image.read_bytes() == content


def test_image_that_stops_mounting_later_is_told_and_left_alone(tmp_path: Path) -> None:
    image = tmp_path / "flash.img"
    ruined = b"\x00" * 2**20

    async def story() -> None:
        build_image(image, {}, size_bytes=2**20)
        async with Board(image) as board:
            with image.open("r+b") as file:
                file.write(ruined)
            board.kill()
            with pytest.raises(FlashInvalid):
                await board.wait_boot(2)

    play(story())
    assert image.read_bytes() == ruined


def test_missing_image_is_named(tmp_path: Path) -> None:
    async def story() -> None:
        with pytest.raises(FlashInvalid, match=r"flash\.img"):
            await Board(tmp_path / "flash.img").start()

    play(story())


def test_second_board_on_the_same_image_is_refused(tmp_path: Path) -> None:
    async def story() -> None:
        async with board_with(tmp_path, {"main.py": BUSY}) as board:
            with pytest.raises(FlashInvalid, match="another board"):
                await Board(tmp_path / "flash.img").start()
            await said(board, "busy")
            os.kill(board.pid or 0, 0)  # the first one is still there
        async with Board(tmp_path / "flash.img"):
            pass  # and when it is off, the image is free

    play(story())


def test_two_boards_at_once_are_two_boards(tmp_path: Path) -> None:
    ask = "import machine, os; print(machine.unique_id().hex(), os.listdir())"

    async def story() -> None:
        for name in ("one", "two"):
            build_image(tmp_path / name, {f"{name}.txt": b""})
        async with Board(tmp_path / "one") as one, Board(tmp_path / "two") as two:
            answers = await asyncio.gather(mpremote(one, "exec", ask), mpremote(two, "exec", ask))
            assert "['one.txt']" in answers[0]
            assert "['two.txt']" in answers[1]
            assert answers[0].split()[0] != answers[1].split()[0]
            one.kill()
            await booted(one, len(one.boots) + 1)
            assert "power-on" not in two.boots[1:]

    play(story())
