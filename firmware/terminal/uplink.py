"""The terminal's one connection to the broker: orders, sheets and epochs in, evidence and flight log out, receipts in.

A record leaves the queue only on the agent's receipt; a PUBACK is flow control and nothing else (brokers acknowledge
what they drop). Whatever breaks, the answer is the same: drop the link, wait with backoff and jitter, connect, send
again every record that has no receipt.
"""

import asyncio
import gc

from terminal import mqtt
from terminal.agent_messages import REFUSED, parse_receipt
from terminal.errors import LinkDown, MqttError, QueueError, ReceiptInvalid
from terminal.ticks import ticks_add, ticks_diff, ticks_ms

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from tls import SSLContext

    from terminal.agent_messages import Receipt
    from terminal.config import Config
    from terminal.flight_log import FlightLog
    from terminal.hardware import Beat, Hardware, Panel
    from terminal.queue import Queue
    from terminal.reserve import Reserve

KEEPALIVE_S = 30
PING_AFTER_MS = 10_000  # a third of the keep-alive: two pings may be lost
LOOK_S = 1  # longest pause between two looks at the timers
SILENCE_MS = 25_000  # no packet from the broker for so long: the link is dead
CONNECT_TIMEOUT_S = 20  # network and TCP; then TLS to SUBACK: a public-key step takes most of a second on a small chip
WRITE_TIMEOUT_S = 20  # a network that is gone shows first as a send buffer that stays full
STEP_MS = 8000  # beyond such a deadline, until the next report
RECEIPT_TIMEOUT_MS = 10_000
WINDOW, WINDOW_LARGE = 16, 48  # evidence without a receipt on the way at once: 150 bytes of heap each
REFILL = 8  # with so many on the way the window is filled again: what is sent alone has a receipt of its own to check
BACKOFF_MIN_MS, BACKOFF_MAX_MS = 250, 30_000
SETTLED_MS = 5000  # a link that held so long was a good one: start the backoff anew
CHUNK_BYTES = 512


class Uplink:
    """`on_order(bytes)` gets what comes on down/order, `on_key(bytes)` on down/key, which gives the answer; the panel
    says online, offline, stored, refused-by-agent."""

    def __init__(
        self,
        hw: "Hardware",
        panel: "Panel",
        config: "Config",
        queue: "Queue",
        tls: "SSLContext",
        on_order: "Callable[[bytes], None]",
        beat: "Beat",
        log: "FlightLog | None" = None,
        reserve: "Reserve | None" = None,
        on_key: "Callable[[bytes], bytes | None] | None" = None,
        window: int = WINDOW,
    ) -> None:
        self._hw = hw
        self._panel = panel
        self._config = config
        self._queue = queue
        self._tls = tls
        self._on_order = on_order
        self._beat = beat
        self._log = log
        self._reserve = reserve
        self._on_key = on_key
        self._window = window
        self._base = "rnr/v1/%s/%s" % (config.tenant, config.device)
        self._hurry = asyncio.Event()  # somebody does not want to wait for the end of a pause
        self._work = asyncio.Event()  # something to send, or a place in the window has come free
        self._sent = {}  # seq -> (SHA-256, ticks when it was sent)
        self._writer: "Any" = None  # a StreamWriter while there is a link
        self._write_lock = asyncio.Lock()
        self._packet_id = 0
        self._heard = 0
        self._broken: "Exception | None" = None  # what ended the receiver
        self._has_settled = False  # the last link held for a while
        self.is_online = False

    def wake(self) -> None:
        """The queue has changed."""
        self._work.set()
        self._panel.show("waiting", None, len(self._queue))

    def hurry(self) -> None:
        """Connect now, if there is no link."""
        self._hurry.set()

    async def run(self) -> None:
        """For ever: connect, serve, and after any failure connect again."""
        backoff_ms = BACKOFF_MIN_MS
        while True:
            try:
                await self._serve()
            except (OSError, ValueError, MqttError, LinkDown, asyncio.TimeoutError) as error:
                # ValueError: mbedTLS says so when a certificate does not hold.
                print("uplink:", getattr(error, "code", type(error).__name__), error)
            if self._has_settled:
                backoff_ms = BACKOFF_MIN_MS
            await self._pause(backoff_ms)
            backoff_ms = min(2 * backoff_ms, BACKOFF_MAX_MS)

    async def _pause(self, backoff_ms: int) -> None:
        """Between half of the backoff and all of it, so that a shopful of terminals does not come back in step."""
        jitter = int.from_bytes(self._hw.random(2), "big") * backoff_ms // 131072
        end = ticks_add(ticks_ms(), backoff_ms // 2 + jitter)
        self._hurry.clear()
        while ticks_diff(end, ticks_ms()) > 0 and not self._hurry.is_set():
            self._beat()
            try:
                await asyncio.wait_for(self._hurry.wait(), min(LOOK_S, max(0, ticks_diff(end, ticks_ms())) / 1000))
            except asyncio.TimeoutError:
                pass  # not the whole pause at once: the supervisor waits for a beat

    async def _serve(self) -> None:
        self._broken = None
        self._has_settled = False
        gc.collect()  # room for the handshake; it also closes the socket of an attempt that was given up
        self._beat(CONNECT_TIMEOUT_S * 1000 + STEP_MS)
        reader, self._writer = await asyncio.wait_for(self._connect(), CONNECT_TIMEOUT_S)
        receiver = None
        try:
            decoder = mqtt.Decoder()
            self._beat(CONNECT_TIMEOUT_S * 1000 + STEP_MS)
            # The TLS handshake happens inside the first exchange: one deadline around all of it.
            await asyncio.wait_for(self._greet(reader, decoder), CONNECT_TIMEOUT_S)
            self._sent.clear()
            self.is_online = True
            self._panel.show("online")
            self._panel.show("waiting", None, len(self._queue))
            receiver = asyncio.create_task(self._receive(reader, decoder))
            await self._send_evidence()
        finally:
            while receiver and not receiver.done():
                receiver.cancel()  # once is not enough: MicroPython's `wait_for` swallows one that comes as it ends
                await asyncio.sleep(0)
            if self.is_online:
                self.is_online = False
                self._panel.show("offline")
            self._settle()
            self._writer.close()
            await self._writer.wait_closed()  # MicroPython closes the socket only here

    async def _connect(self) -> tuple:
        await self._hw.network_up()
        config = self._config
        return await asyncio.open_connection(
            config.broker_host, config.broker_port, ssl=self._tls, server_hostname=config.broker_name
        )

    async def _greet(self, reader: "asyncio.StreamReader", decoder: mqtt.Decoder) -> None:
        base = self._base
        await self._write(mqtt.connect(self._config.device, KEEPALIVE_S, base + "/state", b"offline"))
        mqtt.check_connack(await self._next_packet(reader, decoder))
        for topic in (base + "/down/#", "rnr/v1/%s/epoch" % self._config.tenant):
            packet_id = self._next_id()
            await self._write(mqtt.subscribe(topic, packet_id))
            packet = await self._next_packet(reader, decoder)
            while packet.kind == mqtt.PUBLISH:  # a message may overtake the SUBACK
                await self._take_message(mqtt.parse_publish(packet))
                packet = await self._next_packet(reader, decoder)
            mqtt.check_suback(packet, packet_id)
        await self._write(mqtt.publish(base + "/state", b"online", self._next_id(), retain=True))

    async def _receive(self, reader: "asyncio.StreamReader", decoder: mqtt.Decoder) -> None:
        """Reads without a time limit: MicroPython's `wait_for` loses what a read has taken as the time runs out. The
        sender looks at the time for both, and raises what ended this task."""
        try:
            while True:
                packet = await self._next_packet(reader, decoder)
                if packet.kind == mqtt.PUBLISH:
                    await self._take_message(mqtt.parse_publish(packet))
                elif packet.kind not in (mqtt.PUBACK, mqtt.PINGRESP):
                    raise MqttError("packet type %d" % packet.kind)
        except Exception as error:  # noqa: BLE001 - whatever it is, the link is over and `run` or the supervisor decides
            self._broken = error
            self._work.set()

    async def _next_packet(self, reader: "asyncio.StreamReader", decoder: mqtt.Decoder) -> mqtt.Packet:
        """Raises LinkDown when the broker has closed the link."""
        packet = decoder.next_packet()
        while packet is None:
            chunk = await reader.read(CHUNK_BYTES)
            if not chunk:
                raise LinkDown("closed by the broker")
            decoder.feed(chunk)
            packet = decoder.next_packet()
        self._heard = ticks_ms()
        return packet

    async def _take_message(self, message: mqtt.Message) -> None:
        if message.topic == self._base + "/down/order":
            self._on_order(message.payload)
        elif message.topic == self._base + "/down/rcpt":
            async with self._write_lock:
                self._take_receipt(message.payload)
        elif self._reserve and message.topic == self._base + "/down/sheet":
            self._reserve.take(message.payload)
            self._work.set()  # the log has something to say
        elif self._reserve and message.topic.endswith("epoch"):
            self._reserve.update(message.payload)
        elif message.topic == self._base + "/down/key" and self._on_key:
            statement = self._on_key(message.payload)
            if statement:
                await self._write(mqtt.publish(self._base + "/up/key", statement, self._next_id()))
        else:
            print("uplink: message on an unknown topic dropped")
        if message.packet_id is not None:
            await self._write(mqtt.puback(message.packet_id))

    def _take_receipt(self, token: bytes) -> None:
        config = self._config
        try:
            receipts = parse_receipt(token, config.agent_kid, config.agent_point, config.ueid)
        except ReceiptInvalid as error:
            print("uplink:", error.code, error)
            return
        for receipt in receipts:
            if not (self._log and self._log.take_receipt(receipt.token_sha256)):
                self._take_record(receipt)
        self.wake()  # there is room in the window, or more of the log to say

    def _take_record(self, receipt: "Receipt") -> None:
        for seq, (sha256, _) in self._sent.items():
            if sha256 == receipt.token_sha256:
                del self._sent[seq]
                try:
                    self._queue.remove(seq)
                except QueueError as error:
                    print("uplink:", error.code, error)
                self._panel.show("refused-by-agent" if receipt.verdict == REFUSED else "stored", receipt.reason, seq)
                return

    async def _send_evidence(self) -> None:
        """Keeps the window full, repeats what got no receipt, pings. Raises LinkDown when the broker is silent."""
        online = pinged = ticks_ms()
        while True:
            self._beat()
            self._work.clear()
            has_room = self._on_the_way() <= REFILL
            async with self._write_lock:  # a receipt that is checked in between would tear in two what is sent together
                seq = self._next_due(has_room)
                while seq is not None:
                    await self._send(seq)
                    seq = self._next_due(has_room)
            statement = await self._log.statement() if self._log else None
            if statement:
                await self._write(mqtt.publish(self._base + "/up/log", statement, self._next_id()))
            if self._broken:
                raise self._broken
            now = ticks_ms()
            if ticks_diff(now, self._heard) > SILENCE_MS:
                raise LinkDown("the broker is silent")
            if ticks_diff(now, pinged) > PING_AFTER_MS:
                pinged = now
                await self._write(mqtt.PINGREQ_PACKET)
            self._has_settled = self._has_settled or ticks_diff(now, online) > SETTLED_MS
            try:
                await asyncio.wait_for(self._work.wait(), LOOK_S)
            except asyncio.TimeoutError:
                self._settle()  # and look at the timers again

    def _settle(self) -> None:
        """Nothing came for a while: the receipts of before are marked on flash now."""
        try:
            self._queue.settle()
        except QueueError as error:
            print("uplink:", error.code, error)  # the next receipt tries again

    def _on_the_way(self) -> int:
        return sum([1 for sha256, _ in self._sent.values() if sha256])

    def _next_due(self, has_room: bool) -> "int | None":
        """The oldest that is not on the way, or has been for too long. Damaged ones take no place in the window."""
        now = ticks_ms()
        damaged = len(self._sent) - self._on_the_way()
        for seq in self._queue.pending(self._window + damaged):
            sent = self._sent.get(seq)
            if has_room if sent is None else ticks_diff(now, sent[1]) > RECEIPT_TIMEOUT_MS:
                return seq
        return None

    async def _send(self, seq: int) -> None:
        try:
            record = self._queue.read(seq)
        except QueueError as error:
            # Flash gives it back damaged. It must not hold up the others, and is tried again when its time is up.
            print("uplink:", error.code, error)
            self._panel.show("fault", error.code, seq)
            self._sent[seq] = (b"", ticks_ms())
            return
        if seq in self._sent:
            self._panel.show("evidence-resent", None, seq)
        self._sent[seq] = (record.sha256, ticks_ms())
        await self._put(mqtt.publish(self._base + "/up/evi", record.token, self._next_id()))

    async def _write(self, packet: bytes) -> None:
        async with self._write_lock:
            await self._put(packet)

    async def _put(self, packet: bytes) -> None:
        """Under the lock."""
        self._beat(WRITE_TIMEOUT_S * 1000 + STEP_MS)
        self._writer.write(packet)
        try:
            await asyncio.wait_for(self._writer.drain(), WRITE_TIMEOUT_S)
        except asyncio.TimeoutError:
            raise LinkDown("the broker takes nothing") from None

    def _next_id(self) -> int:
        self._packet_id = self._packet_id % 65535 + 1
        return self._packet_id
