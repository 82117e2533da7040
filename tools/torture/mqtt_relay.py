"""Stands between an MQTT client and the broker, with a certificate towards each, and does to their packets what it is
told. Both sides keep their TLS: to the client it shows the broker's certificate, to the broker the client's own.
"""

import asyncio
import contextlib
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto
from pathlib import Path

from cryptography.hazmat.primitives import serialization

PUBLISH = 3
PINGREQ, PINGRESP = 12, 13
DUP = 0x08
HELD_S = 2.0  # a packet that no other one overtakes goes on after this
LENGTH_BYTES = 4


class Act(Enum):
    DROP = auto()
    DOUBLE = auto()  # a PUBLISH with its DUP flag, as a sender repeats it
    HOLD = auto()  # until the next one has gone
    DELAY = auto()  # and with it everything behind it
    CORRUPT = auto()
    CUT = auto()  # both connections, in the middle of the packet


@dataclass(frozen=True, slots=True)
class Fate:
    """`at`: of a CORRUPT packet the place of the bit, of a CUT one where it breaks off, in thousandths of the body."""

    act: Act
    at: int = 0
    bit: int = 0
    delay_s: float = 0.0


def kind_of(packet: bytes) -> int:
    return packet[0] >> 4


def is_message(packet: bytes) -> bool:
    """Everything but pings, of which there are as many as time passes."""
    return kind_of(packet) not in (PINGREQ, PINGRESP)


def corrupt(packet: bytes, at: int, bit: int) -> bytes:
    """One bit of the body is another; the fixed header stays, so that the next packet still begins where it does."""
    body_at = _body_at(packet)
    if body_at == len(packet):
        return packet
    changed = bytearray(packet)
    changed[body_at + (len(packet) - body_at) * at // 1000] ^= 1 << bit % 8
    return bytes(changed)


def _body_at(packet: bytes) -> int:
    """Where the fixed header ends: after the first length byte without a continuation bit."""
    return next(at for at in range(1, len(packet)) if packet[at] < 0x80) + 1


def doubled(packet: bytes) -> bytes:
    again = bytes([packet[0] | DUP]) + packet[1:] if kind_of(packet) == PUBLISH and packet[0] & 0x06 else packet
    return packet + again


async def read_packet(reader: asyncio.StreamReader) -> bytes:
    """Raises IncompleteReadError at the end."""
    packet = await reader.readexactly(1)
    length = shift = 0
    for _ in range(LENGTH_BYTES):
        digit = await reader.readexactly(1)
        packet += digit
        length |= (digit[0] & 0x7F) << shift
        shift += 7
        if digit[0] < 0x80:
            break
    return packet + await reader.readexactly(length)


class MqttRelay:
    """`judge_up(packet)` and `judge_down(packet)` are asked about each message; None lets it pass."""

    def __init__(
        self,
        towards_client: ssl.SSLContext,
        towards_broker: ssl.SSLContext,
        broker_port: int,
        judge_up: Callable[[bytes], Fate | None],
        judge_down: Callable[[bytes], Fate | None],
    ) -> None:
        self._towards_client = towards_client
        self._towards_broker = towards_broker
        self._broker_port = broker_port
        self._judge_up = judge_up
        self._judge_down = judge_down
        self._links: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None
        self.port = 0

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0, ssl=self._towards_client)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        if self._server is None:
            return
        self._server.close()
        for link in self._links:
            link.cancel()
        await asyncio.gather(*self._links, return_exceptions=True)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        link = asyncio.get_running_loop().create_task(self._serve(reader, writer))
        self._links.add(link)
        link.add_done_callback(self._links.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Until either side is gone, or a fate ends it: then both are."""
        broker: asyncio.StreamWriter | None = None
        try:
            from_broker, broker = await asyncio.open_connection(
                "127.0.0.1", self._broker_port, ssl=self._towards_broker, server_hostname="localhost"
            )
            ways = [
                asyncio.create_task(_pump(reader, broker, self._judge_up)),
                asyncio.create_task(_pump(from_broker, writer, self._judge_down)),
            ]
            try:
                await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for way in ways:
                    way.cancel()
                await asyncio.gather(*ways, return_exceptions=True)
        except OSError:
            return  # no broker: the client finds its connection closed
        finally:
            for end in (writer, broker):
                if end is not None:
                    end.transport.abort()


async def _pump(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, judge: Callable[[bytes], Fate | None]
) -> None:
    held = b""
    with contextlib.suppress(asyncio.IncompleteReadError, OSError):
        while True:
            reading = asyncio.ensure_future(read_packet(reader))
            try:
                if held and not (await asyncio.wait([reading], timeout=HELD_S))[0]:
                    writer.write(held)
                    held = b""
                packet = await reading
            finally:
                reading.cancel()
            fate = judge(packet) if is_message(packet) else None
            if fate is None:
                writer.write(packet)
            elif fate.act is Act.DOUBLE:
                writer.write(doubled(packet))
            elif fate.act is Act.CORRUPT:
                writer.write(corrupt(packet, fate.at, fate.bit))
            elif fate.act is Act.DELAY:
                await asyncio.sleep(fate.delay_s)
                writer.write(packet)
            elif fate.act is Act.CUT:
                writer.write(packet[: len(packet) * fate.at // 1000])
                await writer.drain()
                return
            if fate is not None and fate.act is Act.HOLD:
                held += packet
                continue
            if held:
                writer.write(held)
                held = b""
            await writer.drain()


def client_context(pki: Path, name: str, folder: Path) -> ssl.SSLContext:
    """As the agent or this terminal shows itself to the broker. A terminal's key is DER: a copy goes to `folder`."""
    context = ssl.create_default_context(cafile=pki / "ca.cert.pem")
    certificate, key = pki / f"{name}.cert.pem", pki / f"{name}.key.pem"
    if not certificate.exists():
        device = pki / "devices" / name
        certificate, key = folder / f"{name}.cert.pem", folder / f"{name}.key.pem"
        certificate.write_text(ssl.DER_cert_to_PEM_cert((device / "tls.cert.der").read_bytes()))
        private = serialization.load_der_private_key((device / "tls.key.der").read_bytes(), None)
        key.touch(mode=0o600)
        key.write_bytes(
            private.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
    context.load_cert_chain(certificate, key)
    return context


def server_context(pki: Path, name: str) -> ssl.SSLContext:
    """As the broker or the backend shows itself to its clients, of whom it asks for a certificate as they do."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=pki / "ca.cert.pem")
    context.load_cert_chain(pki / f"{name}.cert.pem", pki / f"{name}.key.pem")
    context.verify_mode = ssl.CERT_REQUIRED
    return context
