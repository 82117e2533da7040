"""MQTT 3.1.1 packets a terminal needs (OASIS mqtt-v3.1.1-os): bytes in, values out. Pure.

QoS 1 only, no wildcards in publishes, packets up to MAX_PACKET bytes: an order or a receipt is under 1 KB.
"""

import struct
from collections import namedtuple

from terminal.errors import MqttError

MAX_PACKET = 4096

CONNACK, PUBLISH, PUBACK, SUBACK, PINGRESP = 2, 3, 4, 9, 13

PINGREQ_PACKET = b"\xc0\x00"

Packet = namedtuple("Packet", ("kind", "flags", "body"))
Message = namedtuple("Message", ("topic", "packet_id", "payload"))


def connect(client_id: str, keepalive_s: int, will_topic: str, will: bytes) -> bytes:
    """Clean session: what the broker remembers is never relied on, receipts are. Will: QoS 1, retained."""
    flags = 0x02 | 0x04 | 0x08 | 0x20
    body = b"\x00\x04MQTT\x04" + bytes([flags]) + struct.pack(">H", keepalive_s)
    return _packet(0x10, body, _text(client_id), _text(will_topic), struct.pack(">H", len(will)), will)


def publish(topic: str, payload: bytes, packet_id: int, retain: bool = False) -> bytes:
    return _packet(0x32 | retain, _text(topic), struct.pack(">H", packet_id), payload)


def subscribe(topic_filter: str, packet_id: int) -> bytes:
    return _packet(0x82, struct.pack(">H", packet_id), _text(topic_filter), b"\x01")


def puback(packet_id: int) -> bytes:
    return b"\x40\x02" + struct.pack(">H", packet_id)


def check_connack(packet: Packet) -> None:
    """Raises MqttError with the broker's return code (§3.2.2.3)."""
    if packet.kind != CONNACK or len(packet.body) != 2:
        raise MqttError("CONNACK expected")
    if packet.body[1]:
        raise MqttError("broker refused the connection, code %d" % packet.body[1])


def check_suback(packet: Packet, packet_id: int) -> None:
    if packet.kind != SUBACK or len(packet.body) != 3 or _u16(packet.body, 0) != packet_id:
        raise MqttError("SUBACK expected")
    if packet.body[2] > 2:
        raise MqttError("broker refused the subscription")


def parse_publish(packet: Packet) -> Message:
    """`packet_id` is None for QoS 0."""
    body = packet.body
    qos = packet.flags >> 1 & 3
    if len(body) < 2 or qos > 1:
        raise MqttError("publish: qos %d, %d bytes" % (qos, len(body)))
    end = 2 + _u16(body, 0)
    start = end + 2 * qos
    if start > len(body):
        raise MqttError("publish: truncated")
    try:
        topic = str(body[2:end], "utf-8")
    except UnicodeError:
        raise MqttError("publish: topic is not UTF-8") from None
    return Message(topic, _u16(body, end) if qos else None, body[start:])


class Decoder:
    """Cuts the broker's byte stream into packets, whatever the pieces."""

    def __init__(self) -> None:
        self._buffer = b""

    def feed(self, chunk: bytes) -> None:
        self._buffer += chunk

    def next_packet(self) -> "Packet | None":
        """None when no whole packet is there. Raises MqttError for a packet that is too long."""
        buffer = self._buffer
        size = 0
        for i in range(1, 5):
            if i >= len(buffer):
                return None
            size |= (buffer[i] & 0x7F) << 7 * (i - 1)
            if not buffer[i] & 0x80:
                break
        else:
            raise MqttError("remaining length: more than 4 bytes")
        if size > MAX_PACKET:
            raise MqttError("packet of %d bytes" % size)
        start = i + 1
        if len(buffer) < start + size:
            return None
        self._buffer = buffer[start + size :]
        return Packet(buffer[0] >> 4, buffer[0] & 15, buffer[start : start + size])


def _packet(first: int, *parts: bytes) -> bytes:
    size = sum([len(part) for part in parts])
    head = bytearray([first])
    while True:
        digit = size & 0x7F
        size >>= 7
        head.append(digit | (0x80 if size else 0))
        if not size:
            return b"".join((bytes(head),) + parts)  # once over the payload


def _text(text: str) -> bytes:
    raw = text.encode()
    return struct.pack(">H", len(raw)) + raw


def _u16(body: bytes, at: int) -> int:
    return body[at] << 8 | body[at + 1]
