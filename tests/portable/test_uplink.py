"""The link to a small broker on a socket: nothing that arrives is lost, and what hangs ends in a new link."""

import asyncio
import random
import sys

from harness import skip
from terminal import agent_messages, cbor, mqtt, uplink
from terminal.errors import QueueError
from terminal.queue import Record
from terminal.signer import SoftwareSigner, sign1
from terminal.uplink import Uplink

HOST = "127.0.0.1"
DEADLINE_S = 20
HEAD = "rnr/v1/demo/terminal-1"


AGENT = SoftwareSigner(11)


class Settings:
    def __init__(self, port: int) -> None:
        self.agent_kid, self.agent_point, self.ueid = AGENT.kid, AGENT.point, b"\x01" + bytes(16)
        self.tenant, self.device = "demo", "terminal-1"
        self.broker_host, self.broker_port, self.broker_name = HOST, port, None


class Panel:
    def __init__(self) -> None:
        self.shown = []

    def show(self, state: str, code: "str | None" = None, value: "int | None" = None) -> None:
        if state != "waiting":
            self.shown.append(state)


class Hardware:
    async def network_up(self) -> None:
        pass

    def random(self, size: int) -> bytes:
        return bytes(size)  # the shortest pause


class Records:
    """A queue of tokens; None stands for one that flash gives back damaged."""

    def __init__(self, *tokens: "bytes | None") -> None:
        self._tokens = tokens

    def pending(self, most: "int | None" = None) -> list:
        return list(range(1, len(self._tokens) + 1))[:most]

    def __len__(self) -> int:
        return len(self._tokens)

    def settle(self) -> None:
        pass

    def read(self, seq: int) -> Record:
        token = self._tokens[seq - 1]
        if token is None:
            raise QueueError("record %d is damaged" % seq)
        return Record(seq, "order", token, bytes(32))


class Chain(Records):
    """Many records, which go as they are receipted; `SHA-256` is the number."""

    def __init__(self, count: int) -> None:
        self._left = list(range(1, count + 1))
        self.removed = []

    def pending(self, most: "int | None" = None) -> list:
        return self._left[:most]

    def __len__(self) -> int:
        return len(self._left)

    def read(self, seq: int) -> Record:
        return Record(seq, "order", b"token", digest_of(seq))

    def remove(self, seq: int) -> None:
        self._left.remove(seq)
        self.removed.append(seq)


def digest_of(seq: int) -> bytes:
    return bytes(31) + bytes([seq])


class Broker:
    """Lets a terminal in; `serve(broker, reader, writer, decoder)` is what it does then. Counts the links."""

    def __init__(self, serve) -> None:
        self._serve = serve
        self.links = 0
        self.port = 0
        self.topics = []

    async def open(self) -> None:
        while not self.port:
            port = random.randrange(20000, 60000)
            try:
                self._server = await asyncio.start_server(self._welcome, HOST, port)
            except OSError:
                continue  # in use
            self.port = port

    async def close(self) -> None:
        self._server.close()

    async def _welcome(self, reader, writer) -> None:
        self.links += 1
        try:
            decoder = mqtt.Decoder()
            await self.packet(reader, decoder)  # CONNECT
            writer.write(b"\x20\x02\x00\x00")
            for _ in range(2):  # what is for this terminal, and the epoch
                subscribe = await self.packet(reader, decoder)
                writer.write(b"\x90\x03" + subscribe.body[:2] + b"\x01")
                await writer.drain()
            await self._serve(self, reader, writer, decoder)
        except OSError:
            pass  # the terminal has dropped the link
        finally:
            writer.close()
            await writer.wait_closed()

    async def packet(self, reader, decoder: mqtt.Decoder) -> mqtt.Packet:
        packet = decoder.next_packet()
        while packet is None:
            chunk = await reader.read(4096)
            if not chunk:
                raise OSError("closed by the terminal")
            decoder.feed(chunk)
            packet = decoder.next_packet()
        if packet.kind == mqtt.PUBLISH:
            self.topics.append(mqtt.parse_publish(packet).topic)
        return packet


class Log:
    """One statement to send, again until its receipt has come."""

    def __init__(self) -> None:
        self.sent = 0
        self.receipts = []

    async def statement(self) -> "bytes | None":
        if self.receipts:
            return None
        self.sent += 1
        return b"statement"

    def take_receipt(self, sha256: bytes) -> bool:
        self.receipts.append(sha256)
        return sha256 == bytes(32)


async def receipt(*digests: bytes) -> bytes:
    """The agent has stored these."""
    claims = {1: "agent", 6: 1, 256: b"\x01" + bytes(16), 265: agent_messages.RECEIPT_PROFILE}
    claims[-70021] = [[digest, b"", agent_messages.STORED] for digest in digests]
    return await sign1(cbor.encode(claims), AGENT.kid, AGENT)


def play(serve, records: Records, is_over, log: "Log | None" = None, **constants: float) -> tuple:
    """Runs an uplink at a broker until `is_over(broker, panel, orders)`; `constants` of uplink.py for this time."""
    broker, panel, orders = Broker(serve), Panel(), []

    async def story() -> None:
        await broker.open()
        link = Uplink(Hardware(), panel, Settings(broker.port), records, None, orders.append, lambda ms=0: None, log)
        running = asyncio.create_task(link.run())
        while not is_over(broker, panel, orders):
            assert not running.done(), "the uplink's task has ended"
            await asyncio.sleep(0.005)
        while not running.done():
            running.cancel()  # and again: MicroPython's `wait_for` swallows one that comes as its time runs out
            await asyncio.sleep(0.1)
        await broker.close()

    before = {name: getattr(uplink, name) for name in constants}
    try:
        for name in constants:
            setattr(uplink, name, constants[name])
        asyncio.run(asyncio.wait_for(story(), DEADLINE_S))
    finally:
        for name in before:
            setattr(uplink, name, before[name])
    return broker, panel, orders


async def keep_reading(broker: Broker, reader, writer, decoder: mqtt.Decoder) -> None:
    while True:
        await broker.packet(reader, decoder)


def test_no_byte_is_lost_while_the_timers_are_looked_at() -> None:
    count = 400

    async def serve(broker: Broker, reader, writer, decoder: mqtt.Decoder) -> None:
        for i in range(count):
            writer.write(mqtt.publish(HEAD + "/down/order", b"%d" % i, i + 1))
            await writer.drain()
            await asyncio.sleep(0.001)
        await keep_reading(broker, reader, writer, decoder)

    broker, _, orders = play(serve, Records(), lambda broker, panel, orders: len(orders) >= count, LOOK_S=0.002)
    assert broker.links == 1
    assert orders == [b"%d" % i for i in range(count)]


def test_broker_that_takes_nothing_ends_the_link() -> None:
    if sys.implementation.name != "micropython":
        skip("CPython's wait_closed() waits until the broker has taken everything")

    async def serve(broker: Broker, reader, writer, decoder: mqtt.Decoder) -> None:
        await asyncio.sleep(DEADLINE_S)

    records = Records(bytes(6_000_000))  # more than the buffers of both sockets
    broker, panel, _ = play(serve, records, lambda broker, panel, orders: broker.links >= 2, WRITE_TIMEOUT_S=0.1)
    assert panel.shown[:2] == ["online", "offline"]


def test_broker_that_sends_no_whole_packet_counts_as_silent() -> None:
    async def serve(broker: Broker, reader, writer, decoder: mqtt.Decoder) -> None:
        writer.write(b"\x30\xff\x0f")  # of 2047 bytes, which come one by one
        while True:
            writer.write(b"x")
            await writer.drain()
            await asyncio.sleep(0.02)

    play(serve, Records(), lambda broker, panel, orders: broker.links >= 2, SILENCE_MS=200, LOOK_S=0.01)


def test_damaged_record_does_not_hold_up_the_others() -> None:
    broker, panel, _ = play(
        keep_reading, Records(None, b"whole"), lambda broker, panel, orders: HEAD + "/up/evi" in broker.topics
    )
    assert broker.links == 1
    assert panel.shown == ["online", "fault", "offline"]


def test_terminal_is_offline_after_a_fault_of_any_kind() -> None:
    class Broken(Records):
        def read(self, seq: int) -> Record:
            raise MemoryError

    panel = Panel()

    async def story() -> None:
        broker = Broker(keep_reading)
        await broker.open()
        link = Uplink(Hardware(), panel, Settings(broker.port), Broken(b"t"), None, print, lambda ms=0: None)
        try:
            await link.run()
        except MemoryError:
            assert not link.is_online
        else:
            raise AssertionError("no fault")
        await broker.close()

    asyncio.run(asyncio.wait_for(story(), DEADLINE_S))
    assert panel.shown == ["online", "offline"]


def test_flight_log_goes_out_on_its_own_topic_after_the_evidence_and_hears_its_receipt() -> None:
    log = Log()

    async def serve(broker: Broker, reader, writer, decoder: mqtt.Decoder) -> None:
        while HEAD + "/up/log" not in broker.topics:
            await broker.packet(reader, decoder)
        writer.write(mqtt.publish(HEAD + "/down/rcpt", await receipt(bytes(32)), 1))
        await keep_reading(broker, reader, writer, decoder)

    broker, panel, _ = play(serve, Records(b"token"), lambda broker, panel, orders: log.receipts, log=log)
    assert log.receipts == [bytes(32)]
    assert broker.topics[:3] == [HEAD + "/state", HEAD + "/up/evi", HEAD + "/up/log"]
    assert "stored" not in panel.shown, "no record's"


def test_evidence_that_is_sent_again_for_want_of_a_receipt_is_told() -> None:
    _, panel, _ = play(
        keep_reading,
        Records(b"token"),
        lambda broker, panel, orders: "evidence-resent" in panel.shown,
        RECEIPT_TIMEOUT_MS=20,
        LOOK_S=0.01,
    )
    assert panel.shown[:2] == ["online", "evidence-resent"]


def test_one_receipt_ends_many_records_and_the_window_is_filled_again_when_half_of_it_is_free() -> None:
    records, counts = Chain(40), []

    async def serve(broker: Broker, reader, writer, decoder: mqtt.Decoder) -> None:
        async def sent(most: int) -> None:
            """As many are on the way, and one ping shows that no more come."""
            while broker.topics.count(HEAD + "/up/evi") < most:
                await broker.packet(reader, decoder)
            while (await broker.packet(reader, decoder)).kind == mqtt.PUBLISH:
                pass
            counts.append(broker.topics.count(HEAD + "/up/evi"))

        await sent(16)
        for first, last in ((1, 7), (8, 8), (9, 16), (17, 32), (33, 40)):
            some = await receipt(*[digest_of(seq) for seq in range(first, last + 1)])
            writer.write(mqtt.publish(HEAD + "/down/rcpt", some, 1))
            await writer.drain()
            await sent(min(40, 16 if last < 8 else last + 16))
        await keep_reading(broker, reader, writer, decoder)

    _, panel, _ = play(serve, records, lambda broker, panel, orders: not len(records), LOOK_S=0.01, PING_AFTER_MS=100)
    assert records.removed == list(range(1, 41)), "each once, in order"
    assert counts[:3] == [16, 16, 24], "seven places are not enough"
    assert panel.shown.count("stored") == 40


def test_record_is_not_held_up_by_damaged_ones() -> None:
    records = Records(*([None] * 20 + [b"whole"]))
    broker, _, _ = play(keep_reading, records, lambda broker, panel, orders: HEAD + "/up/evi" in broker.topics)
    assert broker.links == 1
