"""Every claim of PROTOCOL.md sections 3 to 5: what is taken, and what is refused."""

from enum import Enum
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from terminal import agent_messages
from terminal.signer import SoftwareSigner

from host_agent import attestation, cbor, envelope, keys
from host_agent.attestation import Answer, Clock, ClockSource, Evidence, Order, Receipt, Validity, Verdict
from host_agent.errors import TokenRefused
from host_agent.face import NotPerformed

UEID = b"\x01" + bytes(16)
STORED = [bytes(32), bytes(16), 1]  # an answer of a receipt
MISSING = Enum("Mark", "MISSING").MISSING  # its name stands in the tests' names


def results(**changes: Any) -> dict[int, Any]:
    base = {
        1: 1,
        2: 1,
        3: [None, "no-camera"],
        4: [None, "no-camera"],
        5: "CH-000001",
        7: 1,
        9: "order-1",
        10: "05.01-20150101-0001234567-0123456789",
        11: [True, 1],
        12: 2400,
    }
    return _changed(base, changes, "r")


def claims(**changes: Any) -> dict[int, Any]:
    base = {
        6: 1767225600,
        7: bytes(16),
        10: bytes(16),
        256: UEID,
        258: bytes(16),
        259: b"emulated",
        260: ["1"],
        262: False,
        263: 0,
        265: attestation.EVIDENCE_PROFILE,
        267: 0,
        268: bytes(8),
        270: "shiming-terminal",
        271: ["0.1.0"],
        -70001: 1,
        -70002: bytes(32),
        -70003: results(),
        -70004: b"sealed",
        -70006: [False, 3, 2],
        -70007: [1, bytes(16)],
        -70008: 1,
    }
    return _changed(base, changes, "c")


def _changed(base: dict[int, Any], changes: dict[str, Any], prefix: str) -> dict[int, Any]:
    """Changes are named `c6=...` for claim 6 and `c_70001=...` for claim -70001; MISSING leaves it out."""
    for name, value in changes.items():
        base[int(name.removeprefix(prefix).replace("_", "-"))] = value
    return {key: value for key, value in base.items() if value is not MISSING}


def parse(payload: dict[int, Any]) -> Evidence:
    return attestation.parse_evidence(cbor.encode(payload))


def code_of(function: Any, payload: object) -> str:
    with pytest.raises(TokenRefused) as caught:
        function(cbor.encode(payload))
    return caught.value.code


def test_evidence_is_read():
    evidence = parse(claims())
    assert (evidence.seq, evidence.iat, evidence.ueid, evidence.oemboot) == (1, 1767225600, UEID, False)
    assert evidence.clock == Clock(False, ClockSource.NETWORK, 2)
    assert evidence.results.face.liveness == NotPerformed("no-camera")
    assert (evidence.results.is_number_valid, evidence.results.validity) == (True, Validity.VALID)
    assert evidence.results.reason is None and evidence.identity == b"sealed"


def test_a_refusal_without_a_card_is_read():
    bare = results(r1=MISSING, r2=MISSING, r7=MISSING, r11=MISSING, r12=MISSING, r10=MISSING, r8="card-timeout")
    evidence = parse(claims(c_70003=bare, c_70004=MISSING))
    assert evidence.results.reason == "card-timeout"
    assert evidence.identity is None and evidence.results.document_type is None and evidence.results.sam_id is None


def test_unknown_claims_are_ignored():
    assert parse(claims(c261=5, c_79999={"x": 1}, c_70003=results(r99=[1]))) == parse(claims())


@pytest.mark.parametrize("key", [key for key in claims() if key not in (265, -70004)])
def test_a_missing_claim_is_refused(key):
    payload = claims()
    del payload[key]
    assert code_of(attestation.parse_evidence, payload) == "claims-malformed"


@pytest.mark.parametrize("key", [3, 4, 5, 9, 1, 2, 7, 11, 12])
def test_a_missing_result_is_refused(key):
    payload = results()
    del payload[key]
    assert code_of(attestation.parse_evidence, claims(c_70003=payload)) == "claims-malformed"


@pytest.mark.parametrize(
    "changes",
    [
        {"c6": None},
        {"c6": -1},
        {"c6": True},
        {"c6": 2**63},
        {"c6": "1767225600"},
        {"c7": bytes(15)},
        {"c7": bytes(17)},
        {"c7": "x" * 16},
        {"c10": bytes(7)},
        {"c10": bytes(15)},
        {"c10": [bytes(16), bytes(16)]},
        {"c256": bytes(17)},
        {"c256": b"\x01" + bytes(33)},
        {"c256": b"\x01" + bytes(15)},
        {"c258": bytes(3)},
        {"c258": 1},
        {"c259": b""},
        {"c259": bytes(33)},
        {"c259": "text"},
        {"c260": "1"},
        {"c260": []},
        {"c260": ["1", 1]},
        {"c262": 1},
        {"c263": False},
        {"c263": 5},
        {"c267": True},
        {"c268": bytes(7)},
        {"c270": ""},
        {"c270": "x" * 65},
        {"c270": "line\nbreak"},
        {"c271": "0.1.0"},
        {"c_70001": 0},
        {"c_70001": 2},
        {"c_70001": 2**63},
        {"c_70001": True},
        {"c_70002": bytes(31)},
        {"c_70002": b"\x01" * 32},
        {"c_70003": []},
        {"c_70004": b""},
        {"c_70004": {}},
        {"c_70006": [False, 3]},
        {"c_70006": [0, 3, 2]},
        {"c_70006": [False, 5, 2]},
        {"c_70006": [False, True, 2]},
        {"c_70006": [False, 3, -1]},
        {"c_70006": [False, 3, 2, 0]},
        {"c_70007": MISSING},
        {"c_70007": [0, None]},
        {"c_70007": [3, None]},
        {"c_70007": [True, None]},
        {"c_70007": [1, bytes(15)]},
        {"c_70007": [1, "epoch"]},
        {"c_70007": [1]},
        {"c_70007": [1, None, None]},
        {"c_70008": 0},
        {"c_70008": 3},
        {"c_70008": True},
        {"c_70008": None},
        {"c_70004": MISSING},
    ],
    ids=str,
)
def test_a_claim_of_another_type_or_size_is_refused(changes):
    assert code_of(attestation.parse_evidence, claims(**changes)) == "claims-malformed"


@pytest.mark.parametrize(
    "changes",
    [
        {"r1": True},
        {"r2": "SAM"},
        {"r5": ""},
        {"r5": 5},
        {"r7": -1},
        {"r9": "order 1"},
        {"r9": "x" * 65},
        {"r9": ""},
        {"r9": "订单"},
        {"r10": ""},
        {"r11": [1, 1]},
        {"r11": [True]},
        {"r11": [True, 4]},
        {"r11": [True, False]},
        {"r12": None},
    ],
    ids=str,
)
def test_a_result_of_another_type_or_size_is_refused(changes):
    assert code_of(attestation.parse_evidence, claims(c_70003=results(**changes))) == "claims-malformed"


@pytest.mark.parametrize("reason", ["Card-Expired", "card expired", "", "x" * 65, 1, "card-", None, "a\nb"])
def test_a_reason_is_a_code(reason):
    payload = claims(c_70003=results(r8=reason), c_70004=MISSING)
    assert code_of(attestation.parse_evidence, payload) == "claims-malformed"


def test_identity_and_reason_exclude_each_other():
    assert code_of(attestation.parse_evidence, claims(c_70003=results(r8="card-expired"))) == "claims-malformed"


@pytest.mark.parametrize("profile", [MISSING, attestation.ORDER_PROFILE, b"\x2b", "", None])
def test_another_profile_is_unknown(profile):
    assert code_of(attestation.parse_evidence, claims(c265=profile)) == "profile-unknown"


@pytest.mark.parametrize("payload", [[], 1, b"", "x"])
def test_claims_are_a_map(payload):
    assert code_of(attestation.parse_evidence, payload) == "claims-malformed"


def test_a_payload_that_is_not_cbor_is_malformed():
    with pytest.raises(TokenRefused) as caught:
        attestation.parse_evidence(b"\xa1\x06\xfb\x41\xda\x55\xa5\x60\x00\x00\x00")  # iat as a float
    assert caught.value.code == "token-malformed"


ORDER = Order(1767225600, 1767225720, bytes(16), UEID, "order-1", "17000000001", "CH-000001")


def test_an_order_comes_back_as_it_was():
    assert attestation.parse_order(attestation.build_order(ORDER)) == ORDER


@pytest.mark.parametrize(
    "changes",
    [
        {"order_id": ""},
        {"order_id": "a b"},
        {"order_id": "x" * 65},
        {"msisdn": "1700000000a"},
        {"msisdn": "１７０"},
        {"msisdn": ""},
        {"msisdn": "1" * 16},
        {"nonce": bytes(8)},
        {"ueid": bytes(17)},
        {"channel": ""},
        {"iat": -1},
        {"exp": True},
    ],
    ids=str,
)
def test_an_order_that_no_terminal_would_take_is_not_built(changes):
    fields = {name: getattr(ORDER, name) for name in Order.__slots__} | changes
    with pytest.raises(TokenRefused):
        attestation.build_order(Order(**fields))


def test_the_terminal_reads_our_order():
    key = ec.generate_private_key(ec.SECP256R1())
    kid = keys.kid_of(key.public_key())
    token = envelope.sign(attestation.build_order(ORDER), kid, key)
    point = SoftwareSigner(key.private_numbers().private_value).point
    order = agent_messages.parse_order(token, kid, point, UEID)
    assert (order.id, order.msisdn, order.expires_at) == (ORDER.order_id, ORDER.msisdn, ORDER.exp)


@pytest.mark.parametrize(
    "receipt",
    [
        Receipt("agent", 1, UEID, (Answer(bytes(32), bytes(16), Verdict.STORED),)),
        Receipt("backend", 1, None, (Answer(bytes(32), bytes(16), Verdict.DUPLICATE),)),
        Receipt("agent", 1, UEID, (Answer(bytes(32), b"", Verdict.REFUSED, "token-malformed"),)),
        Receipt("agent", 1, UEID, tuple(Answer(bytes([n]) * 32, bytes(16), Verdict.STORED) for n in range(16))),
    ],
)
def test_a_receipt_comes_back_as_it_was(receipt):
    assert attestation.parse_receipt(attestation.build_receipt(receipt)) == receipt


@pytest.mark.parametrize(
    "changes",
    [
        {"c1": MISSING},
        {"c6": MISSING},
        {"c256": b""},
        {"c_70021": MISSING},
        {"c_70021": []},
        {"c_70021": {}},
        {"c_70021": [7]},
        {"c_70021": [STORED, STORED]},
        {"c_70021": [[bytes([n]) * 32, bytes(16), 1] for n in range(17)]},
        {"c_70021": [[bytes(31), bytes(16), 1]]},
        {"c_70021": [[bytes(32), bytes(8), 1]]},
        {"c_70021": [[bytes(32), bytes(16), 0]]},
        {"c_70021": [[bytes(32), bytes(16), 4]]},
        {"c_70021": [[bytes(32), bytes(16), True]]},
        {"c_70021": [[bytes(32), bytes(16), 3]]},
        {"c_70021": [[bytes(32), bytes(16), 1, "card-expired"]]},
        {"c_70021": [[bytes(32), bytes(16), 3, "Not a code"]]},
        {"c_70021": [[bytes(32), bytes(16), 3, "card-expired", "card-expired"]]},
    ],
    ids=lambda changes: str(changes)[:60],
)
def test_a_receipt_of_another_shape_is_refused(changes):
    base = {1: "agent", 6: 1, 256: UEID, 265: attestation.RECEIPT_PROFILE, -70021: [STORED]}
    assert code_of(attestation.parse_receipt, _changed(base, changes, "c")) == "claims-malformed"


def test_an_order_is_no_receipt():
    with pytest.raises(TokenRefused) as caught:
        attestation.parse_receipt(attestation.build_order(ORDER))
    assert caught.value.code == "profile-unknown"
