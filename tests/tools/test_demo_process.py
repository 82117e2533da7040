"""The demo's parts: started, killed, stopped, and what is said of one that cannot run."""

import asyncio
import socket
import subprocess
import sys
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import pytest

from tools.demo.process import SERVER_PORTS, PartFailed, Process, free_ports

READY = "print('{\"ready\": true}', flush=True)"
SERVES = f"import time; {READY}; time.sleep(600)"
DEADLINE_S = 20  # against hanging


def story(steps: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(steps, DEADLINE_S))


def part(folder: Path, program: str) -> Process:
    return Process("part", (sys.executable, "-c", program), folder / "part.log")


def test_killed_while_it_comes_up_it_comes_up_all_the_same(tmp_path: Path) -> None:
    # The first run serves, the second hangs before it does (and is killed there), the third serves.
    program = f"""
import pathlib, time
runs = pathlib.Path({str(tmp_path / "runs")!r})
runs.open("a").write("x")
if len(runs.read_text()) == 2:
    time.sleep(600)
{READY}
time.sleep(600)
"""

    async def steps() -> None:
        process = part(tmp_path, program)
        await process.start()
        process.kill()
        while (tmp_path / "runs").read_text() != "xx":
            await asyncio.sleep(0.01)
        process.kill()
        while (tmp_path / "runs").read_text() != "xxx":
            await asyncio.sleep(0.01)
        await process.ready()
        await process.stop()

    story(steps())


def test_program_that_cannot_be_started_fails_at_once(tmp_path: Path) -> None:
    async def steps() -> None:
        process = Process("part", (str(tmp_path / "absent"),), tmp_path / "part.log")
        with pytest.raises(PartFailed, match="part cannot be started"):
            await process.start()
        await process.stop()

    story(steps())


def test_part_that_ends_before_it_serves_fails_with_its_log(tmp_path: Path) -> None:
    async def steps() -> None:
        process = part(tmp_path, "raise SystemExit(3)")
        with pytest.raises(PartFailed, match=r"ended with status 3, see .*part\.log"):
            await process.start()
        await process.stop()

    story(steps())


def test_failure_after_a_restart_is_told_to_whoever_waits_for_it(tmp_path: Path) -> None:
    program = f"""
import pathlib, sys, time
mark = pathlib.Path({str(tmp_path / "mark")!r})
if mark.exists():
    sys.exit(4)
mark.touch()
{READY}
time.sleep(600)
"""

    async def steps() -> None:
        process = part(tmp_path, program)
        await process.start()
        watcher = asyncio.create_task(process.watch())
        process.kill()
        with pytest.raises(PartFailed, match="status 4"):
            await watcher
        await process.stop()

    story(steps())


def test_stop_in_the_pause_before_a_restart_starts_nothing(tmp_path: Path) -> None:
    async def steps() -> None:
        process = part(tmp_path, SERVES)
        await process.start()
        process.kill()
        await process.stop()
        before = process._process
        await asyncio.sleep(0.5)  # longer than the pause: nothing to wait for when nothing happens
        assert process._process is before
        assert before is not None and before.returncode is not None

    story(steps())


def test_free_ports_are_different_ones_and_free() -> None:
    ports = free_ports(50)
    assert len(set(ports)) == 50
    for port in ports:
        socket.create_server(("127.0.0.1", port)).close()


def test_free_ports_are_none_that_the_system_gives_to_connections() -> None:
    settings = Path("/proc/sys/net/ipv4/ip_local_port_range")
    if not settings.exists():
        pytest.skip("Linux tells its range, others do not")
    lowest = int(settings.read_text().split()[0])
    assert max(SERVER_PORTS) < lowest


def test_free_ports_of_another_process_are_others() -> None:
    found = free_ports(2)
    script = (
        "import sys; from tools.demo import process\n"
        "process.SERVER_PORTS = range(int(sys.argv[1]), int(sys.argv[1]) + 1)\n"
        "try: process.free_ports(1)\n"
        "except process.PartFailed: print('none')"
    )
    for port in found:
        asked = subprocess.run([sys.executable, "-c", script, str(port)], capture_output=True, text=True, check=True)
        assert asked.stdout == "none\n"
