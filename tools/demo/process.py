"""A part of the demo that is a process of its own, and is started again when it dies, as a service manager would do."""

import asyncio
import ctypes
import json
import random
import signal
import socket
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from host_agent.errors import ShimingError

READY_S = 30
STOP_S = 15
RESTART_S = 0.2
PROBE_S = 0.05
SERVER_PORTS = range(20_000, 32_000)

_claims: list[socket.socket] = []  # held until the end
_LIBC = ctypes.CDLL(None)
_PR_SET_PDEATHSIG = 1  # linux/prctl.h


class PartFailed(ShimingError):
    code = "part-failed"


class Process:
    """Ready when `port` answers; without a port, when the first line on standard output says so in JSON."""

    def __init__(
        self,
        name: str,
        argv: Sequence[str],
        log: Path,
        *,
        port: int | None = None,
    ) -> None:
        self.name = name
        self._argv = argv
        self._log = log
        self._port = port
        self._process: asyncio.subprocess.Process | None = None
        self._keeper: asyncio.Task[None] | None = None
        self._ready = asyncio.Event()
        self._failure: str | None = None

    @property
    def pid(self) -> int | None:
        """None while it is down."""
        process = self._process
        return process.pid if process and process.returncode is None else None

    async def start(self) -> None:
        self._keeper = asyncio.create_task(self._keep(), name=self.name)
        await self.ready()

    async def ready(self) -> None:
        """Until it serves. Raises PartFailed with where its words are."""
        try:
            async with asyncio.timeout(READY_S):
                await self._ready.wait()
        except TimeoutError:
            raise PartFailed(f"{self.name} did not come up within {READY_S} s, see {self._log}") from None
        self._check()

    async def watch(self) -> None:
        """Until it is down for good: stopped, or raises PartFailed when it cannot be started again."""
        if self._keeper is not None:
            await asyncio.wait([self._keeper])
        self._check()

    def kill(self) -> None:
        """SIGKILL; it comes back."""
        if self._process and self._process.returncode is None:
            self._process.kill()

    async def stop(self) -> None:
        if self._keeper is None:
            return
        self._keeper.cancel()
        await asyncio.wait([self._keeper])
        self._ready.clear()
        process = self._process
        if process is None or process.returncode is not None:
            return
        process.send_signal(signal.SIGTERM)
        try:
            await asyncio.wait_for(process.wait(), STOP_S)
        except TimeoutError:
            process.kill()
            await process.wait()

    def _check(self) -> None:
        if self._failure:
            raise PartFailed(f"{self.name} {self._failure}, see {self._log}")

    async def _keep(self) -> None:
        """Until it fails: by itself, before it serves. Killed, at whatever moment, it is started again."""
        while True:
            try:
                process = self._process = await self._spawn()
            except OSError as error:
                self._failure = f"cannot be started ({error.strerror})"
                break
            if await self._serves(process):
                self._ready.set()
                assert process.stdout is not None
                await process.stdout.read()  # nothing more is expected there, and nothing may block it
                await process.wait()
                self._ready.clear()
            elif (status := await process.wait()) >= 0:
                self._failure = f"ended with status {status}"
                break
            await asyncio.sleep(RESTART_S)
        self._ready.set()  # whoever waits for it finds the failure

    async def _spawn(self) -> asyncio.subprocess.Process:
        with self._log.open("ab") as log:
            return await asyncio.create_subprocess_exec(
                *self._argv,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=log,
                process_group=0,  # Ctrl-C is for the demo, which then stops its parts in order
                preexec_fn=_die_with_parent,
            )

    async def _serves(self, process: asyncio.subprocess.Process) -> bool:
        """False when it ended before it served."""
        if self._port is None:
            assert process.stdout is not None
            return _is_ready_line(await process.stdout.readline())
        while process.returncode is None:
            if await _answers(self._port):
                return True
            await asyncio.sleep(PROBE_S)
        return False


def free_ports(count: int) -> list[int]:
    """On loopback; free now, and nobody else's until this process ends.

    Below the ports that the system gives to outgoing connections: one of those could take a server's place while it is
    being started, or started again. Other processes that ask here are kept off by a UDP socket on the same number.
    """
    found: list[int] = []
    for port in random.sample(SERVER_PORTS, len(SERVER_PORTS)):
        if len(found) == count:
            return found
        claim = socket.socket(type=socket.SOCK_DGRAM)
        try:
            claim.bind(("127.0.0.1", port))
            with socket.socket() as probe:
                probe.bind(("127.0.0.1", port))
        except OSError:
            claim.close()
            continue
        _claims.append(claim)
        found.append(port)
    raise PartFailed("no free port on this machine")


def _is_ready_line(line: bytes) -> bool:
    try:
        said: Any = json.loads(line)
    except ValueError:
        return False
    return isinstance(said, dict) and bool(said.get("ready"))


async def _answers(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.close()
    return True


def _die_with_parent() -> None:
    """SIGKILL to this process when the demo is gone, however it went. Between fork and exec: one system call only."""
    if sys.platform == "linux":
        _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
