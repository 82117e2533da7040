"""A token of the terminal's own code, read by pycose: somebody else's COSE, so that a misreading of ours would show.

pycose does everything but split the outer tag: ES256 over its own Sig_structure, ECDH-ES + HKDF-256 with its own KDF
context, AES-CCM-16-128-128 with its own Enc_structure. (Its `decode` expects cbor2 5, which gave lists inside a tag.)
"""

import hashlib
import os
from types import SimpleNamespace

import cbor2
import pytest
from cryptography.exceptions import InvalidTag
from pycose.algorithms import AESCCM16128128, EcdhEsHKDF256, Es256
from pycose.headers import KID, Algorithm
from pycose.keys import EC2Key
from pycose.keys.curves import P256
from pycose.messages import EncMessage, Sign1Message
from terminal import card, claim, cose
from terminal.agent_messages import Order
from terminal.signer import SoftwareSigner, sign1

from host_agent import attestation
from tests.host_agent.terminal_double import MODELS, at_once, liveness, match

TERMINAL_D = int.from_bytes(hashlib.sha256(b"terminal").digest(), "big")
BACKEND_D = int.from_bytes(hashlib.sha256(b"backend").digest(), "big")
TERMINAL, BACKEND = SoftwareSigner(TERMINAL_D), SoftwareSigner(BACKEND_D)
UEID, CTI, SEQ = b"\x01" + bytes(range(16)), bytes(range(16)), 7
FIELDS = ("测试甲", 1, "01", "19900101", "测试地址", "11019919900101001X", "测试公安局", "20200101", "长期")
PERSON = card.Person(*FIELDS, *[None] * 7, card.RESIDENT, False)


def pycose_key(signer: SoftwareSigner, d: int | None = None) -> EC2Key:
    x, y = (coordinate.to_bytes(32, "big") for coordinate in signer.point)
    return EC2Key(crv=P256, x=x, y=y, d=d.to_bytes(32, "big") if d else b"")


@pytest.fixture(scope="module")
def token() -> bytes:
    """As the session of the terminal makes it."""
    order = Order("order-1", bytes(16), "17000000001", "CH-000001", 1767225600, 1767225720, None)
    config = SimpleNamespace(ueid=UEID, oemid=bytes(16), hwmodel=b"emulated", hwversion="1")
    reading = claim.Reading(card.RESIDENT, 1, True, 1)
    sam_id = "05.01-20150101-0001234567-0123456789"
    found = claim.results(order, sam_id, reading, 2500, claim.Findings(liveness(), match(), MODELS, None), None)
    plaintext = claim.identity(PERSON, ("测试新址",), bytes(1024), order.msisdn)
    context = claim.seal_context(UEID, CTI, SEQ)
    sealed = cose.seal(plaintext, BACKEND.kid, BACKEND.point, context, os.urandom)
    boot, clock = claim.Boot(1, bytes(8), False, 0), claim.Clock(False, 3, 2)
    payload = claim.evidence(config, boot, clock, order, 1767225650, CTI, (SEQ, b"\x01" * 32), found, sealed, 1, None)
    return at_once(sign1(payload, TERMINAL.kid, TERMINAL, claim.MEDIA_TYPE))


def sign1_of(token: bytes) -> Sign1Message:
    assert token[0] == 0xD2  # tag 18
    message = Sign1Message.from_cose_obj(cbor2.loads(token[1:]), allow_unknown_attributes=True)
    message.key = pycose_key(TERMINAL)
    return message


def encrypt_of(sealed: bytes, external_aad: bytes) -> EncMessage:
    assert sealed[:2] == b"\xd8\x60"  # tag 96
    message = EncMessage.from_cose_obj(cbor2.loads(sealed[2:]), allow_unknown_attributes=True)
    message.external_aad = external_aad
    message.recipients[0].key = pycose_key(BACKEND, BACKEND_D)
    return message


def test_pycose_verifies_the_terminals_signature(token):
    message = sign1_of(token)
    assert message.verify_signature()
    assert message.phdr[Algorithm] is Es256 and message.phdr[KID] == TERMINAL.kid


def test_pycose_refuses_a_changed_payload(token):
    message = sign1_of(token)
    message.payload = message.payload[:-1] + bytes([message.payload[-1] ^ 1])
    assert not message.verify_signature()


def test_pycose_opens_the_sealed_identity(token):
    claims = cbor2.loads(sign1_of(token).payload)
    bound_to = cbor2.dumps([claims[265], claims[256], claims[7], claims[-70001]])
    message = encrypt_of(claims[-70004], bound_to)
    recipient = message.recipients[0]
    assert message.phdr[Algorithm] is AESCCM16128128 and recipient.phdr[Algorithm] is EcdhEsHKDF256
    assert recipient.uhdr[KID] == BACKEND.kid
    identity = cbor2.loads(message.decrypt(recipient))
    assert (identity[6], identity[10], identity[12]) == (PERSON.number, ["测试新址"], "17000000001")


def test_pycose_does_not_open_it_for_another_token(token):
    claims = cbor2.loads(sign1_of(token).payload)
    message = encrypt_of(claims[-70004], cbor2.dumps([claims[265], claims[256], claims[7], claims[-70001] + 1]))
    with pytest.raises(InvalidTag):
        message.decrypt(message.recipients[0])


def test_the_terminals_claims_are_what_the_host_expects(token):
    evidence = attestation.parse_evidence(sign1_of(token).payload)
    assert (evidence.seq, evidence.cti, evidence.ueid) == (SEQ, CTI, UEID)
    assert (evidence.results.order_id, evidence.results.channel) == ("order-1", "CH-000001")
    assert evidence.results.card_to_claim_ms == 2500
