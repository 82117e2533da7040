"""Targets: what the network brings a terminal: CBOR, COSE, orders, receipts, sheets, epochs, MQTT. Portable."""

from terminal import agent_messages, cbor, cose, mqtt, p256
from terminal.errors import CborError, CoseError, MqttError, OrderInvalid, ReceiptInvalid

from tests.fuzz.source import Source

UEID = b"\x01" + bytes(16)
KID = b"kidagent"
SEALED_TEXT = b"sealed"
ORDER = {
    4: 1770000600,
    6: 1770000000,
    10: bytes(16),
    256: UEID,
    265: agent_messages.ORDER_PROFILE,
    -70010: "order-1",
    -70011: "17000000001",
    -70012: "channel-1",
}
RECEIPT = {
    1: "agent",
    6: 1770000000,
    256: UEID,
    265: agent_messages.RECEIPT_PROFILE,
    -70021: [[bytes(32), bytes(16), 3, "nonce-unknown"], [bytes(31) + b"\1", b"", 1]],
}

SHEET = {
    4: 1770600000,
    6: 1770000000,
    256: UEID,
    265: "tag:shiming.example,2026:order-sheet#1",
    -70012: "channel-1",
    -70013: 1770000000,
    -70014: [cbor.encode(["order-1", bytes(16), "17000000001"]), cbor.encode(["order-2", bytes(16), "17000000002"])],
}
EPOCH = {6: 1770000000, 265: "tag:shiming.example,2026:epoch#1", -70015: bytes(16)}

_POINT = p256.public_key(1)
_SIGNED = (18, {1: -7, 4: KID}, {}, b"payload", bytes(64))
_SEALED = (96, {1: 30}, {5: bytes(13)}, bytes(20), [])
_SIZES = (0, 1, 8, 13, 16, 17, 32, 64)
_TEXT_SIZES = _SIZES + (15, 200)
_INTEGERS = (0, 1, 2, 3, 4, 9, 23, 24, 255, 256, 65535, 1 << 32, (1 << 63) - 1, 1 << 63, (1 << 64) - 1)


def check_cbor(data: bytes) -> None:
    try:
        value = cbor.decode(data)
    except CborError:
        return
    assert cbor.encode(value) == data, "another encoding"
    assert cbor.decode(memoryview(data)) == value, "another value from a view"


def check_cose(data: bytes) -> None:
    """Any bytes, or a message with some parts changed, under a key that is known and one that is not; and as sealed."""
    source = Source(data)
    try:
        data = cose_message(source)
    except CborError:
        return  # nested too deep
    for point in (None, _POINT):
        try:
            cose.verify1(data, lambda kid: point)  # noqa: B023 - called at once
        except (CborError, CoseError):
            continue
        assert point, "verified without a key"
    try:
        cose.open_sealed(data, 1, b"")
    except (CborError, CoseError):
        pass  # the named errors


def check_messages(data: bytes) -> None:
    """Claims behind a signature that holds: any bytes, or right claims with some changed."""
    source = Source(data)
    kind = source.below(5)
    if kind == 0:
        payload = source.rest()
    else:
        claims = changed(source, (ORDER, RECEIPT, SHEET, EPOCH)[kind - 1])
        try:
            payload = cbor.encode(claims)
        except CborError:
            return  # nested too deep
    token = envelope(payload)
    verify = p256.verify
    p256.verify = lambda point, digest, signature: True  # fuzzing reaches nothing behind a true one
    try:
        _check_order(token)
        _check_receipt(token)
        _check_sheet(token)
        _check_epoch(token)
    finally:
        p256.verify = verify


def check_mqtt(data: bytes) -> None:
    """The broker's stream in pieces gives the packets of the whole, and each is read or refused by name."""
    source = Source(data)
    sizes = [1 + byte for byte in source.take(4)]
    stream = source.rest()
    decoder = mqtt.Decoder()
    found = []
    is_refused = False
    at = piece = 0
    try:
        while at < len(stream):
            size = sizes[piece % len(sizes)]
            decoder.feed(stream[at : at + size])
            at += size
            piece += 1
            packet = decoder.next_packet()
            while packet is not None:
                found.append(tuple(packet))
                packet = decoder.next_packet()
    except MqttError:
        is_refused = True
    assert (found, is_refused) == _read_whole(stream), "packets"
    for packet in found:
        _check_packet(mqtt.Packet(*packet))


def cbor_seeds() -> list:
    values = (ORDER, RECEIPT, [None, True, False, -1, 1 << 63, "测", {b"a": [{}]}], cbor.Tag(18, [b"", {}, b"", b""]))
    refused = [b"\xa2\1\1\1\2", b"\xa2\2\1\1\2"]  # keys repeated and unsorted; heads too long
    refused += [b"\x18\x17", b"\x19\0\xff", b"\x1a\0\0\xff\xff", b"\x1b\0\0\0\0\xff\xff\xff\xff"]
    return [cbor.encode(value) for value in values] + refused


def cose_seeds() -> list:
    sealed = cose.seal(SEALED_TEXT, KID, _POINT, b"", lambda size: b"\x07" * size)
    return [b"\0" + message for message in (envelope(cbor.encode(ORDER)), sealed, sealed[:-1])] + [b"\1", b"\2\1\2"]


def messages_seeds() -> list:
    whole = [b"\0" + cbor.encode(claims) for claims in (ORDER, RECEIPT, SHEET, EPOCH)]
    return whole + [b"\1", b"\2", b"\3", b"\4", b"\1\1\3\2", b"\2\2\4\3\1\2", b"\3\1\5\2"]


def mqtt_seeds() -> list:
    connack, suback = b"\x20\x02\0\0", b"\x90\x03\0\1\1"
    order = mqtt.publish("rnr/v1/demo/terminal-1/down/order", bytes(200), 7)
    streams = (connack + suback + order, b"\x30\x04\0\1tp", mqtt.PINGREQ_PACKET, b"\x30\xff\xff\xff\xff", order[:-1])
    return [b"\0\5\x40\xff" + stream for stream in streams]


def envelope(payload: bytes) -> bytes:
    """A token as the agent makes it, its signature of the right size."""
    protected = cbor.encode({1: -7, 4: KID})
    return cbor.encode(cbor.Tag(18, [protected, {}, payload, bytes(64)]))


def cose_message(source: Source) -> bytes:
    kind = source.below(3)
    return source.rest() if kind == 0 else cbor.encode(_message(source, _SIGNED if kind == 1 else _SEALED))


def _message(source: Source, parts: tuple) -> cbor.Tag:
    """The tag, its four elements, and what is inside them."""
    tag, protected, unprotected, content, last = parts
    protected = cbor.encode(_maybe(source, changed(source, protected)))
    elements = [protected, changed(source, unprotected), content, last]
    if tag == 96:
        recipient = [cbor.encode({1: -25}), changed(source, {4: KID, -1: changed(source, cose.key_map(_POINT))}), b""]
        elements[3] = [_maybe(source, [_maybe(source, part) for part in recipient])]
    return cbor.Tag(tag, _maybe(source, [_maybe(source, element) for element in elements]))


def _maybe(source: Source, part: object) -> object:
    return value(source, 1) if source.below(12) == 11 else part


def changed(source: Source, claims: dict) -> dict:
    """With some values taken out, put in or replaced."""
    claims = dict(claims)
    keys = sorted(claims) or [4]
    for _ in range(source.below(4)):
        key = source.choice(keys)
        if source.below(4) == 0:
            claims.pop(key, None)
        else:
            claims[key] = value(source, 0)
    return claims


def value(source: Source, depth: int) -> object:
    """Anything that the profile can carry; a value cut from an endless source ends at once, being 0."""
    kind = source.below(12 if depth < 4 else 8)
    if kind < 2:
        return source.choice(_INTEGERS)
    if kind == 2:
        return -1 - source.choice(_INTEGERS)
    if kind == 3:
        return source.choice((None, True, False))
    if kind < 6:
        return source.take(source.choice(_SIZES))
    if kind < 8:
        return _text(source)
    count = source.below(4)
    if kind == 8:
        return cbor.Tag(source.choice(cbor.TAGS), value(source, depth + 1))
    if kind == 9:
        keys = [source.choice((1, -1, 265, "a", b"a")) for _ in range(count)]
        return {key: value(source, depth + 1) for key in keys}
    return [value(source, depth + 1) for _ in range(count)]


def _text(source: Source) -> str:
    characters = source.choice(("0123456789", "abc-._Z", "\0\n\x7f ", "测样\u3000\ue000", "a\u0301\U00020bb7\u202e"))
    return "".join([source.choice(characters) for _ in range(source.choice(_TEXT_SIZES))])


def _check_order(token: bytes) -> None:
    try:
        order = agent_messages.parse_order(token, KID, _POINT, UEID)
    except OrderInvalid:
        return
    assert (len(order.nonce), type(order.issued_at), type(order.expires_at)) == (16, int, int), "order"
    assert 1 <= len(order.id) <= 64 and 1 <= len(order.msisdn) <= 15, "order: size of a field"


def _check_receipt(token: bytes) -> None:
    try:
        receipts = agent_messages.parse_receipt(token, KID, _POINT, UEID)
    except ReceiptInvalid:
        return
    assert 1 <= len(receipts) <= 16, "receipt: answers"
    for receipt in receipts:
        assert receipt.verdict in (1, 2, 3) and len(receipt.token_sha256) == 32, "receipt"
        assert (receipt.reason is not None) == (receipt.verdict == 3), "receipt: reason"


def _check_sheet(token: bytes) -> None:
    try:
        sheet = agent_messages.sheet(token, KID, _POINT, UEID)
    except OrderInvalid:
        return
    assert sheet.number > 0 and (type(sheet.issued_at), type(sheet.expires_at)) == (int, int), "sheet"
    for order_id, nonce, msisdn in [agent_messages.entry(body) for body in sheet.bodies]:
        assert 1 <= len(order_id) <= 64 and len(nonce) == 16 and 1 <= len(msisdn) <= 15, "sheet: size of a field"


def _check_epoch(token: bytes) -> None:
    try:
        at, epoch = agent_messages.epoch(token, KID, _POINT)
    except OrderInvalid:
        return
    assert (type(at), type(epoch), len(epoch)) == (int, bytes, 16), "epoch"


def _check_packet(packet: mqtt.Packet) -> None:
    for check in (mqtt.check_connack, lambda found: mqtt.check_suback(found, 1)):
        try:
            check(packet)
        except MqttError:
            pass  # the named error
    try:
        message = mqtt.parse_publish(packet)
    except MqttError:
        return
    rest = 2 if message.packet_id is None else 4
    assert rest + len(message.topic.encode()) + len(message.payload) == len(packet.body), "publish: lost bytes"


def _read_whole(stream: bytes) -> tuple:
    """Section 2.2 of the standard: (packets, whether the stream is refused where it ends)."""
    found = []
    at = 0
    while True:
        size = shift = 0
        length_at = at + 1
        while True:
            if length_at >= len(stream):
                return found, False
            byte = stream[length_at]
            length_at += 1
            size |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                break
            if shift == 28:
                return found, True
        if size > 4096:
            return found, True
        if length_at + size > len(stream):
            return found, False
        found.append((stream[at] >> 4, stream[at] & 15, stream[length_at : length_at + size]))
        at = length_at + size
