"""The plant of scenario `chain`: a relay on every hop, and hands that break things when a message passes there."""

import asyncio
import contextlib
import resource
from collections import Counter
from collections.abc import Callable, Coroutine, Iterable
from functools import partial
from pathlib import Path
from typing import Any

from tools.demo.plant import QUICK, BrokerKind, Plant, Terminal
from tools.demo.process import Process
from tools.emulator import flash
from tools.torture import http_relay, mqtt_relay
from tools.torture.http_relay import HttpRelay
from tools.torture.mqtt_relay import MqttRelay
from tools.torture.plan import AGENT, MESSAGE_KINDS, REQUEST_KINDS, REQUESTS, TERMINALS, Fault, Kind, down, up

FILLER = "filler"
FREE_BLOCKS = 12  # at most so many are left of a full flash: half the time the terminal has no room for a customer
WRITES = 20  # a boot, its first words in the log, and one record take some fifteen programs and erases
BREATH_S = 0.05  # a part is killed up to so long after the message: in the middle of what it does about it
BROKER_MEMORY = "mosquitto/mosquitto.db"

MESSAGE_ACTS = {
    Kind.DROPPED: mqtt_relay.Act.DROP,
    Kind.DOUBLED: mqtt_relay.Act.DOUBLE,
    Kind.OVERTAKEN: mqtt_relay.Act.HOLD,
    Kind.DELAYED: mqtt_relay.Act.DELAY,
    Kind.CORRUPTED: mqtt_relay.Act.CORRUPT,
    Kind.DISCONNECTED: mqtt_relay.Act.CUT,
}
REQUEST_ACTS = {
    Kind.FAILED_BEFORE: http_relay.Act.FAIL_BEFORE,
    Kind.FAILED_AFTER: http_relay.Act.FAIL_AFTER,
    Kind.TIMED_OUT: http_relay.Act.HANG,
    Kind.ANSWER_LOST: http_relay.Act.LOSE_ANSWER,
    Kind.REQUEST_TWICE: http_relay.Act.TWICE,
    Kind.ANSWER_BROKEN: http_relay.Act.BREAK_ANSWER,
    Kind.ANSWER_DELAYED: http_relay.Act.DELAY,
}


class Umpire:
    """Counts what passes on each hop, and says which fault is due. A message bears one fault, the next one the next."""

    def __init__(self, strike: Callable[[Fault], None]) -> None:
        self._strike = strike
        self._due: list[Fault] = []
        self._seen: Counter[str] = Counter()
        self.played: Counter[Kind] = Counter()

    def begin(self, faults: Iterable[Fault]) -> None:
        self._due = list(faults)
        self._seen.clear()
        for fault in [fault for fault in self._due if fault.count == 0]:
            self._begin_one(fault)

    def end(self) -> None:
        """What has not come does not come any more."""
        self._due = []

    def judge(self, hop: str) -> Fault | None:
        """The fault of this message, if any; others that are due befall their parts meanwhile."""
        self._seen[hop] += 1
        mine: Fault | None = None
        for fault in [fault for fault in self._due if fault.hop == hop and fault.count <= self._seen[hop]]:
            if fault.kind not in (*MESSAGE_KINDS, *REQUEST_KINDS):
                self._begin_one(fault)
            elif mine is None:
                self._due.remove(fault)
                self.played[fault.kind] += 1
                mine = fault
        return mine

    def _begin_one(self, fault: Fault) -> None:
        self._due.remove(fault)
        self._strike(fault)


class ChainPlant(Plant):
    def __init__(self, folder: Path, broker: BrokerKind) -> None:
        super().__init__(folder, len(TERMINALS), broker=broker, pace=QUICK)
        self.umpire = Umpire(self._strike)
        self._relays: dict[str, MqttRelay] = {}
        self._http_relay: HttpRelay | None = None
        self._strikes: list[asyncio.Task[None]] = []  # of this run
        self._in_service: set[str] = set()
        self._is_over = asyncio.Event()

    async def stop(self) -> None:
        for strike in self._strikes:
            strike.cancel()
        await asyncio.gather(*self._strikes, return_exceptions=True)
        await super().stop()
        for relay in (*self._relays.values(), self._http_relay):
            if relay is not None:
                await relay.stop()

    def begin(self, faults: Iterable[Fault]) -> None:
        self._is_over.clear()
        self.umpire.begin(faults)

    async def end_faults(self) -> None:
        """Everything is in order again once this returns, and what was broken is on its way back."""
        self.umpire.end()
        self._is_over.set()
        strikes, self._strikes = self._strikes, []
        await asyncio.gather(*strikes)

    # --- relays

    async def _open_lines(self) -> None:
        for client in (*TERMINALS, AGENT):
            relay = MqttRelay(
                mqtt_relay.server_context(self.pki, "broker"),
                mqtt_relay.client_context(self.pki, client, self.folder),
                self.broker_port,
                partial(self._judge_message, up(client)),
                partial(self._judge_message, down(client)),
            )
            await relay.start()
            self._relays[client] = relay
        self._http_relay = HttpRelay(
            mqtt_relay.server_context(self.pki, "backend"),
            mqtt_relay.client_context(self.pki, AGENT, self.folder),
            self.backend_port,
            self._judge_request,
        )
        await self._http_relay.start()

    def broker_port_for(self, client: str) -> int:
        return self._relays[client].port

    def backend_port_for_agent(self) -> int:
        assert self._http_relay is not None
        return self._http_relay.port

    def _judge_message(self, hop: str, packet: bytes) -> mqtt_relay.Fate | None:
        del packet
        fault = self.umpire.judge(hop)
        if fault is None:
            return None
        return mqtt_relay.Fate(MESSAGE_ACTS[fault.kind], fault.where, fault.size, fault.lasts_s)

    def _judge_request(self) -> http_relay.Fate | None:
        fault = self.umpire.judge(REQUESTS)
        if fault is None:
            return None
        return http_relay.Fate(REQUEST_ACTS[fault.kind], fault.where, fault.size, fault.lasts_s)

    # --- what befalls a part

    def _strike(self, fault: Fault) -> None:
        self._strikes.append(asyncio.get_running_loop().create_task(self._play(fault), name=fault.kind))

    async def _play(self, fault: Fault) -> None:
        if await self._befall(fault):
            self.umpire.played[fault.kind] += 1

    def _befall(self, fault: Fault) -> Coroutine[Any, Any, bool]:
        """Whether it has come."""
        match fault.kind:
            case Kind.AGENT_KILLED:
                return self._kill(self.agent, fault)
            case Kind.BACKEND_KILLED:
                return self._kill(self.backend, fault)
            case Kind.BROKER_KILLED | Kind.BROKER_FORGOT:
                return self._kill(self.broker, fault)
            case Kind.AGENT_FULL:
                return self._fill(self.agent, "agent.db", fault)
            case Kind.BACKEND_FULL:
                return self._fill(self.backend, "backend.db", fault)
            case Kind.POWER_CUT:
                return self._cut_power(self._terminal(fault), fault)
            case Kind.TERMINAL_FULL:
                return self._fill_flash(self._terminal(fault), fault)
            case Kind.CLOCK_STEP:
                return self._step_clock(self._terminal(fault), fault)
            case _:
                return self._kill_terminal(self._terminal(fault))

    def _terminal(self, fault: Fault) -> Terminal:
        return next(terminal for terminal in self.terminals if terminal.name == fault.terminal)

    async def _kill(self, part: Process | None, fault: Fault) -> bool:
        assert part is not None
        await asyncio.sleep(BREATH_S * fault.where / 1000)
        await part.ready()
        part.kill()
        if fault.kind is Kind.BROKER_FORGOT:
            while part.pid is not None:
                await asyncio.sleep(0)
            for memory in self.folder.glob(BROKER_MEMORY + "*"):
                memory.unlink()
        return True

    async def _fill(self, part: Process | None, database: str, fault: Fault) -> bool:
        """By the kernel: a write beyond the size of the database's files fails, until there is room again."""
        assert part is not None
        await part.ready()
        if (pid := part.pid) is None:
            return False
        files = [self.folder / database, self.folder / f"{database}-wal"]
        size = max(file.stat().st_size for file in files if file.exists())
        with contextlib.suppress(ProcessLookupError):  # another fault has killed it: the next process has room
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))
            await asyncio.sleep(fault.lasts_s)
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        return True

    async def _kill_terminal(self, terminal: Terminal) -> bool:
        if terminal.name in self._in_service:
            return False
        terminal.board.kill()
        return True

    async def _cut_power(self, terminal: Terminal, fault: Fault) -> bool:
        """Power off and on, and off again in the middle of a write, whenever it comes."""
        if terminal.name in self._in_service:
            return False
        board, cuts = terminal.board, terminal.board.power_cuts
        board.cut_power_at(fault.size * WRITES // 256, fault.where, fault.size)
        while board.power_cuts == cuts and not self._is_over.is_set():
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._is_over.wait(), BREATH_S)
        if board.power_cuts == cuts:
            while not await self._kill_terminal(terminal):  # so few writes came that it would befall a later run
                await asyncio.sleep(BREATH_S)
        return board.power_cuts > cuts

    async def _fill_flash(self, terminal: Terminal, fault: Fault) -> bool:
        if not await self._service(terminal, partial(flash.fill, name=FILLER, free_blocks=fault.size % FREE_BLOCKS)):
            return False
        await asyncio.sleep(fault.lasts_s)
        while not await self._service(terminal, partial(flash.remove, name=FILLER)):
            await asyncio.sleep(BREATH_S)
        return True

    async def _service(self, terminal: Terminal, work: Callable[[Path], None]) -> bool:
        if terminal.name in self._in_service:
            return False
        self._in_service.add(terminal.name)
        try:
            await terminal.board.service(work)
        finally:
            self._in_service.remove(terminal.name)
        return True

    async def _step_clock(self, terminal: Terminal, fault: Fault) -> bool:
        """And back, with a power cut: a terminal that has taken the time from an order keeps it until then."""
        terminal.board.clock_s = fault.size
        await asyncio.sleep(fault.lasts_s)
        terminal.board.clock_s = 0
        while not await self._kill_terminal(terminal):
            await asyncio.sleep(BREATH_S)
        return True
