"""Why a board boots: power, resets, sleep, and the watchdog that also catches a hard hang."""

import os
import signal
from pathlib import Path

from tests.emulated.board_bench import BUSY, board_with, booted, mpremote, play, said, until

TELL = b"import machine, os\nprint('cause', machine.reset_cause(), os.getenv('SHIMING_RESET_CAUSE'))\n"


def test_power_cut_boots_as_power_on_whoever_killed_it(tmp_path: Path) -> None:
    async def story() -> None:
        async with board_with(tmp_path, {"main.py": TELL + BUSY}) as board:
            await said(board, "cause 1 power-on")
            board.kill()
            await until(lambda: board.console.count("cause 1 power-on") == 2, "the second power-on")
            assert board.pid is not None
            os.kill(board.pid, signal.SIGKILL)
            await until(lambda: board.console.count("cause 1 power-on") == 3, "the third power-on")
            assert board.boots == ["power-on"] * 3

    play(story())


def test_machine_reset_boots_as_hard(tmp_path: Path) -> None:
    main = TELL + b"if machine.reset_cause() == machine.PWRON_RESET: machine.reset()\n"

    async def story() -> None:
        async with board_with(tmp_path, {"main.py": main}) as board:
            await said(board, "cause 2 hard")
            assert board.boots == ["power-on", "hard"]

    play(story())


def test_soft_reset_and_sys_exit_run_main_again(tmp_path: Path) -> None:
    main = TELL + (
        b"import sys\n"
        b"count = len(open('/count').read()) if 'count' in os.listdir() else 0\n"
        b"with open('/count', 'w') as file: file.write('x' * (count + 1))\n"
        b"if count == 0: machine.soft_reset()\n"
        b"if count == 1: sys.exit()\n"
        b"print('third')\n"
    )

    async def story() -> None:
        async with board_with(tmp_path, {"main.py": main}) as board:
            await said(board, "third")
            assert board.boots == ["power-on", "soft", "soft"]
            assert board.console.count("MPY: soft reboot\r\n") == 2

    play(story())


def test_deepsleep_is_off_and_wakes_by_itself(tmp_path: Path) -> None:
    main = TELL + b"if machine.reset_cause() != machine.DEEPSLEEP_RESET: machine.deepsleep(300)\n"

    async def story() -> None:
        async with board_with(tmp_path, {"main.py": main}) as board:
            await until(lambda: board.pid is None, "the board asleep")
            await said(board, "cause 4 deepsleep")
            assert board.boots == ["power-on", "deepsleep"]

    play(story())


def test_deepsleep_for_ever_ends_with_the_power(tmp_path: Path) -> None:
    async def story() -> None:
        async with board_with(tmp_path, {"main.py": b"import machine\nmachine.deepsleep()\n"}) as board:
            await until(lambda: board.pid is None, "the board asleep")
            board.kill()
            await booted(board, 2)
            assert board.boots == ["power-on", "power-on"]

    play(story())


def test_watchdog_catches_a_hang_after_feeding_ended(tmp_path: Path) -> None:
    main = TELL + (
        b"import time\n"
        b"if machine.reset_cause() == machine.PWRON_RESET:\n"
        b"    dog = machine.WDT(timeout=1000)\n"
        b"    for i in range(12):\n"
        b"        time.sleep_ms(100)\n"
        b"        dog.feed()\n"
        b"    print('fed for longer than the deadline')\n"
        b"    while True: pass\n"
    )

    async def story() -> None:
        async with board_with(tmp_path, {"main.py": main}) as board:
            await said(board, "cause 3 watchdog")
            assert "fed for longer than the deadline" in board.console
            assert board.boots == ["power-on", "watchdog"]

    play(story())


def test_watchdog_runs_on_through_a_soft_reset(tmp_path: Path) -> None:
    main = TELL + (
        b"if machine.reset_cause() == machine.PWRON_RESET:\n    machine.WDT(timeout=500)\n    machine.soft_reset()\n"
    )

    async def story() -> None:
        async with board_with(tmp_path, {"main.py": main}) as board:
            await said(board, "cause 3 watchdog")
            assert board.boots == ["power-on", "soft", "watchdog"]

    play(story())


def test_released_watchdog_leaves_the_technician_alone(tmp_path: Path) -> None:
    main = (
        b"import asyncio\nfrom boards.emulated import hw\n"
        b"hardware = hw.build()\n"
        b"async def run():\n"
        b"    hardware.watchdog.start(1000)\n"
        b"    while True:\n"
        b"        hardware.watchdog.feed()\n"
        b"        await asyncio.sleep_ms(20)\n"
        b"try:\n    print('runs')\n    asyncio.run(run())\n"
        b"except KeyboardInterrupt:\n    hardware.watchdog.release()\n    raise\n"
    )
    hw = Path(__file__).parents[2] / "firmware" / "boards" / "emulated" / "hw.py"
    files = {"main.py": main, "boards/emulated/hw.py": hw.read_bytes()}

    async def story() -> None:
        async with board_with(tmp_path, files) as board:
            await said(board, "runs")
            longer_than_the_deadline = "import time; time.sleep_ms(900); print('left alone')"
            assert await mpremote(board, "exec", longer_than_the_deadline) == "left alone\n"
            assert "watchdog" not in board.boots

    play(story())
