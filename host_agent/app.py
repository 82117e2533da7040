"""Builds the agent and runs it: broker, link, intake, orders, forwarder, HTTP interface.

It ends at SIGTERM, or when a part fails: a supervisor starts it again, and everything that matters is in the store.
"""

import asyncio
import contextlib
import json
import logging
import signal
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

from host_agent import keys, link
from host_agent.admin import Admin
from host_agent.alarms import BROKER
from host_agent.broker import EmbeddedBroker
from host_agent.broker_watch import BrokerWatch
from host_agent.config import Config
from host_agent.deliveries import Deliveries
from host_agent.epochs import Epochs
from host_agent.errors import ConfigError, ShimingError, TestAuthorityRefused
from host_agent.forwarder import Forwarder
from host_agent.ingest import Outcome, Signer
from host_agent.intake import Intake
from host_agent.key_changes import KeyChanges
from host_agent.orders import Orders
from host_agent.registry import Registry
from host_agent.reserve import Reserve
from host_agent.revocation import Revocations
from host_agent.store import Store
from host_agent.watch import Watch

log = logging.getLogger("shiming.agent")

DELIVERIES_POLL_S = 5
SUBSCRIBE_TIMEOUT_S = 5  # an external broker may come later; the embedded one is there

Announce = Callable[[dict[str, Any]], None]


class AgentFailed(ShimingError):
    """A part that the agent cannot do without has ended; the log says why."""


class Agent:
    def __init__(self, config: Config, store: Store | None = None) -> None:
        self._config = config
        self._registry = _load_registry(config)
        self._signer = _load_signer(config, self._registry)
        broker_tls = link.client_context(config.broker.ca, config.mqtt.certificate, config.mqtt.key, "mqtt")
        self._revoked_brokers = Revocations(config.broker.crl, config.broker.ca)
        self._revoked_brokers.guard(broker_tls)
        # The embedded broker is this process, whatever name its certificate gives to the terminals.
        broker_tls.check_hostname = not config.broker.embedded
        backend = config.backend
        backend_tls = link.client_context(backend.ca, backend.certificate, backend.key, "backend")
        revoked_backends = Revocations(backend.crl, backend.ca)
        revoked_backends.guard(backend_tls)
        self._broker: EmbeddedBroker | None = None
        if config.broker.embedded:
            self._broker = EmbeddedBroker(config.broker, config.agent.id, self._registry)
        self._store = store or Store(config.store.path, config.store.max_bytes, config.store.min_free_bytes)
        self._watch = Watch(
            self._registry,
            [self._revoked_brokers, revoked_backends, *([self._broker.revocations] if self._broker else [])],
            known=self._store.history_head(),
            remember=self._store.set_history_head,
            on_change=lambda: self._call(self._note_change),
        )
        self._broker_watch = BrokerWatch(
            self._store,
            config.agent.id,
            lambda: self._registry.tenants,
            canary_s=config.mqtt.canary_s,
            is_embedded=config.broker.embedded,
        )
        self._deliveries = Deliveries()
        self._broker_tls = broker_tls
        self._forwarder = Forwarder(
            self._store,
            self._registry.backend,
            agent_id=config.agent.id,
            url=backend.url,
            tls=backend_tls,
            batch_items=backend.batch_items,
        )
        self._online: frozenset[str] = frozenset()  # replaced, not changed: the status is read on another thread
        self._ended = asyncio.Event()
        self._has_failed = False
        self._loop = asyncio.get_running_loop()

    async def run(self, announce: Announce) -> None:
        for number in (signal.SIGTERM, signal.SIGINT):
            self._loop.add_signal_handler(number, self._ended.set)
        async with contextlib.AsyncExitStack() as stack:
            stack.callback(self._store.close)
            await self._start(stack)
            announce({"ready": True, "mqtt_port": self._mqtt_port, "orders_port": self._admin.port})
            log.info("ready")
            await self._ended.wait()
            log.info("stopping")
        if self._has_failed:
            raise AgentFailed("a part of the agent has failed; the log says which")

    async def _start(self, stack: contextlib.AsyncExitStack) -> None:
        """Parts stop in the opposite order: nothing is taken in any more before the last acknowledgements go out."""
        config = self._config
        self._mqtt_port = config.broker.port
        if self._broker is not None:
            await asyncio.to_thread(self._broker.start)
            stack.push_async_callback(asyncio.to_thread, self._broker.stop)
            self._mqtt_port = self._broker.port
        self._link = link.Link(
            config.agent.id,
            _client_host(config.broker.host),
            self._mqtt_port,
            self._broker_tls,
            on_evidence=lambda message: self._intake.offer(message),
            watch=self._broker_watch,
            on_state=lambda *state: self._call(self._note_state, *state),
            on_failure=lambda: self._call(self._fail),
            has_room=lambda: self._intake.has_room(),
        )
        self._intake = Intake(
            self._store,
            self._registry,
            self._signer,
            self._link,
            is_production=not config.is_emulated,
            face=config.face,
            firmware=config.firmware,
            reserve=config.reserve.policy,
            on_stored=lambda outcomes: self._call(self._note_stored, outcomes),
            on_failure=lambda: self._call(self._fail),
        )
        self._orders = Orders(self._store, self._registry, self._signer, config.orders.nonce_life_s, self._link.publish)
        reserve = Reserve(self._store, self._registry, self._signer, config.reserve.orders_max, config.reserve.life_s)
        epochs = Epochs(self._store, self._registry, self._signer, self._link, config.reserve.epoch_s)
        self._key_changes = KeyChanges(self._store, self._registry, self._signer, self._link.publish)
        self._admin = Admin(
            self._orders, reserve, self._key_changes, self._store, self._status, self._take_off, config.orders
        )
        self._link.start()
        stack.push_async_callback(asyncio.to_thread, self._link.stop)
        self._intake.start()
        stack.push_async_callback(asyncio.to_thread, self._intake.stop)
        parts = (
            ("orders", self._orders.run()),
            ("keys", self._key_changes.run()),
            ("epochs", epochs.run()),
            ("forwarder", self._forwarder.run()),
            ("watch", self._watch.run()),
            ("deliveries", self._look_at_deliveries()),
        )
        for name, work in parts:
            stack.push_async_callback(_end_task, self._watched(name, work))
        await self._admin.start()
        stack.push_async_callback(self._admin.stop)
        await asyncio.to_thread(self._link.is_subscribed.wait, SUBSCRIBE_TIMEOUT_S)

    def _watched(self, name: str, work: Any) -> asyncio.Task[None]:
        """A task that may not die silently."""

        def look(task: asyncio.Task[None]) -> None:
            if not task.cancelled() and (error := task.exception()):
                log.error("%s has failed", name, exc_info=error)
                self._fail()

        task = self._loop.create_task(work, name=name)
        task.add_done_callback(look)
        return task

    def _call(self, function: Callable[..., None], *arguments: object) -> None:
        """From a thread to the event loop; late calls of a stopping agent find it closed."""
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(function, *arguments)

    def _fail(self) -> None:
        self._has_failed = True
        self._ended.set()

    def _note_change(self) -> None:
        """Devices or certificates: whoever is no longer let in goes at once."""
        if self._broker is not None:
            self._broker.sweep()
        self._link.distrust(self._revoked_brokers.serials)
        self._forwarder.renew()
        for device_id in self._online:
            self._orders.wake(device_id)
            self._key_changes.wake(device_id)

    def _note_state(self, device_id: str, is_online: bool, is_remembered: bool) -> None:
        if self._registry.device(device_id) is None:
            return
        if is_online:
            self._online |= {device_id}
            self._orders.wake(device_id)
            self._key_changes.wake(device_id)
            if not is_remembered:
                self._deliveries.came_online(device_id, self._loop.time())
        else:
            self._online -= {device_id}
            self._deliveries.went_offline(device_id)

    async def _look_at_deliveries(self) -> None:
        while True:
            await asyncio.sleep(DELIVERIES_POLL_S)
            is_taking = self._link.is_connected and self._intake.trouble is None and not len(self._intake)
            (self._deliveries.look if is_taking else self._deliveries.wait)(self._loop.time())

    def _note_stored(self, outcomes: Sequence[Outcome]) -> None:
        self._deliveries.take(outcomes, self._loop.time())
        for outcome in outcomes:
            has_room = outcome.ended_order is not None or outcome.has_kept_sheet
            if has_room and outcome.publisher is not None:
                self._orders.wake(outcome.publisher.id)
        self._forwarder.wake()

    def _take_off(self, place: str, code: str) -> int:
        """How many alarms of this kind there were, of a terminal or of the broker."""
        if place == BROKER and code.startswith(BROKER):
            return self._broker_watch.take_off(code)
        with self._store.transaction():
            return self._store.take_off(place, code)

    def _status(self) -> dict[str, Any]:
        now = int(time.time())
        forwarder = self._forwarder.figures
        troubles = [code for code in (self._intake.trouble, forwarder.trouble) if code is not None]
        if not self._link.is_connected:
            troubles.append("link-down")
        if self._watch.trouble is not None:
            troubles.append(self._watch.trouble)
        alarms = [*self._broker_watch.alarms(), *self._deliveries.alarms, *self._store.alarms()]
        troubles += sorted({alarm.code for alarm in alarms})
        return {
            "state": troubles[0] if troubles else "ok",
            "troubles": troubles,
            "alarms": [str(alarm) for alarm in alarms],
            "store_state": self._intake.trouble or "ok",
            "broker_connected": self._link.is_connected,
            "broker_connections": self._link.connections,
            "broker_sessions_lost": self._broker_watch.sessions_lost,
            "broker_canaries": self._broker_watch.canaries,
            "broker_canary_age_s": self._broker_watch.canary_age_s,
            "terminals_online": sorted(self._online),
            "queue": len(self._intake),
            "backend_last_success_s": None
            if forwarder.last_success_at is None
            else max(0, now - forwarder.last_success_at),
            **self._store.figures(now),
        }


async def _end_task(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


def _client_host(host: str) -> str:
    """Where to reach what listens on every address."""
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)


def _load_registry(config: Config) -> Registry:
    registry = Registry.load(config.agent.registry)
    if registry.is_emulated and not config.is_emulated:
        raise TestAuthorityRefused()
    if registry.agent.id != config.agent.id:
        raise ConfigError(f"agent.id: must be the agent of the registry, {registry.agent.id}")
    return registry


def _load_signer(config: Config, registry: Registry) -> Signer:
    key = keys.load_private(config.sign.key)
    if keys.kid_of(key.public_key()) != registry.agent.kid:
        raise ConfigError("sign.key: must be the private key of the registry's agent")
    return Signer(config.agent.id, registry.agent.kid, key)


def log_to_stderr() -> None:
    """One JSON object a line. The libraries below speak only when something is wrong."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_JsonLines())
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    for name in ("amqtt", "transitions", "asyncio", "aiohttp", "paho", "websockets"):
        logging.getLogger(name).setLevel(logging.ERROR)


class _JsonLines(logging.Formatter):
    FIELDS = ("device", "code", "reason", "action", "times")

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(record.created)),
            "level": record.levelname.lower(),
            "part": record.name.removeprefix("shiming."),
            "event": record.getMessage(),
        }
        line |= {field: getattr(record, field) for field in self.FIELDS if hasattr(record, field)}
        if record.exc_info:
            line["trace"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False)
