"""What the agent sends: orders, sheets of them, epochs, receipts (firmware/PROTOCOL.md §4, §5, §13). Pure: bytes and a
key in, values out."""

from collections import namedtuple

from terminal import cbor, cose
from terminal.errors import CborError, CoseError, OrderInvalid, ReceiptInvalid

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

ORDER_PROFILE = "tag:shiming.example,2026:registration-order#1"
RECEIPT_PROFILE = "tag:shiming.example,2026:registration-receipt#1"

STORED, DUPLICATE, REFUSED = 1, 2, 3
RECEIPTS_MAX = 16  # in one message
PAGE_ENTRIES = 32  # of a sheet

# `sheet` of a pre-issued one: number, and which entry of it; None of one that was sent for this customer
Order = namedtuple("Order", ("id", "nonce", "msisdn", "channel", "issued_at", "expires_at", "sheet"))
Sheet = namedtuple("Sheet", ("number", "bodies", "channel", "issued_at", "expires_at"))
Receipt = namedtuple("Receipt", ("token_sha256", "verdict", "reason"))  # about one token


def parse_order(token: bytes, agent_kid: bytes, agent_point: tuple, ueid: bytes) -> Order:
    """Raises OrderInvalid: not signed by our agent, for another terminal, or malformed."""
    try:
        claims = _open(token, agent_kid, agent_point, ORDER_PROFILE)
        order = Order(
            _take(claims, -70010, str), _take(claims, 10, bytes), _take(claims, -70011, str),
            _take(claims, -70012, str), _take(claims, 6, int), _take(claims, 4, int), None,
        )  # fmt: skip
        if _take(claims, 256, bytes) != ueid:
            raise OrderInvalid("order for another terminal")
    except (CborError, CoseError, KeyError, ValueError) as error:
        raise OrderInvalid(getattr(error, "code", "claims-malformed")) from None
    _check(order.id, order.nonce, order.msisdn)
    return order


# Nouns from here on, as these names are there already: the terminal has few left (tools/bench/heap.py).


def sheet(token: bytes, agent_kid: bytes, agent_point: tuple, ueid: bytes) -> Sheet:
    """Read and verified. Raises OrderInvalid, as above; also when one of its entries is malformed."""
    try:
        claims = _open(token, agent_kid, agent_point, "tag:shiming.example,2026:order-sheet#1")
        found = Sheet(
            _take(claims, -70013, int), _take(claims, -70014, list), _take(claims, -70012, str),
            _take(claims, 6, int), _take(claims, 4, int),
        )  # fmt: skip
        if _take(claims, 256, bytes) != ueid:
            raise OrderInvalid("sheet for another terminal")
    except (CborError, CoseError, KeyError, ValueError) as error:
        raise OrderInvalid(getattr(error, "code", "claims-malformed")) from None
    if found.number < 1 or not 1 <= len(found.bodies) <= PAGE_ENTRIES:
        raise OrderInvalid("claims-malformed")
    for body in found.bodies:
        entry(body)
    return found


def entry(body: bytes) -> list:
    """Of a sheet: [order id, nonce, number to register]. Raises OrderInvalid."""
    try:
        found = cbor.decode(body)
    except (CborError, TypeError):
        found = None
    if not isinstance(found, list) or len(found) != 3:
        raise OrderInvalid("claims-malformed")
    _check(found[0], found[1], found[2])
    return found


def epoch(token: bytes, agent_kid: bytes, agent_point: tuple) -> tuple:
    """(when it was made, its 16 bytes), verified. Raises OrderInvalid."""
    try:
        claims = _open(token, agent_kid, agent_point, "tag:shiming.example,2026:epoch#1")
        at, found = _take(claims, 6, int), _take(claims, -70015, bytes)
    except (CborError, CoseError, KeyError, ValueError) as error:
        raise OrderInvalid(getattr(error, "code", "claims-malformed")) from None
    if not isinstance(found, bytes) or len(found) != 16:
        raise OrderInvalid("claims-malformed")
    return at, found


def parse_receipt(token: bytes, agent_kid: bytes, agent_point: tuple, ueid: bytes) -> list:
    """One Receipt for each token that the message is about. Raises ReceiptInvalid: all of it holds, or nothing."""
    try:
        claims = _open(token, agent_kid, agent_point, RECEIPT_PROFILE)
        if _take(claims, 256, bytes) != ueid:
            raise ReceiptInvalid("receipt for another terminal")
        receipts = [_receipt(answer) for answer in _take(claims, -70021, list)]
    except (CborError, CoseError, KeyError, ValueError) as error:
        raise ReceiptInvalid(getattr(error, "code", "claims-malformed")) from None
    if not 1 <= len({receipt.token_sha256 for receipt in receipts}) == len(receipts) <= RECEIPTS_MAX:
        raise ReceiptInvalid("claims-malformed")
    return receipts


def _receipt(answer: object) -> Receipt:
    """[SHA-256, cti, verdict], and behind them the reason of a refusal."""
    if not isinstance(answer, list) or not 3 <= len(answer) <= 4:
        raise ValueError("claims-malformed")
    is_refusal = len(answer) == 4
    receipt = Receipt(_take(answer, 0, bytes), _take(answer, 2, int), _take(answer, 3, str) if is_refusal else None)
    if len(receipt.token_sha256) != 32 or receipt.verdict not in ((REFUSED,) if is_refusal else (STORED, DUPLICATE)):
        raise ValueError("claims-malformed")
    return receipt


def _open(token: bytes, kid: bytes, point: tuple, profile: str) -> dict:
    payload, _ = cose.verify1(token, lambda k: point if k == kid else None)
    claims = cbor.decode(payload)
    if not isinstance(claims, dict) or claims.get(265) != profile:
        raise ValueError("profile-unknown")
    return claims


def _check(order_id: object, nonce: object, msisdn: object) -> None:
    if isinstance(order_id, str) and isinstance(msisdn, str) and isinstance(nonce, bytes):
        is_number = 1 <= len(msisdn) <= 15 and all("0" <= char <= "9" for char in msisdn)
        if is_number and len(nonce) == 16 and _is_order_id(order_id):
            return
    raise OrderInvalid("claims-malformed")


def _is_order_id(text: str) -> bool:
    # by hand: isalpha() takes letters of every script on CPython
    return 1 <= len(text) <= 64 and all(
        "a" <= char <= "z" or "A" <= char <= "Z" or "0" <= char <= "9" or char in "._-" for char in text
    )


def _take(claims: "dict | list", key: int, kind: type) -> "Any":
    value = claims[key]
    if isinstance(value, bool) or not isinstance(value, kind):
        raise ValueError("claims-malformed")
    return value
