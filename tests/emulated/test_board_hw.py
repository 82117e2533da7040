"""What boards/emulated/hw.py gives the terminal, asked on the board itself."""

import asyncio
import time
from pathlib import Path

import pytest

from host_agent.errors import ConfigError
from tests.emulated.board_bench import board_with, play, said, until
from tools.emulator.board import Button, PanelEvent, bytes_of

HW = (Path(__file__).parents[2] / "firmware" / "boards" / "emulated" / "hw.py").read_bytes()


def files(main: str) -> dict[str, bytes]:
    head = "import asyncio\nimport hw\nhardware = hw.build()\n"
    return {"hw.py": HW, "main.py": (head + main).encode()}


def test_board_tells_who_it_is_why_it_booted_and_the_time(tmp_path: Path) -> None:
    main = """
clock = hardware.clock
print("is", hardware.board, hardware.boot_cause, hardware.unique_id.hex(), hardware.root)
print("now", clock.now(), clock.source, clock.now() is not None and type(clock.now()) is int)
clock.set(1_000_000_000, 4)
print("set", clock.now() - 1_000_000_000 in (0, 1), clock.source)
print("random", len(hardware.random(16)), hardware.random(16) != hardware.random(16))
asyncio.run(hardware.network_up())
"""

    async def story() -> None:
        env = {"SHIMING_UNIQUE_ID": "0011223344556677"}
        before = int(time.time())
        async with board_with(tmp_path, files(main), env=env) as board:
            await said(board, "random 16 True")
            assert "is emulated power-on 0011223344556677 /" in board.console
            now = int(board.console.split("now ")[1].split()[0])
            assert before <= now <= int(time.time())
            assert f"now {now} 2 True" in board.console
            assert "set True 4" in board.console

    play(story())


def test_the_heap_is_the_firmwares_own(tmp_path: Path) -> None:
    main = b"import gc\ngc.collect()\nprint('free', gc.mem_free())"

    async def story() -> None:
        async with board_with(tmp_path, {"main.py": main}, heap="192K") as board:
            await said(board, "free ")
            free = int(board.console.split("free ")[1].split()[0])
            assert 184 * 1024 < free <= 192 * 1024

    play(story())


@pytest.mark.parametrize("size", ["", "192", "K", "0x10K", "-1K", "1G"])
def test_a_size_that_is_none_is_refused(size: str) -> None:
    with pytest.raises(ConfigError, match="no size of a heap"):
        bytes_of(size)


def test_clock_source_can_be_given(tmp_path: Path) -> None:
    async def story() -> None:
        env = {"SHIMING_CLOCK_SOURCE": "0"}
        async with board_with(tmp_path, files('print("source", hardware.clock.source)'), env=env) as board:
            await said(board, "source 0")

    play(story())


def test_clock_is_moved_from_outside_and_runs_on_through_a_power_cut(tmp_path: Path) -> None:
    main = """
import time
print("off", hardware.clock.now() - int(time.time()), "seconds")
while not hardware.buttons.held():
    pass
print("now off", hardware.clock.now() - int(time.time()), "seconds")
"""

    async def story() -> None:
        async with board_with(tmp_path, files(main), clock_s=-600) as board:
            await said(board, "off -600 seconds")
            board.clock_s = 3600
            board.press(Button.START)
            await said(board, "now off 3600 seconds")
            board.kill()
            await said(board, ">>> off 3600 seconds")

    play(story())


def test_free_bytes_fall_as_files_are_written(tmp_path: Path) -> None:
    main = """
before = hardware.free_bytes()
with open("/big", "wb") as file:
    file.write(bytes(40960))
print("used", before - hardware.free_bytes() >= 40960, before < 0x490000)
"""

    async def story() -> None:
        async with board_with(tmp_path, files(main)) as board:
            await said(board, "used True True")

    play(story())


def test_panel_events_arrive_in_order_with_their_values(tmp_path: Path) -> None:
    main = """
hardware.tell("ready", None, None)
hardware.tell("refused", "card-expired", 3)
hardware.tell("请放卡", None, None)
hardware.reset()
"""
    events: list[PanelEvent] = []

    async def story() -> None:
        async with board_with(tmp_path, files(main), on_panel=events.append) as board:
            await until(lambda: len(events) >= 3 and len(board.boots) >= 2, "three panel events and a reset")
            assert board.boots[1] == "hard"

    play(story())
    assert [(event.state, event.code, event.value) for event in events[:3]] == [
        ("ready", None, None),
        ("refused", "card-expired", 3),
        ("请放卡", None, None),
    ]
    assert events[0].at <= events[2].at


def test_firmware_runs_on_when_the_supervisor_does_not_listen(tmp_path: Path) -> None:
    main = """
import control
while not control.lost:
    hardware.tell("state", "code", 1)
print("lost some")
"""

    async def story() -> None:
        async with board_with(tmp_path, files(main)) as board:
            time.sleep(0.5)  # the supervisor's event loop stands still: the pipe fills up
            await said(board, "lost some")

    play(story())


READER = """
async def talk():
    stream = await hardware.open_reader(115200)
    stream.write(b"ping")
    await stream.drain()
    print("got", await stream.read(64))
    try:
        await stream.read(64)
    except OSError as error:
        print("gone", error.errno)
    try:
        stream.write(b"x")
    except OSError as error:
        print("still gone", error.errno)
    again = await hardware.open_reader(115200)
    again.write(b"pong")
    await again.drain()
    print("again", await again.read(64))

async def beside():
    ticks = 0
    while True:
        ticks += 1
        if ticks == 20:
            print("ticks go on")
        await asyncio.sleep_ms(5)

async def both():
    task = asyncio.create_task(beside())
    await talk()
    task.cancel()

asyncio.run(both())
"""


def test_reader_line_carries_bytes_and_opens_again_after_the_module_went(tmp_path: Path) -> None:
    received: list[bytes] = []

    async def module(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        received.append(await reader.read(64))
        await asyncio.sleep(0.2)  # its thinking time, in which the board's other task runs
        writer.write(b"\xaa\xaa" + received[-1])
        await writer.drain()
        writer.close()

    async def story() -> None:
        server = await asyncio.start_server(module, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        async with board_with(tmp_path, files(READER), reader_port=port) as board:
            await said(board, r"again b'\xaa\xaapong'")
            console = board.console
            assert r"got b'\xaa\xaaping'" in console
            assert "gone 5" in console
            assert "still gone 19" in console
            assert console.index("ticks go on") < console.index("got")
        server.close()

    play(story())
    assert received == [b"ping", b"pong"]


def test_missing_reader_module_is_an_oserror_at_opening(tmp_path: Path) -> None:
    main = """
async def talk():
    try:
        await hardware.open_reader(115200)
    except OSError as error:
        print("no module", error.errno)

asyncio.run(talk())
"""

    async def story() -> None:
        server = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        server.close()
        await server.wait_closed()
        async with board_with(tmp_path, files(main), reader_port=port) as board:
            await said(board, "no module 111")

    play(story())
