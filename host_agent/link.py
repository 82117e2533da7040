"""The agent's MQTT session: paho on one thread of ours, and only there.

paho's own threads would mix acknowledgements of an old connection into a new one (packet ids are reused). Here the
thread that reconnects is the one that acknowledges, so a connection's generation cannot change in between.
"""

import logging
import os
import random
import select
import ssl
import threading
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from paho.mqtt import client as mqtt
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode

from host_agent.broker_watch import DROPPED_TOPIC, BrokerWatch
from host_agent.errors import ConfigError
from host_agent.intake import Message
from host_agent.revocation import serial_of

log = logging.getLogger("shiming.link")

EVIDENCE_FILTER = "rnr/v1/+/+/up/#"
STATE_FILTER = "rnr/v1/+/+/state"
KEEPALIVE_S = 30
CONNECT_TIMEOUT_S = 10
RETRY_MIN_S, RETRY_MAX_S = 0.2, 5.0
OUTGOING_ITEMS = 8192  # receipts for an absent broker; what falls out is asked for again
READS_AT_ONCE = 64
POLL_MS = 500
STOP_TIMEOUT_S = 15


class Link:
    def __init__(
        self,
        agent_id: str,
        host: str,
        port: int,
        tls: ssl.SSLContext,
        *,
        on_evidence: Callable[[Message], None],
        watch: BrokerWatch,
        on_state: Callable[[str, bool, bool], None],
        on_failure: Callable[[], None],
        has_room: Callable[[], bool],
    ) -> None:
        """`on_state` hears of a terminal whether it is online, and whether the broker only remembers that."""
        self._watch = watch
        self._on_evidence = on_evidence
        self._on_state = on_state
        self._on_failure = on_failure
        self._has_room = has_room
        self._client = self._build_client(agent_id, host, port, tls)
        self._outgoing: deque[Message | tuple[str, bytes, bool]] = deque(maxlen=OUTGOING_ITEMS)
        self._wake_read, self._wake_write = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._stopping = threading.Event()
        self._distrusted: frozenset[int] = frozenset()
        self._thread = threading.Thread(target=self._run, name="mqtt", daemon=True)
        self._generation = 0
        self._unacknowledged: deque[int] = deque()  # packet ids of this connection, as they came
        self._settled: set[int] = set()
        self.is_subscribed = threading.Event()
        self.is_connected = False
        self.connections = 0

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        self.wake()
        self._thread.join(STOP_TIMEOUT_S)

    def acknowledge(self, messages: Sequence[Message]) -> None:
        self._outgoing.extend(messages)
        self.wake()

    def publish(self, topic: str, payload: bytes, *, retain: bool = False) -> None:
        self._outgoing.append((topic, payload, retain))
        self.wake()

    def distrust(self, serials: frozenset[int]) -> None:
        """Ends a connection to a broker whose certificate has been revoked since the handshake."""
        self._distrusted = serials
        self.wake()

    def wake(self) -> None:
        try:
            os.write(self._wake_write, b"\0")
        except BlockingIOError:
            return  # full of wake-ups already

    def _build_client(self, agent_id: str, host: str, port: int, tls: ssl.SSLContext) -> mqtt.Client:
        client = mqtt.Client(
            CallbackAPIVersion.VERSION2,
            client_id=agent_id,
            clean_session=False,
            protocol=mqtt.MQTTv311,
            manual_ack=True,
            reconnect_on_failure=False,
        )
        client.tls_set_context(tls)
        client.tls_insecure_set(not tls.check_hostname)
        client.connect_timeout = CONNECT_TIMEOUT_S
        client.max_inflight_messages_set(256)
        client.on_connect = self._connected
        client.on_subscribe = self._subscribed
        client.on_message = self._received
        client.connect_async(host, port, KEEPALIVE_S)
        return client

    def _run(self) -> None:
        delay_s = RETRY_MIN_S
        try:
            while not self._stopping.is_set():
                if not self._has_room():
                    self._wait_for_wake(POLL_MS)
                    continue
                before = self.connections
                self._connect_and_serve()
                was_accepted = self.connections > before
                delay_s = RETRY_MIN_S if was_accepted else min(2 * delay_s, RETRY_MAX_S)
                self._stopping.wait(random.uniform(delay_s / 2, delay_s))
        except Exception:  # the last line of an important thread: it says why it ends, and the agent ends with it
            log.exception("the MQTT link has failed")
            self._on_failure()

    def _connect_and_serve(self) -> None:
        self._generation += 1
        self._unacknowledged.clear()
        self._settled.clear()
        try:
            self._client.reconnect()
            self._serve()
        except OSError as error:
            log.warning("no connection to the broker: %s", error.strerror or type(error).__name__)
        finally:
            self.is_connected = False
            self.is_subscribed.clear()
            self._watch.closed()

    def _serve(self) -> None:
        """One connection. Not reading is the back-pressure; if it lasts, the keep-alive ends the connection."""
        client = self._client
        while (sock := client.socket()) is not None:
            self._send_outgoing()
            if self._stopping.is_set() or (self._distrusted and serial_of(sock) in self._distrusted):
                client.disconnect()
                return
            if client.socket() is None:
                return
            can_read = self._has_room()
            if not can_read:
                self._watch.busy()
            poll = select.poll()
            poll.register(self._wake_read, select.POLLIN)
            poll.register(sock, (select.POLLIN * can_read) | (select.POLLOUT * client.want_write()))
            ready = dict(poll.poll(0 if can_read and _pending(sock) else POLL_MS))
            self._drain_wakes()
            # A closed connection shows as POLLHUP or POLLERR, asked for or not: reading finds out.
            if ready.get(sock.fileno(), 0) & ~select.POLLOUT or (can_read and _pending(sock)):
                self._read_some()
            if client.want_write() and client.loop_write() != MQTTErrorCode.MQTT_ERR_SUCCESS:
                return
            if client.loop_misc() != MQTTErrorCode.MQTT_ERR_SUCCESS:
                return

    def _read_some(self) -> None:
        """A TLS record may hold many packets, and poll does not see what is decrypted already."""
        for _ in range(READS_AT_ONCE):
            self._client.loop_read()
            sock = self._client.socket()
            if sock is None or not _pending(sock) or not self._has_room():
                return

    def _send_outgoing(self) -> None:
        while self.is_connected and self._outgoing:
            match self._outgoing.popleft():
                case Message(generation=generation, mid=mid):
                    if generation == self._generation and mid:
                        self._settle(mid)
                case (topic, payload, retain):
                    self._client.publish(topic, payload, qos=1, retain=retain)
        for packet in self._watch.due():
            self._client.publish(packet.topic, packet.payload, qos=packet.qos)

    def _settle(self, mid: int) -> None:
        """Acknowledges in the order received [MQTT-4.6.0-2]: a canary is done at once, evidence when it is stored."""
        self._settled.add(mid)
        while self._unacknowledged and self._unacknowledged[0] in self._settled:
            first = self._unacknowledged.popleft()
            self._settled.remove(first)
            self._client.ack(first, 1)

    def _connected(self, client: mqtt.Client, _data: Any, flags: mqtt.ConnectFlags, reason: Any, _more: Any) -> None:
        if reason.is_failure:
            log.error("the broker refuses the agent: %s", reason)
            return
        self._watch.opened(session_present=flags.session_present)
        self.connections += 1
        self.is_connected = True
        # State at QoS 0: it needs no acknowledgement, so those of evidence stay in the order received [MQTT-4.6.0-2].
        filters = [(EVIDENCE_FILTER, 1), (STATE_FILTER, 0), (self._watch.own_filter, 1), (DROPPED_TOPIC, 0)]
        client.subscribe(filters)

    def _subscribed(self, _client: mqtt.Client, _data: Any, _mid: int, reasons: list[Any], _more: Any) -> None:
        self._watch.subscribed()
        if any(reason.is_failure for reason in reasons[:-1]):  # not every broker has the last one
            log.error("the broker refuses the agent's subscriptions: check its access rules")
            return
        self.is_subscribed.set()
        log.info("connected to the broker")

    def _received(self, _client: mqtt.Client, _data: Any, message: mqtt.MQTTMessage) -> None:
        try:
            topic = message.topic
        except UnicodeDecodeError:
            topic = ""  # no topic of ours; refused as such
        mid = message.mid if message.qos else 0
        if mid:
            self._unacknowledged.append(mid)
        match topic.split("/"):
            case _ if self._watch.takes(topic):
                self._watch.take(topic, bytes(message.payload))
            case ["rnr", "v1", _, device_id, "state"]:
                self._on_state(device_id, message.payload == b"online", message.retain)
            case _:
                self._watch.busy()
                self._on_evidence(Message(self._generation, mid, topic, bytes(message.payload)))
                return
        if mid:
            self._settle(mid)

    def _wait_for_wake(self, timeout_ms: int) -> None:
        poll = select.poll()
        poll.register(self._wake_read, select.POLLIN)
        poll.poll(timeout_ms)
        self._drain_wakes()

    def _drain_wakes(self) -> None:
        try:
            os.read(self._wake_read, 65536)
        except BlockingIOError:
            return  # nobody has woken us


def client_context(ca: Path, certificate: Path, key: Path, name: str) -> ssl.SSLContext:
    """Mutual TLS as a client; `name` is the table of agent.toml to blame."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_verify_locations(ca)
        context.load_cert_chain(certificate, key)
    except (OSError, ssl.SSLError) as error:
        raise ConfigError(f"{name}.certificate, {name}.key: must be PEM files that fit together") from error
    return context


def _pending(sock: Any) -> bool:
    return sock.pending() > 0
