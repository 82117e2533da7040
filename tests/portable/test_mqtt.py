"""MQTT 3.1.1 packets: known bytes, any cutting of the stream, malformed packets refused."""

from terminal import mqtt
from terminal.errors import MqttError


def refused(call, *args) -> bool:
    try:
        call(*args)
    except MqttError:
        return True
    return False


def test_connect_bytes() -> None:
    packet = mqtt.connect("t1", 30, "s", b"offline")
    assert packet == b"\x10\x1a\x00\x04MQTT\x04\x2e\x00\x1e\x00\x02t1\x00\x01s\x00\x07offline"


def test_publish_and_subscribe_bytes() -> None:
    assert mqtt.publish("a/b", b"hi", 10) == b"\x32\x09\x00\x03a/b\x00\x0ahi"
    assert mqtt.publish("a/b", b"hi", 10, retain=True)[0] == 0x33
    assert mqtt.subscribe("a/#", 1) == b"\x82\x08\x00\x01\x00\x03a/#\x01"
    assert mqtt.puback(258) == b"\x40\x02\x01\x02"


def test_remaining_length_over_one_byte() -> None:
    packet = mqtt.publish("t", bytes(200), 1)
    assert packet[1:3] == b"\xcd\x01"
    decoder = mqtt.Decoder()
    decoder.feed(packet)
    message = mqtt.parse_publish(decoder.next_packet())
    assert (message.topic, message.packet_id, message.payload) == ("t", 1, bytes(200))


def test_stream_in_pieces_of_any_size() -> None:
    stream = mqtt.publish("t", b"one", 1) + mqtt.puback(7) + b"\xd0\x00"
    for size in range(1, len(stream) + 1):
        decoder = mqtt.Decoder()
        kinds = []
        for start in range(0, len(stream), size):
            decoder.feed(stream[start : start + size])
            packet = decoder.next_packet()
            while packet:
                kinds.append(packet.kind)
                packet = decoder.next_packet()
        assert kinds == [mqtt.PUBLISH, mqtt.PUBACK, mqtt.PINGRESP], size


def test_oversized_and_endless_lengths_are_refused() -> None:
    for head in (b"\x30\xff\xff\x7f", b"\x30\xff\xff\xff\xff"):
        decoder = mqtt.Decoder()
        decoder.feed(head)
        assert refused(decoder.next_packet), head


def test_malformed_publishes_are_refused() -> None:
    for flags, body in (
        (2, b""),
        (2, b"\x00\x05ab"),
        (4, b"\x00\x01a\x00\x01"),
        (2, b"\x00\x01a\x00"),
        (0, b"\x00\x02\xc3\x28"),
    ):
        assert refused(mqtt.parse_publish, mqtt.Packet(mqtt.PUBLISH, flags, body)), body


def test_brokers_refusals_are_errors() -> None:
    assert refused(mqtt.check_connack, mqtt.Packet(mqtt.CONNACK, 0, b"\x00\x05"))
    assert refused(mqtt.check_suback, mqtt.Packet(mqtt.SUBACK, 0, b"\x00\x01\x80"), 1)
    mqtt.check_connack(mqtt.Packet(mqtt.CONNACK, 0, b"\x00\x00"))
    mqtt.check_suback(mqtt.Packet(mqtt.SUBACK, 0, b"\x00\x01\x01"), 1)
