import hashlib

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from terminal import cose
from terminal.signer import SoftwareSigner, sign1

from host_agent import cbor, envelope, keys
from host_agent.errors import TokenRefused
from tests.host_agent.terminal_double import at_once

ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
D = 0x69E54551B4F2F33497930FE34702F66DF18301C15697E9871EA51BD0DB77E340
KEY = ec.derive_private_key(D, ec.SECP256R1())
KID = keys.kid_of(KEY.public_key())
PAYLOAD = cbor.encode({6: 1767225600})
TOKEN = envelope.sign(PAYLOAD, KID, KEY, "application/eat+cwt")


def unhedged(_: int) -> bytes:
    return b""


def refusal(token: bytes) -> str:
    with pytest.raises(TokenRefused) as caught:
        envelope.verify(envelope.parse(token), KEY.public_key())
    return caught.value.code


def pack(protected: object, unprotected: object = None, payload: object = PAYLOAD, signature: object = None) -> bytes:
    """A token with a right signature over whatever header is given."""
    header = protected if isinstance(protected, bytes) else cbor.encode(protected)
    if signature is None:
        signer = SoftwareSigner(D)
        digest = hashlib.sha256(cbor.encode(["Signature1", header, b"", payload])).digest()
        signature = at_once(signer.sign_digest(digest))
    return cbor.encode(cbor.Tag(18, [header, {} if unprotected is None else unprotected, payload, signature]))


def test_what_we_sign_verifies():
    parsed = envelope.parse(TOKEN)
    envelope.verify(parsed, KEY.public_key())
    assert (parsed.kid, parsed.typ, parsed.payload, parsed.token) == (KID, "application/eat+cwt", PAYLOAD, TOKEN)


def test_the_terminal_makes_the_same_token_and_reads_ours():
    assert at_once(sign1(PAYLOAD, KID, SoftwareSigner(D, unhedged), "application/eat+cwt")) == TOKEN
    payload, _ = cose.verify1(TOKEN, lambda kid: SoftwareSigner(D).point if kid == KID else None)
    assert payload == PAYLOAD


def test_a_receipt_has_no_type():
    assert envelope.parse(envelope.sign(PAYLOAD, KID, KEY)).typ is None


def test_esp256_is_accepted():
    envelope.verify(envelope.parse(pack({1: -9, 4: KID})), KEY.public_key())


def test_unknown_headers_are_ignored():
    envelope.verify(envelope.parse(pack({1: -7, 3: 60, 4: KID})), KEY.public_key())


@pytest.mark.parametrize(
    "token",
    [
        pack({1: -7, 4: KID}, unprotected={4: KID}),
        pack({1: -7, 4: KID}, unprotected={5: b"x"}),
        pack({1: -7, 2: [99], 4: KID, 99: 0}),
        pack({1: -7, 2: [], 4: KID}),
        pack({1: -35, 4: KID}),
        pack({1: -8, 4: KID}),
        pack({1: 0, 4: KID}),
        pack({1: None, 4: KID}),
        pack({4: KID}),
        pack({1: -7}),
        pack({1: -7, 4: "text"}),
        pack({1: -7, 4: b""}),
        pack({1: -7, 4: bytes(33)}),
        pack({1: -7, 4: KID, 16: 60}),
        pack(b""),
        pack(b"\x80"),
        pack(b"\xa2\x04\x41\x00\x01\x26"),
        pack({1: -7, 4: KID}, payload=None),
        pack({1: -7, 4: KID}, payload="text"),
        pack({1: -7, 4: KID}, signature="text"),
        pack({1: -7, 4: KID}, unprotected=[]),
        cbor.encode(cbor.Tag(18, [b"\xa0", {}, b""])),
        cbor.encode(cbor.Tag(96, [b"\xa0", {}, b"", bytes(64)])),
        cbor.encode([b"\xa0", {}, b"", bytes(64)]),
        cbor.encode(cbor.Tag(18, {})),
        b"",
        b"\x00",
    ],
    ids=range(27),
)
def test_a_token_of_another_shape_is_malformed(token):
    with pytest.raises(TokenRefused) as caught:
        envelope.parse(token)
    assert caught.value.code == "token-malformed"


def test_every_truncation_is_refused():
    for size in range(len(TOKEN)):
        with pytest.raises(TokenRefused):
            envelope.parse(TOKEN[:size])


def test_every_changed_byte_is_refused():
    for at in range(len(TOKEN)):
        changed = bytearray(TOKEN)
        changed[at] ^= 1
        with pytest.raises(TokenRefused):
            parsed = envelope.parse(bytes(changed))
            if parsed.kid != KID:
                raise TokenRefused("key-unknown")
            envelope.verify(parsed, KEY.public_key())


@pytest.mark.parametrize(
    "signature",
    [bytes(64), b"\xff" * 64, bytes(63), bytes(65), ORDER.to_bytes(32, "big") * 2, bytes(32) + b"\x01" * 32],
)
def test_impossible_signatures_are_invalid(signature):
    assert refusal(pack({1: -7, 4: KID}, signature=signature)) == "signature-invalid"


def test_another_key_does_not_verify():
    with pytest.raises(TokenRefused) as caught:
        envelope.verify(envelope.parse(TOKEN), ec.generate_private_key(ec.SECP256R1()).public_key())
    assert caught.value.code == "signature-invalid"


def test_the_other_valid_signature_has_the_same_payload_digest_and_another_token_digest():
    parsed = envelope.parse(TOKEN)
    s = ORDER - int.from_bytes(parsed.signature[32:], "big")
    twin = envelope.parse(TOKEN[:-32] + s.to_bytes(32, "big"))
    envelope.verify(twin, KEY.public_key())
    assert twin.payload_sha256 == parsed.payload_sha256 and twin.sha256 != parsed.sha256


def test_a_token_beyond_8192_bytes_is_oversized():
    fitting = 8192 - (len(TOKEN) - len(PAYLOAD)) - 2
    assert len(envelope.sign(bytes(fitting), KID, KEY, "application/eat+cwt")) == 8192
    with pytest.raises(TokenRefused) as caught:
        envelope.parse(envelope.sign(bytes(fitting + 1), KID, KEY, "application/eat+cwt"))
    assert caught.value.code == "token-oversized"
