"""The whole product on one machine: authority, backend, broker, agent, and emulated terminals with their readers."""

import asyncio
import contextlib
import json
import shutil
import ssl
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, Self

import aiohttp
from drivers.atecc608_config import ATTESTATION

from host_agent.admin import error_of
from tools.demo.process import PartFailed, Process, free_ports
from tools.emulator.board import Board, PanelEvent, Signal
from tools.emulator.element_bus import ElementServer
from tools.emulator.flash import build_image, write_rom
from tools.emulator.provision import firmware_rom, terminal_files
from tools.emulator.sam_reader import LATENCY_MS, ReaderServer, SamReader
from tools.emulator.secure_element import Chip
from tools.pki.authority import create as create_authority

SHIMING = (sys.executable, "-m", "tools.cli")
ORDER_S = 120  # longer than any part takes to come back
QUICK: dict[str, Any] = {"latency_ms": dict.fromkeys(LATENCY_MS, 1), "bytes_per_s": 1_000_000}  # of a reader


class BrokerKind(StrEnum):
    EMBEDDED = "embedded"  # amqtt in the agent's process
    AMQTT = "amqtt"  # amqtt in a process of its own
    MOSQUITTO = "mosquitto"


class FaceLevel(StrEnum):
    """What a registration must have."""

    MATCH = "match"  # a living person, who is the one on the card
    LIVE = "live"
    NONE = "none"  # the terminals have no camera


@dataclass(slots=True)
class Terminal:
    name: str
    board: Board
    reader: SamReader
    server: ReaderServer
    bus: ElementServer | None  # with its secure element


class Plant:
    """`folder` keeps everything that is written: keys, configurations, databases, flash images, logs. `pace`: of the
    readers, arguments of ReaderServer; `clock_s`: by how much the terminals' clocks are off.
    """

    def __init__(
        self,
        folder: Path,
        terminals: int,
        *,
        broker: BrokerKind = BrokerKind.EMBEDDED,
        heap: str = "2M",
        face: FaceLevel = FaceLevel.NONE,
        elements: Mapping[str, Chip] | None = None,
        pace: Mapping[str, Any] | None = None,
        clock_s: int = 0,
    ) -> None:
        """`elements`: those terminals' secure elements, which have their keys."""
        self.folder = folder
        self.terminals: list[Terminal] = []
        self.agent: Process | None = None
        self.backend: Process | None = None
        self.broker: Process | None = None  # None: embedded, in the agent's process
        self._names = [f"terminal-{i}" for i in range(1, terminals + 1)]
        self._broker_kind = broker
        self._heap = heap
        self._face = face
        self._elements = dict(elements or {})
        self._pace = pace or {}
        self._clock_s = clock_s
        self._on_panel: dict[str, Callable[[PanelEvent], None]] = {}
        self._on_signal: dict[str, Callable[[Signal], None]] = {}
        self._orders: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        try:
            await self._start()
        except BaseException:
            await self.stop()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    def watch_panel(self, terminal: str, on_panel: Callable[[PanelEvent], None]) -> None:
        self._on_panel[terminal] = on_panel

    def watch_signals(self, terminal: str, on_signal: Callable[[Signal], None]) -> None:
        self._on_signal[terminal] = on_signal

    # --- the agent's interface for the point of sale

    async def place_order(self, order_id: str, device: str, msisdn: str) -> None:
        """Again until the agent has it: placing an order is idempotent."""
        body = {"order_id": order_id, "device": device, "msisdn": msisdn}
        try:
            async with asyncio.timeout(ORDER_S):
                while (answered := await self._ask("POST", "/v1/orders", body))[0] not in (200, 201):
                    if 400 <= answered[0] < 500:  # asking again would not help
                        raise error_of(answered[1])
                    await asyncio.sleep(0.2)
        except TimeoutError:
            raise PartFailed(f"the agent takes no order, see {self.folder / 'agent.log'}") from None

    async def fill_reserve(self, device: str, orders: list[tuple[str, str]]) -> None:
        """(order id, number to register) of each, in the order in which they are to be used."""
        listed = [{"order_id": order_id, "msisdn": msisdn} for order_id, msisdn in orders]
        status, answer = await self._ask("POST", "/v1/reserves", {"device": device, "orders": listed})
        if status not in (200, 201):
            raise error_of(answer)

    async def order_state(self, order_id: str) -> dict[str, Any] | None:
        """None while the agent does not answer."""
        status, answer = await self._ask("GET", f"/v1/orders/{order_id}")
        return answer if status == 200 else None

    async def agent_status(self) -> dict[str, Any] | None:
        status, answer = await self._ask("GET", "/v1/status")
        return answer if status == 200 else None

    async def books(self) -> dict[str, Any]:
        """The backend's own account, asked with the agent's certificate."""
        context = ssl.create_default_context(cafile=self.pki / "ca.cert.pem")
        context.load_cert_chain(self.pki / "agent.cert.pem", self.pki / "agent.key.pem")
        async with (
            aiohttp.ClientSession() as session,
            session.get(f"https://localhost:{self.backend_port}/v1/books", ssl=context) as response,
        ):
            response.raise_for_status()
            return await response.json()

    async def _ask(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> tuple[int, dict[str, Any]]:
        assert self._orders is not None
        try:
            async with self._orders.request(method, path, json=body) as response:
                return response.status, await response.json()
        except (aiohttp.ClientError, TimeoutError, ValueError):
            return 0, {}  # the agent is being started again

    # --- coming up and going down

    async def _start(self) -> None:
        self.pki = self.folder / "pki"
        keys = {name: chip.memory.public_key(ATTESTATION) for name, chip in self._elements.items()}
        create_authority(self.pki, self._names, element_keys=keys)
        self.broker_port, self._orders_port, self.backend_port = free_ports(3)
        await self._open_lines()
        self._write_configurations()
        self.backend = self._process(
            "backend", "backend", "run", "--config", str(self.folder / "backend.toml"), "--json"
        )
        await self.backend.start()
        if self._broker_kind is BrokerKind.MOSQUITTO:
            await self._start_mosquitto()
        elif self._broker_kind is BrokerKind.AMQTT:
            self.broker = self._process(
                "broker", "agent", "broker", "--config", str(self.folder / "broker.toml"), "--json"
            )
            await self.broker.start()
        self.agent = self._process("agent", "agent", "run", "--config", str(self.folder / "agent.toml"), "--json")
        await self.agent.start()
        self._orders = aiohttp.ClientSession(
            f"http://127.0.0.1:{self._orders_port}",
            headers={"Authorization": f"Bearer {(self.folder / 'orders.token').read_text().strip()}"},
            timeout=aiohttp.ClientTimeout(total=5),
        )
        for name in self._names:
            await self._start_terminal(name)

    async def stop(self) -> None:
        """Each, whatever becomes of the others."""
        async with contextlib.AsyncExitStack() as stack:
            for part in (self.backend, self.broker, self.agent):  # the last goes first
                if part:
                    stack.push_async_callback(part.stop)
            if self._orders:
                stack.push_async_callback(self._orders.close)
            for terminal in self.terminals:
                stack.push_async_callback(terminal.server.stop)
                if terminal.bus:
                    stack.callback(terminal.bus.stop)
                stack.push_async_callback(terminal.board.stop)

    async def watch(self) -> None:
        """For as long as the plant runs; raises PartFailed as soon as a part is down for good."""
        await asyncio.gather(*(part.watch() for part in (self.agent, self.broker, self.backend) if part))

    def _process(self, name: str, *arguments: str) -> Process:
        return Process(name, (*SHIMING, *arguments), self.folder / f"{name}.log")

    async def _start_mosquitto(self) -> None:
        program = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin")
        if program is None:
            raise PartFailed("mosquitto is not installed")
        generated = await asyncio.create_subprocess_exec(
            *SHIMING, "agent", "broker-config", "mosquitto", "--config", str(self.folder / "broker.toml"),
            "--directory", str(self.folder / "mosquitto"),
            stdout=asyncio.subprocess.DEVNULL,
        )  # fmt: skip
        if await generated.wait():
            raise PartFailed("the configuration for mosquitto could not be generated")
        argv = (program, "-c", str(self.folder / "mosquitto" / "mosquitto.conf"))
        self.broker = Process("broker", argv, self.folder / "broker.log", port=self.broker_port)
        await self.broker.start()

    async def _start_terminal(self, name: str) -> None:
        flash = self.folder / f"{name}.img"
        await asyncio.to_thread(lambda: build_image(flash, self.flash_files(name)))
        rom = flash.with_suffix(".rom")
        write_rom(rom, await asyncio.to_thread(firmware_rom))
        reader = SamReader(
            sam_id=f"05.01-20150101-{len(self.terminals) + 1:010d}-0123456789",
            line_baud=lambda: board.reader_baud,
            has_decoder=self._face is FaceLevel.MATCH,
        )
        server = ReaderServer(reader, **self._pace)
        await server.start()
        bus = ElementServer(self._elements[name]) if name in self._elements else None
        if bus:
            bus.start()
        board = Board(
            flash, rom=rom, reader_port=server.port, heap=self._heap,
            on_panel=lambda event: self._show(name, event), link=self.folder / f"{name}.port",
            on_signal=lambda signal: self._take_signal(name, server, signal),
            has_camera=self._face is not FaceLevel.NONE, clock_s=self._clock_s,
            i2c_port=bus.port if bus else None,
        )  # fmt: skip
        self.terminals.append(Terminal(name, board, reader, server, bus))
        await board.start()

    async def _open_lines(self) -> None:
        """The keys are there, nothing runs: whoever puts something between two parts opens it here."""

    def broker_port_for(self, client: str) -> int:
        """Where this terminal, or the agent, finds the broker."""
        del client
        return self.broker_port

    def backend_port_for_agent(self) -> int:
        return self.backend_port

    def flash_files(self, name: str) -> dict[str, bytes]:
        """What a terminal has on flash when it is first switched on."""
        return terminal_files(
            self.pki, name,
            broker_host="127.0.0.1", broker_port=self.broker_port_for(name), broker_name="localhost", face=self._face,
        )  # fmt: skip

    def _show(self, terminal: str, event: PanelEvent) -> None:
        on_panel = self._on_panel.get(terminal)
        if on_panel:
            on_panel(event)

    def _take_signal(self, terminal: str, server: ReaderServer, signal: Signal) -> None:
        if signal.kind == "reader-power":
            server.power(bool(signal.value))
        on_signal = self._on_signal.get(terminal)
        if on_signal:
            on_signal(signal)

    def _write_configurations(self) -> None:
        self._write("agent.toml", self._agent_settings(self.broker_port_for("agent")))
        if self._broker_kind is not BrokerKind.EMBEDDED:
            self._write("broker.toml", self._agent_settings(self.broker_port))
        self._write("backend.toml", self._backend_settings())

    def _agent_settings(self, broker_port: int) -> str:
        embedded = self._broker_kind is BrokerKind.EMBEDDED
        return f"""\
            mode = "emulated"

            [agent]
            id = "agent"
            registry = "pki/registry.json"

            [broker]
            embedded = {json.dumps(embedded)}
            host = "127.0.0.1"
            port = {broker_port}
            ca = "pki/ca.cert.pem"
            certificate = "pki/broker.cert.pem"
            key = "pki/broker.key.pem"
            crl = "pki/ca.crl.pem"

            [mqtt]
            certificate = "pki/agent.cert.pem"
            key = "pki/agent.key.pem"

            [sign]
            key = "pki/agent.sign.key.pem"

            [store]
            path = "agent.db"

            [backend]
            url = "https://localhost:{self.backend_port_for_agent()}"
            ca = "pki/ca.cert.pem"
            certificate = "pki/agent.cert.pem"
            key = "pki/agent.key.pem"
            crl = "pki/ca.crl.pem"

            [orders]
            host = "127.0.0.1"
            port = {self._orders_port}
            token = "orders.token"
            nonce_life_s = 900

            [face]
            require = {json.dumps(self._face)}
            """

    def _backend_settings(self) -> str:
        return f"""\
            mode = "emulated"
            database = "backend.db"

            [listen]
            host = "127.0.0.1"
            port = {self.backend_port}

            [pki]
            ca = "pki/ca.cert.pem"
            certificate = "pki/backend.cert.pem"
            key = "pki/backend.key.pem"
            sign_key = "pki/backend.sign.key.pem"
            seal_key = "pki/backend.seal.key.pem"
            registry = "pki/registry.json"
            crl = "pki/ca.crl.pem"

            [face]
            require = {json.dumps(self._face)}
            """

    def _write(self, name: str, text: str) -> None:
        (self.folder / name).write_text("\n".join(line.strip() for line in text.splitlines()) + "\n", encoding="utf-8")
