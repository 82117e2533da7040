"""A terminal at its counter: the firmware's own link, orders and queue, at the real broker."""

import asyncio
import contextlib
import json
import os
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from terminal import config, next_key, rotation
from terminal.errors import NoOfflineOrder
from terminal.orders import Orders
from terminal.queue import Queue
from terminal.reserve import Reserve
from terminal.signer import SoftwareSigner
from terminal.uplink import Uplink

from host_agent import attestation, envelope, freshness, key_messages, keys
from host_agent.attestation import Order
from host_agent.freshness import Entry, Sheet
from tests.attacks.line import Line
from tests.host_agent.rig import DEADLINE_S
from tests.host_agent.terminal_double import TerminalDouble
from tools.emulator.provision import terminal_files


class _Panel:
    def show(self, *_: Any) -> None: ...


class _Log:
    def note(self, *_: Any) -> None: ...

    def take(self, *_: Any) -> None: ...


class _Clock:
    def __init__(self, at: int) -> None:
        self.at, self.source = at, 2

    def now(self) -> int:
        return self.at

    def set(self, at: int, source: int) -> None:
        self.at, self.source = at, source


class Restarted(Exception):
    """The board's reset does not return."""


class _Hardware:
    async def network_up(self) -> None: ...

    def random(self, size: int) -> bytes:
        return bytes(size)


class _Board:
    """What the terminal's key needs."""

    element = None

    def __init__(self, clock: _Clock) -> None:
        self.clock = clock

    def random(self, size: int) -> bytes:
        return os.urandom(size)

    def reset(self) -> None:
        raise Restarted


class Counter:
    """Its agent is whoever speaks through `line`."""

    def __init__(self, line: Line, folder: Path, device: str = "t-0001") -> None:
        self.line = line
        self.pki = line.rig.pki
        files = terminal_files(
            self.pki, device, broker_host="127.0.0.1", broker_port=line.broker.port, broker_name="localhost"
        )
        self.folder = folder
        self.settings = config.parse(json.loads(files["config.json"]))
        self.queue = Queue(str(folder / "queue"))
        self.queue.open()
        self.clock = _Clock(int(time.time()))
        self.restart()
        self.double = TerminalDouble(self.pki, device)
        self.base = f"rnr/v1/demo/{device}"
        self.secret = folder / "secret"
        self.secret.mkdir()
        (self.secret / "attest.key").write_bytes(files["secret/attest.key"])
        self.signer = SoftwareSigner.from_bytes(files["secret/attest.key"])

    def restart(self) -> None:
        """What it knows of orders is what is on flash."""
        self.reserve = Reserve(self.settings, self.queue, self.clock, folder=str(self.folder / "reserve"))
        self.reserve.open()
        self.orders = Orders(self.settings, self.queue, self.clock, self.reserve)

    def order(self, order_id: str, **changes: Any) -> Order:
        now = int(time.time())
        order = Order(now, now + 300, bytes(16), self.double.ueid, order_id, "17000000001", self.double.channel)
        return replace(order, **changes)

    def sign(self, payload: bytes, by: str = "agent", kid: bytes | None = None) -> bytes:
        """By the agent, or by the backend; `kid`: under whose name."""
        key = keys.load_private(self.pki / f"{by}.sign.key.pem")
        return envelope.sign(payload, kid or keys.kid_of(key.public_key()), key)

    def signed_order(self, order_id: str, **changes: Any) -> bytes:
        return self.sign(attestation.build_order(self.order(order_id, **changes)))

    def sheet(self, *order_ids: str, **changes: Any) -> Sheet:
        now = int(time.time())
        entries = tuple(freshness.build_entry(Entry(one, os.urandom(16), "17000000001")) for one in order_ids)
        return replace(Sheet(now, now + 3600, self.double.ueid, self.double.channel, now, entries), **changes)

    def signed_sheet(self, *order_ids: str, **changes: Any) -> bytes:
        return self.sign(freshness.build_sheet(self.sheet(*order_ids, **changes)))

    def hears_of_its_key(self, message: bytes) -> bytes | None:
        """What it answers to what comes on down/key. Raises Restarted: it makes a key, or has changed over."""
        parts = (_Board(self.clock), self.settings, self.queue, self.signer, _Log())
        return rotation.take(message, *parts, self.orders, str(self.secret))

    def key_request(self, **changes: int) -> bytes:
        """The claims of the agent's request."""
        now = self.clock.now()
        times = {"iat": now, "exp": now + 600, "begins": now, "ends": now + 600} | changes
        return key_messages.build_request(self.settings.ueid, self.signer.kid, **times)

    def states_a_key(self, **changes: int) -> bytes:
        """As it does when the agent asks."""
        request = self.sign(self.key_request(**changes))
        with contextlib.suppress(Restarted):
            return self.hears_of_its_key(request) or b""
        parts = (_Board(self.clock), self.settings, self.queue, self.signer, _Log())
        assert asyncio.run(next_key.answer(*parts, str(self.secret)))
        return self.hears_of_its_key(request) or b""

    def key_files(self) -> list[str]:
        return sorted(path.name for path in self.secret.iterdir())

    def store(self, order_id: str = "order-1") -> bytes:
        """A registration that waits for its receipt."""
        token = self.double.next_token(order_id=order_id)
        self.queue.append(order_id, token, self.clock.now())
        return token

    def receives(self, *messages: tuple[str, bytes]) -> None:
        """The messages, by `down/...` or `epoch`, and behind them an order that shows that all have been read."""
        read: list[bytes] = []

        def take(message: bytes) -> None:
            read.append(message)
            self.orders.take(message)

        last = self.signed_order("last", channel="CH-OTHER")  # read, and not run
        asyncio.run(self._play([*messages, ("down/order", last)], take, lambda: last in read))

    def next_offline(self) -> str | None:
        """Id of the order that START brings without a link; it stays the next until it is `answer_offline`d."""
        self.orders.start(False)
        try:
            order = asyncio.run(self.orders.next(0))
        except NoOfflineOrder:
            return None
        finally:
            self.orders._running = []
        return order.id if order else None

    def answer_offline(self) -> str:
        """As a session does with the next one: its record is in the queue, then it is taken off."""
        order = self.reserve.next()
        self.store(order.id)
        self.reserve.remove(order)
        return order.id

    async def _play(
        self, messages: list[tuple[str, bytes]], take: Callable[[bytes], None], is_over: Callable[[], bool]
    ) -> None:
        tls = self.line.rig.tls(self.settings.device)
        beat = lambda _ms=0: None  # noqa: E731
        uplink = Uplink(_Hardware(), _Panel(), self.settings, self.queue, tls, take, beat, reserve=self.reserve)
        sent = self._evidence() + len(self.queue)  # at each connection it sends all that have no receipt
        running = asyncio.create_task(uplink.run())
        async with asyncio.timeout(DEADLINE_S):
            while not uplink.is_online or self._evidence() < sent:
                await asyncio.sleep(0.002)
            for topic, payload in messages:
                self.line.agent.send("rnr/v1/demo/epoch" if topic == "epoch" else f"{self.base}/{topic}", payload)
            while not is_over():
                assert not running.done(), running
                await asyncio.sleep(0.002)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)

    def _evidence(self) -> int:
        return sum(arrival.topic == f"{self.base}/up/evi" for arrival in list(self.line.agent.arrivals))

    def runs(self) -> list[str]:
        """Ids of the orders that would be run now."""

        async def drain() -> list[str]:
            found = []
            while (order := await self.orders.next(0)) is not None:
                found.append(order.id)
            return found

        return asyncio.run(drain())

    def close(self) -> None:
        self.queue.close()
