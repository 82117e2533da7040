"""Targets of the host, and those that compare it with the firmware: what one side signs the other must read alike."""

import datetime

from cryptography.hazmat.primitives.asymmetric import ec
from terminal import card, claim
from terminal import cbor as terminal_cbor
from terminal.errors import CborError

from host_agent import attestation, cbor, envelope, flight_log, freshness, numbers, sealed
from host_agent.attestation import DocumentType
from host_agent.errors import TokenRefused
from tests.fuzz import wire
from tests.fuzz.numbers import firmware_says, number_case
from tests.fuzz.source import Source
from tests.host_agent.terminal_double import MODELS, liveness, match
from tests.portable import specimen

_KEY = ec.derive_private_key(1, ec.SECP256R1())
_IDENTITY = {
    1: "测试甲",
    2: 1,
    3: "01",
    4: "19900307",
    5: specimen.ADDRESS,
    6: specimen.NUMBER,
    7: "样本分局",
    8: "20200101",
    9: "长期",
    10: ["测试新址"],
    11: bytes(32),
    12: "17000000001",
    13: "SPECIMEN, TEST",
    14: "XXS",
    15: "H00000000",
    16: "01",
    17: "011",
    18: "1101",
    19: "01",
}
_RESULTS = {
    1: 1,
    2: 1,
    3: liveness(),
    4: match(),
    5: "channel-1",
    7: 1,
    9: "order-1",
    10: "05.01-20200101-0000000001-0000000001",
    11: [True, 1],
    12: 2500,
    13: MODELS,
}
_REFUSALS = ("token-malformed", "token-oversized", "claims-malformed", "profile-unknown", "face-inconsistent")
_LOG = {
    6: 1770000000,
    256: wire.UEID,
    265: flight_log.LOG_PROFILE,
    267: 1,
    268: bytes(8),
    -70001: 1,
    -70002: bytes(32),
    -70060: [cbor.encode([1, 1770000000, "power-on", 1]), cbor.encode([9, 1770000001, "online"])],
    -70061: [[1, 2]],
}
_EVIDENCE = {
    6: 1770000000,
    7: bytes(16),
    10: bytes(16),
    256: wire.UEID,
    258: bytes(16),
    259: b"model",
    260: ["1"],
    262: True,
    263: 3,
    265: attestation.EVIDENCE_PROFILE,
    267: 1,
    268: bytes(8),
    270: "shiming",
    271: ["1.0"],
    -70001: 2,
    -70002: b"\1" * 32,
    -70004: b"sealed",
    -70006: [False, 3, 10],
    -70007: [1, bytes(16)],
    -70008: 1,
}


def check_numbers(data: bytes) -> None:
    """Firmware and agent agree on every number, and on what a date is."""
    case = number_case(data)
    document = DocumentType(case.document)
    is_valid = numbers.is_valid(document, case.number, case.birth)
    assert is_valid == firmware_says(case), "firmware and agent disagree on a number"
    assert card.is_date(case.birth) == numbers.is_date(case.birth) == _is_date(case.birth), "disagree on a date"
    if is_valid:
        numbers.earlier_number(case.number, "XXS", "011")


def check_identity(data: bytes) -> None:
    """What is sealed: any bytes, any value, an identity with entries changed, and what the firmware makes of a card."""
    source = Source(data)
    kind = source.below(4)
    document = source.below(6)
    if kind == 0:
        plaintext = source.rest()
    elif kind == 1:
        plaintext = encoded(wire.changed(source, _IDENTITY))
    elif kind == 2:
        plaintext = encoded(wire.value(source, 0))
    else:
        return _check_card(1 + document % 4, source.rest())
    try:
        _look_at(sealed.parse_identity(plaintext, document or None))
    except TokenRefused:
        pass  # the named error
    return None


def check_cbor(data: bytes) -> None:
    """Both codecs take and refuse the same bytes, and read the same out of them."""
    try:
        value = _host_value(terminal_cbor.decode(data))
    except CborError:
        value = CborError
    try:
        assert cbor.decode(data) == value, "firmware and agent read different values"
    except TokenRefused:
        assert value is CborError, "only the agent refuses"


def check_cose(data: bytes) -> None:
    """Signed and sealed messages, any bytes or with some parts changed: nothing opens that nobody sealed."""
    try:
        message = wire.cose_message(Source(data))
    except CborError:
        return  # nested too deep
    try:
        parsed = envelope.parse(message)
        envelope.verify(parsed, _KEY.public_key())
    except TokenRefused:
        pass  # the named error
    else:
        raise AssertionError("verified without a key")
    try:
        opened = sealed.unseal(message, b"", _KEY, wire.KID)
    except TokenRefused:
        return
    assert opened == wire.SEALED_TEXT, "opened what nobody sealed"


def check_tokens(data: bytes) -> None:
    """What a terminal publishes: any bytes as an envelope, and changed claims of evidence and of its answers."""
    source = Source(data)
    kind = source.below(6)
    if kind == 0:
        payload = source.rest()
    elif kind == 1:
        results = wire.changed(source, _RESULTS)
        payload = encoded(wire.changed(source, {**_EVIDENCE, -70003: results}))
    else:
        payload = encoded(wire.changed(source, (wire.ORDER, wire.RECEIPT, wire.SHEET, wire.EPOCH)[kind - 2]))
    parsers = (envelope.parse, attestation.parse_evidence, attestation.parse_order, attestation.parse_receipt)
    for parse in (*parsers, flight_log.parse, freshness.parse_sheet, freshness.parse_epoch):
        try:
            parse(payload)
        except TokenRefused as error:
            assert error.code in _REFUSALS, "code"


def identity_seeds() -> list[bytes]:
    plaintext = cbor.encode(_IDENTITY)
    cards = [bytes((3, document)) + block for document, block in enumerate(_card_blocks())]
    return [bytes((0, document)) + plaintext for document in range(1, 5)] + [b"\1\1", b"\1\3\2\5\1", b"\2\1\12"] + cards


def _card_blocks() -> list[bytes]:
    blocks = (specimen.text_block, specimen.hmt_block, specimen.foreign_2017_block, specimen.foreign_2023_block)
    return [block() for block in blocks]


def token_seeds() -> list[bytes]:
    claims = (wire.ORDER, wire.RECEIPT, wire.SHEET, wire.EPOCH, {**_EVIDENCE, -70003: _RESULTS}, _LOG)
    return [b"\0" + cbor.encode(claim) for claim in claims] + [
        b"\0" + wire.envelope(cbor.encode(wire.ORDER)), b"\1\0\0", b"\2\1\3", b"\3\1\5"
    ]  # fmt: skip


def _check_card(document: int, data: bytes) -> None:
    """Every field that the terminal reads arrives as it was read."""
    block = bytearray((data + b"\x20\0" * 128)[:256])
    block[248:250] = b" JIY"[document - 1], 0
    try:
        person = card.parse(block)
        addresses = ("虚构新址",)
        identity = sealed.parse_identity(claim.identity(person, addresses, b"photo", "17000000001"), document)
    except card.CardMalformed:
        return
    names = {"ethnic": "ethnicity", "birth": "birth_date", "issuer": "authority"}
    for field in card.FIELDS:
        assert getattr(identity, names.get(field) or field) == getattr(person, field), field
    assert (identity.additional_addresses, identity.photo) == (addresses, b"photo"), "rest of the identity"
    _look_at(identity)


def _look_at(identity: sealed.Identity) -> None:
    """As the backend does."""
    if numbers.is_valid(identity.document, identity.number, identity.birth_date):
        numbers.doubts(identity)
    numbers.earlier_number(identity.number, identity.nationality or "", identity.earlier_link or "")


def encoded(value: object) -> bytes:
    return cbor.encode(_host_value(value))


def _host_value(value: object) -> object:
    """The same in the agent's terms."""
    if isinstance(value, terminal_cbor.Tag):
        return cbor.Tag(value.tag, _host_value(value.value))
    if isinstance(value, list):
        return [_host_value(item) for item in value]
    if isinstance(value, dict):
        return {key: _host_value(item) for key, item in value.items()}
    return value


def _is_date(text: str) -> bool:
    if len(text) != 8 or not (text.isascii() and text.isdigit()):
        return False
    try:
        datetime.date(int(text[:4]), int(text[4:6]), int(text[6:]))
    except ValueError:
        return False
    return True
