"""The board as a process on its host: nothing is left behind, and what is missing is named."""

import asyncio
import json
import os
import signal
import sys
from pathlib import Path

import pytest

from tests.emulated.board_bench import BUSY, LIMIT_S, board_with, booted, mpremote, play, said, until
from tools.emulator import interpreter
from tools.emulator.board import Board
from tools.emulator.errors import BoardError, InterpreterMissing
from tools.emulator.flash import build_image

CLI = (sys.executable, "-c", "from tools.emulator.cli import app; app()", "terminal", "--json", "--dir")


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_stop_leaves_no_process_and_no_link(tmp_path: Path) -> None:
    async def story() -> None:
        link = tmp_path / "port"
        board = board_with(tmp_path, {"main.py": b"while True: pass\n"}, link=link)
        await board.start()
        pid = board.pid
        assert pid is not None
        assert str(link.readlink()) == board.port
        await board.stop()
        assert not is_alive(pid)
        assert not link.is_symlink()
        assert not Path(f"/proc/{pid}").exists()  # reaped, too

    play(story())


def test_stop_of_a_sleeping_board_keeps_it_off(tmp_path: Path) -> None:
    async def story() -> None:
        board = board_with(tmp_path, {"main.py": b"import machine\nmachine.deepsleep(100)\n"})
        await board.start()
        await until(lambda: board.pid is None, "the board asleep")
        await board.stop()
        with pytest.raises(BoardError, match="stopped"):
            await board.wait_boot(2)

    play(story())


def test_interpreter_that_is_gone_at_a_reset_is_named_to_whoever_waits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def story() -> None:
        async with board_with(tmp_path, {"main.py": BUSY}) as board:
            monkeypatch.setenv("MICROPYTHON", str(tmp_path / "absent"))
            open_files = len(list(Path("/dev/fd").iterdir()))
            board.kill()
            with pytest.raises(InterpreterMissing):
                await board.wait_boot(2)
            assert len(list(Path("/dev/fd").iterdir())) <= open_files, "the files of the start that failed are closed"

    play(story())


def test_program_that_ignores_ctrl_c_is_interrupted_by_the_next_one(tmp_path: Path) -> None:
    main = b"""
import time
for turn in range(2):
    try:
        print("turn", turn)
        while True: time.sleep_ms(10)
    except KeyboardInterrupt:
        print("caught", turn)
"""

    async def story() -> None:
        async with board_with(tmp_path, {"main.py": main}) as board:
            await said(board, "turn 0\r\n")
            with Path(board.port).open("wb", buffering=0) as port:
                port.write(b"\x03")
                await said(board, "turn 1\r\n")
                await asyncio.sleep(0.6)  # after which a second Ctrl-C counts as one, and not as an echo of the first
                port.write(b"\x03")
                await said(board, ">>> ")
            assert board.boots == ["power-on"]

    play(story())


def test_firmware_that_nobody_listens_to_is_not_held_up(tmp_path: Path) -> None:
    main = b"for i in range(30000): print('chatter', i)\nimport machine\nmachine.reset()\n"

    async def story() -> None:
        async with board_with(tmp_path, {"main.py": main}) as board:
            await booted(board, 2)
            assert "main.py" in await mpremote(board, "fs", "ls")

    play(story())


def test_interpreter_that_dies_at_once_is_told_with_its_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "micropython"
    program.write_text("#!/bin/sh\necho no such option\nexit 3\n")
    program.chmod(0o755)
    monkeypatch.setenv("MICROPYTHON", str(program))

    async def story() -> None:
        with pytest.raises(BoardError, match="status 3: no such option"):
            await board_with(tmp_path, {}).start()

    play(story())


def test_missing_interpreter_is_named_with_the_way_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(interpreter.importlib.util, "find_spec", lambda name: None)

    async def story() -> None:
        with pytest.raises(InterpreterMissing, match="MICROPYTHON"):
            await board_with(tmp_path, {}).start()
        monkeypatch.setenv("MICROPYTHON", str(tmp_path / "absent"))
        with pytest.raises(InterpreterMissing, match="absent"):
            await board_with(tmp_path, {}).start()

    play(story())


def test_own_interpreter_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "micropython"
    program.write_text(
        f"#!{sys.executable}\nimport sys\nfrom micropython_unix import run_main\nprint('my own')\n"
        "sys.stdout.flush()\nsys.exit(run_main(sys.argv))\n"
    )
    program.chmod(0o755)
    monkeypatch.setenv("MICROPYTHON", str(program))

    async def story() -> None:
        async with board_with(tmp_path, {"main.py": BUSY}) as board:
            await said(board, "busy")
            assert "my own" in board.console
            assert "main.py" in await mpremote(board, "fs", "ls")

    play(story())


async def start_cli(folder: Path) -> tuple[asyncio.subprocess.Process, dict[str, str]]:
    process = await asyncio.create_subprocess_exec(
        *CLI, str(folder), stdout=asyncio.subprocess.PIPE, cwd=Path(__file__).parents[2]
    )
    assert process.stdout is not None
    line = await asyncio.wait_for(process.stdout.readline(), LIMIT_S)
    return process, json.loads(line)


def interpreters_of(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_interpreter_ends_with_its_supervisor(tmp_path: Path, how: signal.Signals) -> None:
    build_image(tmp_path / "flash.img", {"main.py": b"while True: pass\n"})

    async def story() -> None:
        process, news = await start_cli(tmp_path)
        assert Path(news["port"]).is_char_device()
        (child,) = interpreters_of(process.pid)
        process.send_signal(how)
        status = await asyncio.wait_for(process.wait(), LIMIT_S)
        assert status == (-how if how == signal.SIGKILL else 0)
        await until(lambda: not is_alive(child), "the interpreter's end")

    play(story())


def test_cli_makes_an_image_with_the_firmware_and_tells_boots(tmp_path: Path) -> None:
    async def story() -> None:
        process, news = await start_cli(tmp_path / "new")
        assert process.stdout is not None
        assert json.loads(await process.stdout.readline()) == {"boot": "power-on"}
        listing = asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "mpremote", "connect", news["port"], "fs", "ls", ":/rom/terminal"),
            stdout=asyncio.subprocess.PIPE,
        )
        output, _ = await asyncio.wait_for((await listing).communicate(), LIMIT_S)
        assert b"session.mpy" in output
        process.terminate()
        await asyncio.wait_for(process.wait(), LIMIT_S)

    play(story())


def test_board_needs_its_start_before_its_port(tmp_path: Path) -> None:
    with pytest.raises(BoardError, match="not running"):
        _ = Board(tmp_path / "flash.img").port
