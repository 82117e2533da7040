"""The link to a small broker on a socket: nothing that arrives is lost, and what hangs ends in a new link."""

import asyncio
import random
import sys

from harness import skip
from terminal import mqtt, uplink
from terminal.errors import QueueError
from terminal.queue import Record
from terminal.uplink import Uplink

HOST = "127.0.0.1"
DEADLINE_S = 20
HEAD = "rnr/v1/demo/terminal-1"


class Settings:
    def __init__(self, port: int) -> None:
        self.tenant, self.device = "demo", "terminal-1"
        self.broker_host, self.broker_port, self.broker_name = HOST, port, None


class Panel:
    def __init__(self) -> None:
        self.shown = []

    def show(self, state: str, code: "str | None" = None, value: "int | None" = None) -> None:
        self.shown.append(state)


class Hardware:
    def __init__(self) -> None:
        self.panel = Panel()

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

    def read(self, seq: int) -> Record:
        token = self._tokens[seq - 1]
        if token is None:
            raise QueueError("record %d is damaged" % seq)
        return Record(seq, "order", token, bytes(32))


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


def play(serve, records: Records, is_over, **constants: float) -> tuple:
    """Runs an uplink at a broker until `is_over(broker, hardware, orders)`; `constants` of uplink.py for this time."""
    broker, hardware, orders = Broker(serve), Hardware(), []

    async def story() -> None:
        await broker.open()
        link = Uplink(hardware, Settings(broker.port), records, None, orders.append, lambda ms=0: None)
        running = asyncio.create_task(link.run())
        while not is_over(broker, hardware, orders):
            assert not running.done(), "the uplink's task has ended"
            await asyncio.sleep(0.005)
        running.cancel()
        try:
            await running
        except asyncio.CancelledError:
            pass  # as told
        await broker.close()

    before = {name: getattr(uplink, name) for name in constants}
    try:
        for name in constants:
            setattr(uplink, name, constants[name])
        asyncio.run(asyncio.wait_for(story(), DEADLINE_S))
    finally:
        for name in before:
            setattr(uplink, name, before[name])
    return broker, hardware, orders


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

    broker, _, orders = play(serve, Records(), lambda broker, hw, orders: len(orders) >= count, LOOK_S=0.002)
    assert broker.links == 1
    assert orders == [b"%d" % i for i in range(count)]


def test_broker_that_takes_nothing_ends_the_link() -> None:
    if sys.implementation.name != "micropython":
        skip("CPython's wait_closed() waits until the broker has taken everything")

    async def serve(broker: Broker, reader, writer, decoder: mqtt.Decoder) -> None:
        await asyncio.sleep(DEADLINE_S)

    records = Records(bytes(6_000_000))  # more than the buffers of both sockets
    broker, hardware, _ = play(serve, records, lambda broker, hw, orders: broker.links >= 2, WRITE_TIMEOUT_S=0.1)
    assert hardware.panel.shown[:2] == ["online", "offline"]


def test_broker_that_sends_no_whole_packet_counts_as_silent() -> None:
    async def serve(broker: Broker, reader, writer, decoder: mqtt.Decoder) -> None:
        writer.write(b"\x30\xff\x0f")  # of 2047 bytes, which come one by one
        while True:
            writer.write(b"x")
            await writer.drain()
            await asyncio.sleep(0.02)

    play(serve, Records(), lambda broker, hw, orders: broker.links >= 2, SILENCE_MS=200, LOOK_S=0.01)


def test_damaged_record_does_not_hold_up_the_others() -> None:
    broker, hardware, _ = play(
        keep_reading, Records(None, b"whole"), lambda broker, hw, orders: HEAD + "/up/evi" in broker.topics
    )
    assert broker.links == 1
    assert hardware.panel.shown == ["online", "fault", "offline"]


def test_terminal_is_offline_after_a_fault_of_any_kind() -> None:
    class Broken(Records):
        def read(self, seq: int) -> Record:
            raise MemoryError

    hardware = Hardware()

    async def story() -> None:
        broker = Broker(keep_reading)
        await broker.open()
        link = Uplink(hardware, Settings(broker.port), Broken(b"t"), None, print, lambda ms=0: None)
        try:
            await link.run()
        except MemoryError:
            assert not link.is_online
        else:
            raise AssertionError("no fault")
        await broker.close()

    asyncio.run(asyncio.wait_for(story(), DEADLINE_S))
    assert hardware.panel.shown == ["online", "offline"]
