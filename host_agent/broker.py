"""The embedded MQTT 3.1.1 broker: amqtt behind a gate of our own.

Why a gate: amqtt 0.12 finds the session of a client id before it authenticates, and then looks at the certificate of
the connection *before*, so any device could become the agent. It never asks the topic rules about a last will, and it
ends neither silent connections nor oversized packets. The gate does all that before amqtt sees a byte.
"""

import asyncio
import contextlib
import logging
import re
import ssl
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from amqtt.adapters import BufferReader, ReaderAdapter, StreamWriterAdapter
from amqtt.broker import Broker
from amqtt.contexts import Action, BaseContext
from amqtt.errors import AMQTTError, CodecError, MQTTError, NoDataError
from amqtt.mqtt.connack import NOT_AUTHORIZED, ConnackPacket
from amqtt.mqtt.connect import ConnectPacket
from amqtt.plugins.base import BaseAuthPlugin, BaseTopicPlugin
from amqtt.session import Session

from host_agent.broker_watch import DROPPED_TOPIC
from host_agent.config import ID_PATTERN, BrokerConfig
from host_agent.errors import ConfigError
from host_agent.registry import Registry, Status, state_code
from host_agent.revocation import Revocations, serial_of

log = logging.getLogger("shiming.broker")

PACKET_MAX_BYTES = 65536  # a token has 8192 at most; larger ones must still reach the agent to be refused by name
CONNECT_TIMEOUT_S = 10
SILENCE_MAX_S = 300  # for clients that ask for no keep-alive
TAKEOVER_TIMEOUT_S = 5
START_TIMEOUT_S = 15
SESSION_EXPIRY_S = 600  # bounds what is kept for an absent agent; terminals keep their records until a receipt anyway
RETAINED = re.compile(r"rnr/v1/[^/]+/(?:[^/]+/(state)|epoch)")  # nothing else is
STATE_MAX_BYTES, EPOCH_MAX_BYTES = 16, 512


def may(client_id: str, agent_id: str, topic: str, action: Action) -> bool:
    """The topic rules: a device writes its own up/# and state and reads its own down/#, and so does the agent under its
    own name, for its canaries; besides, the agent writes every down/# and the epoch, and reads everything below rnr/.
    The epoch is no secret: everybody reads it.
    """
    if "\0" in topic or (action is not Action.SUBSCRIBE and ("+" in topic or "#" in topic)):
        return False  # no topic name; amqtt takes it for a will all the same, and fails when it is due
    if client_id == agent_id and action is not Action.PUBLISH:
        return topic.startswith("rnr/") or topic == DROPPED_TOPIC
    match topic.split("/"):
        case ["rnr", "v1", _, _, "down", _, *_] if client_id == agent_id:
            return True
        case ["rnr", "v1", tenant, "epoch"] if "+" not in tenant and "#" not in tenant:
            return action is not Action.PUBLISH or client_id == agent_id
        case ["rnr", "v1", tenant, device, *rest] if device == client_id and "+" not in tenant and "#" not in tenant:
            if action is Action.PUBLISH:
                return rest == ["state"] or (len(rest) >= 2 and rest[0] == "up")
            return len(rest) >= 2 and rest[0] == "down"
        case _:
            return False


def common_name(peer: ssl.SSLObject | None) -> str | None:
    """The device id that the certificate vouches for; None without a certificate or with more than one name."""
    certificate = peer.getpeercert() if peer is not None else None
    if not certificate:
        return None
    subject: Any = certificate.get("subject", ())
    names = [value for part in subject for key, value in part if key == "commonName"]
    return names[0] if len(names) == 1 and ID_PATTERN.fullmatch(names[0]) else None


class CertificateAuth(BaseAuthPlugin):
    async def authenticate(self, *, session: Session) -> bool | None:
        return session.client_id is not None and common_name(session.ssl_object) == session.client_id


class OwnTopics(BaseTopicPlugin):
    @dataclass
    class Config(BaseTopicPlugin.Config):
        agent_id: str

    def __init__(self, context: BaseContext) -> None:
        super().__init__(context)
        self._agent_id: str = self.config.agent_id

    async def topic_filtering(
        self, *, session: Session | None = None, topic: str | None = None, action: Action | None = None
    ) -> bool | None:
        if session is None or session.client_id is None or topic is None or action is None:
            return False
        allowed = may(session.client_id, self._agent_id, topic, action)
        if not allowed and action is not Action.RECEIVE:
            log.warning("topic refused", extra={"device": session.client_id, "action": action.value})
        return allowed


class EmbeddedBroker:
    """amqtt on an event loop and thread of its own: nothing the agent does makes a terminal wait for a PUBACK."""

    def __init__(self, config: BrokerConfig, agent_id: str, registry: Registry | None = None) -> None:
        self._config = config
        self._agent_id = agent_id
        self._registry = registry
        self.revocations = Revocations(config.crl, config.ca)
        self._tls = self.revocations.guard(server_context(config))
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="broker", daemon=True)
        self._gate: _Gate | None = None
        self.port = config.port

    def start(self) -> None:
        self._thread.start()
        self._gate = self._call(self._start())

    def stop(self) -> None:
        if self._gate is not None:
            self._call(self._gate.close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(START_TIMEOUT_S)

    async def _start(self) -> "_Gate":
        gate = _Gate(self._agent_id, self._bar_code)
        self.port = await gate.listen(self._config, self._tls)
        return gate

    def sweep(self) -> None:
        """Ends the connections of whoever is no longer let in. From any thread."""
        if self._gate is not None:
            self._loop.call_soon_threadsafe(self._gate.sweep)

    def _bar_code(self, name: str, serial: int) -> str | None:
        """Why somebody with a good certificate is not let in. A suspended device is: it is to hear of its release."""
        if serial in self.revocations.serials:  # OpenSSL does not ask again when a session is resumed
            return "certificate-revoked"
        device = self._registry.device(name) if self._registry is not None else None
        if device is not None and device.status in (Status.REVOKED, Status.RETIRED):
            return state_code(device.status)
        return None

    def _call(self, coroutine: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(START_TIMEOUT_S)


def server_context(config: BrokerConfig) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.verify_mode = ssl.CERT_REQUIRED
    if config.certificate is None or config.key is None:
        raise ConfigError("broker.certificate and broker.key: needed for the embedded broker")
    try:
        context.load_verify_locations(config.ca)
        context.load_cert_chain(config.certificate, config.key)
    except (OSError, ssl.SSLError) as error:
        raise ConfigError("broker.ca, broker.certificate, broker.key: must be PEM files that fit together") from error
    return context


class _Broker(Broker):
    """amqtt with what is retained narrowed to `state` and `epoch`, and shown to its own subscribers only."""

    async def retain_message(
        self,
        source_session: Session | None,
        topic_name: str | None,
        data: bytes | bytearray | None,
        qos: int | None = None,
    ) -> None:
        place = RETAINED.fullmatch(topic_name or "")
        most = EPOCH_MAX_BYTES if place and place[1] is None else STATE_MAX_BYTES
        if place and len(data or b"") <= most:
            await super().retain_message(source_session, topic_name, data, qos)

    async def _publish_retained_messages_for_subscription(
        self, subscription: tuple[str, int], session: Session
    ) -> None:
        # At each connection amqtt calls this with the filters of *all* sessions: a device would be sent what the
        # agent subscribes to.
        subscribers = self._subscriptions.get(subscription[0], [])
        if any(subscriber.client_id == session.client_id for subscriber, _ in subscribers):
            await super()._publish_retained_messages_for_subscription(subscription, session)


class _Gate:
    """Admits connections: certificate, client id, will, size, silence; one connection for each client id."""

    def __init__(self, agent_id: str, bar_code: Callable[[str, int], str | None]) -> None:
        self._agent_id = agent_id
        self._bar_code = bar_code
        self._broker = _Broker(
            {
                "listeners": {"default": {"type": "external", "bind": "gate"}},
                "session_expiry_interval": SESSION_EXPIRY_S,
                "plugins": {
                    "host_agent.broker.CertificateAuth": {},
                    "host_agent.broker.OwnTopics": {"agent_id": agent_id},
                },
            }
        )
        self._server: asyncio.Server | None = None
        self._connections: dict[str, _Connection] = {}
        self._admissions: dict[str, asyncio.Lock] = {}

    async def listen(self, config: BrokerConfig, tls: ssl.SSLContext) -> int:
        await self._broker.start()
        try:
            self._server = await asyncio.start_server(
                self._serve, config.host, config.port, ssl=tls, ssl_handshake_timeout=CONNECT_TIMEOUT_S, backlog=1024
            )
        except OSError as error:
            await self._broker.shutdown()
            raise ConfigError(f"broker.host, broker.port: cannot listen there ({error.strerror})") from error
        return self._server.sockets[0].getsockname()[1]

    def sweep(self) -> None:
        for name, connection in list(self._connections.items()):
            if code := self._bar_code(name, connection.serial):
                log.warning("connection ended", extra={"device": name, "code": code})
                connection.abort()

    async def close(self) -> None:
        if self._server is not None:
            self._server.close()
        for connection in list(self._connections.values()):
            connection.abort()
            await connection.wait_ended()
        await self._broker.shutdown()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await self._admit(reader, writer)
        except (ConnectionError, TimeoutError, asyncio.IncompleteReadError, ssl.SSLError):
            log.debug("connection lost before it was admitted")
        except (AMQTTError, MQTTError, NoDataError, CodecError, ValueError, IndexError):
            log.warning("connection refused", extra={"reason": "mqtt-malformed"})
        finally:
            writer.transport.abort()

    async def _admit(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        peer = writer.get_extra_info("ssl_object")
        name, serial = common_name(peer), serial_of(peer)
        async with asyncio.timeout(CONNECT_TIMEOUT_S):
            packet = await _read_packet(reader)
        connect = await ConnectPacket.from_stream(BufferReader(packet))
        bar_code = self._bar_code(name, serial) if name is not None else None
        if name is None or bar_code or connect.client_id != name or not self._may_will(name, connect):
            log.warning("connection refused", extra={"device": name or "", "reason": bar_code or "not-authorised"})
            writer.write(ConnackPacket.build(0, NOT_AUTHORIZED).to_bytes())
            async with asyncio.timeout(CONNECT_TIMEOUT_S):
                await writer.drain()
                writer.close()
                await writer.wait_closed()
            return
        connection = _Connection(packet, reader, writer, connect.keep_alive, serial)
        async with self._admissions.setdefault(name, asyncio.Lock()):
            await self._take_over(name)
            self._connections[name] = connection
        if self._bar_code(name, serial):  # barred while it waited for the connection before it to end
            connection.abort()
        try:
            connection.watch()
            await self._broker.external_connected(connection, StreamWriterAdapter(writer), "default")
        finally:
            connection.ended()
            if self._connections.get(name) is connection:
                del self._connections[name]

    def _may_will(self, name: str, connect: ConnectPacket) -> bool:
        return not connect.will_flag or may(name, self._agent_id, connect.will_topic or "", Action.PUBLISH)

    async def _take_over(self, name: str) -> None:
        """Ends the connection before and waits: amqtt marks the session as away when the old one ends, however late."""
        if previous := self._connections.get(name):
            log.warning("session taken over", extra={"device": name})
            previous.abort()
            await previous.wait_ended()


class _Connection(ReaderAdapter):
    """A connection as amqtt reads it: the CONNECT that the gate has read already, then the stream within limits."""

    def __init__(
        self, head: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, keep_alive_s: int, serial: int
    ) -> None:
        self.serial = serial  # of the client's certificate
        self._head = head
        self._reader = reader
        self._transport = writer.transport
        self._silence_s = keep_alive_s * 1.5 or SILENCE_MAX_S
        self._ended = asyncio.Event()
        self._timer: asyncio.TimerHandle | None = None
        self._heard_at = 0.0

    async def read(self, n: int = -1) -> bytes:
        if self._head:
            data, self._head = self._head[:n], self._head[n:]
            return data
        if not 0 <= n <= PACKET_MAX_BYTES:
            raise ConnectionAbortedError("packet too large")
        data = await self._reader.readexactly(n)
        self._heard_at = asyncio.get_running_loop().time()
        return data

    def feed_eof(self) -> None:
        self._reader.feed_eof()

    def watch(self) -> None:
        """MQTT-3.1.2-24: a client not heard of for one and a half keep-alives is gone, and its will is due."""
        loop = asyncio.get_running_loop()
        self._heard_at = loop.time()

        def look() -> None:
            left_s = self._heard_at + self._silence_s - loop.time()
            if left_s <= 0:
                self.abort()
            else:
                self._timer = loop.call_later(left_s, look)

        look()

    def abort(self) -> None:
        self._transport.abort()

    def ended(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._ended.set()

    async def wait_ended(self) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(TAKEOVER_TIMEOUT_S):
                await self._ended.wait()


async def _read_packet(reader: asyncio.StreamReader) -> bytes:
    """One whole control packet; the limit holds before anything is known of the client."""
    head = await reader.readexactly(2)
    while head[-1] & 0x80:
        if len(head) == 5:
            raise MQTTError("remaining length")
        head += await reader.readexactly(1)
    size_bytes = sum((byte & 0x7F) << (7 * place) for place, byte in enumerate(head[1:]))
    if size_bytes > PACKET_MAX_BYTES:
        raise MQTTError("packet too large")
    return head + await reader.readexactly(size_bytes)


def run_alone(config: BrokerConfig, agent_id: str, registry: Registry) -> EmbeddedBroker:
    """For `shiming agent broker`: the same broker in a process of its own."""
    broker = EmbeddedBroker(replace(config, embedded=True), agent_id, registry)
    broker.start()
    return broker
