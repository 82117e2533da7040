"""terminal.cose and terminal.signer: the bytes of a worked example made with other code, and everything to refuse."""

import asyncio
from hashlib import sha256

from harness import own, raises, signed1, unhedged
from terminal import cbor, cose, p256
from terminal.errors import CborError, CoseError, KeyInvalid, SealInvalid, SignatureInvalid, TerminalError
from terminal.signer import SoftwareSigner

TYP = "application/eat+cwt"


class Example:
    def __init__(self) -> None:
        case = own("cose.json")
        self.signer = SoftwareSigner.from_bytes(bytes.fromhex(case["terminal_d"]), unhedged)
        self.thumbprint = bytes.fromhex(case["terminal_thumbprint"])
        self.backend_d = int(case["backend_d"], 16)
        self.backend = p256.public_key(self.backend_d)
        self.plaintext = bytes.fromhex(case["plaintext"])
        self.external_aad = bytes.fromhex(case["external_aad"])
        self.draws = [bytes.fromhex(case["iv"]), bytes.fromhex(case["ephemeral_d"])]
        self.content_key = bytes.fromhex(case["content_key"])
        self.encrypt = bytes.fromhex(case["encrypt"])
        self.payload = bytes.fromhex(case["payload"])
        self.token = bytes.fromhex(case["token"])

    def random(self, size_bytes: int) -> bytes:
        drawn = self.draws.pop()
        assert len(drawn) == size_bytes
        return drawn

    def find_key(self, kid: bytes):
        assert isinstance(kid, bytes)
        return self.signer.point if kid == self.signer.kid else None

    def verify(self, token: bytes, external_aad: bytes = b"") -> tuple:
        return cose.verify1(token, self.find_key, external_aad)

    def open(self, message: bytes) -> bytes:
        return cose.open_sealed(message, self.backend_d, self.external_aad)

    def resign(self, protected: object, payload: bytes = b"", unprotected: object = None) -> bytes:
        """A token with these headers and a signature that fits."""
        raw = protected if isinstance(protected, bytes) else cbor.encode(protected)
        digest = sha256(cbor.encode(["Signature1", raw, b"", payload])).digest()
        signature = asyncio.run(self.signer.sign_digest(digest))
        return cbor.encode(cbor.Tag(18, [raw, {} if unprotected is None else unprotected, payload, signature]))


def changed(message: bytes, change) -> bytes:
    """The message after change(elements)."""
    tagged = cbor.decode(message)
    change(tagged.value)
    return cbor.encode(tagged)


# --- keys


def test_key_id_is_the_start_of_the_thumbprint():
    example = Example()
    assert cose.key_thumbprint(example.signer.point) == example.thumbprint
    assert example.signer.kid == cose.key_id(example.signer.point) == example.thumbprint[:8]


def test_signer_hedges_its_nonces():
    signer = SoftwareSigner(5)
    digest = bytes(range(32))
    first, second = [asyncio.run(signer.sign_digest(digest)) for _ in range(2)]
    assert first[:32] != second[:32]
    assert p256.verify(signer.point, digest, first)
    assert p256.verify(signer.point, digest, second)


def test_signer_releases_no_signature_that_a_fault_has_spoilt():
    signer = SoftwareSigner(5)
    signer._d = 7  # as if a bit of the key had flipped
    raises(SignatureInvalid, asyncio.run, signer.sign_digest(bytes(32)))


def test_signer_refuses_private_keys_that_are_none():
    for raw in (b"", bytes(31), bytes(32), bytes(33), b"\xff" * 32):
        raises(KeyInvalid, SoftwareSigner.from_bytes, raw)


# --- COSE_Sign1


def test_token_is_that_of_the_example():
    example = Example()
    assert signed1(example.payload, example.signer.kid, example.signer, TYP) == example.token


def test_token_is_verified():
    example = Example()
    payload, headers = example.verify(example.token)
    assert payload == example.payload
    assert headers == {1: -7, 4: example.signer.kid, 16: TYP}


def test_order_has_no_type():
    example = Example()
    _, headers = example.verify(signed1(b"\xa0", example.signer.kid, example.signer))
    assert headers == {1: -7, 4: example.signer.kid}


def test_esp256_is_taken_as_well():
    example = Example()
    assert example.verify(example.resign({1: -9, 4: example.signer.kid}, b"\xa0"))[0] == b"\xa0"


def test_unknown_headers_that_are_not_critical_are_taken():
    example = Example()
    assert example.verify(example.resign({1: -7, 4: example.signer.kid, 99: 1}))[1][99] == 1


def test_external_aad_is_signed():
    example = Example()
    token = signed1(b"\xa0", example.signer.kid, example.signer, None, b"context")
    assert example.verify(token, b"context")[0] == b"\xa0"
    raises(SignatureInvalid, example.verify, token)
    raises(SignatureInvalid, example.verify, token, b"other")


def test_unknown_and_foreign_keys_are_refused():
    example = Example()
    other = SoftwareSigner(5)
    raises(KeyInvalid, example.verify, signed1(b"\xa0", other.kid, other))
    raises(SignatureInvalid, example.verify, signed1(b"\xa0", example.signer.kid, other))


def test_changed_payload_header_and_signature_are_refused():
    example = Example()

    def flip(index):
        def change(elements):
            raw = bytearray(elements[index])
            raw[-1] ^= 1
            elements[index] = bytes(raw)

        return change

    for index in (0, 2, 3):
        raises(SignatureInvalid, example.verify, changed(example.token, flip(index)))


def test_headers_out_of_the_profile_are_refused():
    example = Example()
    kid = example.signer.kid
    refused = (
        b"",
        {},
        {4: kid},
        {1: 0, 4: kid},
        {1: -8, 4: kid},
        {1: -35, 4: kid},
        {1: True, 4: kid},
        {1: "ES256", 4: kid},
        {1: -7},
        {1: -7, 4: "kid"},
        {1: -7, 2: [16], 4: kid},
        {1: -7, 2: [], 4: kid},
        [-7, kid],
        b"\xa2\x04\x48" + kid + b"\x01\x26",
        cbor.encode({1: -7, 4: kid}) + b"\x00",
    )
    for protected in refused:
        error = raises(TerminalError, example.verify, example.resign(protected))
        assert not isinstance(error, SignatureInvalid), protected


def test_unprotected_headers_are_refused():
    example = Example()
    protected = {1: -7, 4: example.signer.kid}
    assert example.verify(example.resign(protected))
    for unprotected in ({1: -7}, {4: example.signer.kid}, {99: 0}, [], b""):
        raises(CoseError, example.verify, example.resign(protected, b"", unprotected))


def test_messages_of_another_form_are_refused():
    example = Example()
    elements = cbor.decode(example.token).value
    refused = (
        cbor.encode(elements),
        cbor.encode(cbor.Tag(96, elements)),
        cbor.encode(cbor.Tag(18, elements[:3])),
        cbor.encode(cbor.Tag(18, elements + [b""])),
        cbor.encode(cbor.Tag(18, {1: elements})),
        cbor.encode(cbor.Tag(18, elements[:2] + [None] + elements[3:])),
        cbor.encode(cbor.Tag(18, elements[:3] + [None])),
        cbor.encode(cbor.Tag(18, [{1: -7}] + elements[1:])),
        cbor.encode(cbor.Tag(18, cbor.decode(example.token))),
        b"\x00",
    )
    for token in refused:
        raises(CoseError, example.verify, token)
    for token in (b"", example.token + b"\x00", example.token[:-1], b"\xd9\x00\x12" + example.token[1:]):
        raises(CborError, example.verify, token)


def test_8192_bytes_are_taken_and_not_one_more():
    example = Example()
    overhead = len(signed1(bytes(8000), example.signer.kid, example.signer)) - 8000
    token = signed1(bytes(8192 - overhead), example.signer.kid, example.signer)
    assert len(token) == 8192
    assert len(example.verify(token)[0]) == 8192 - overhead
    del token  # a small heap has no room for another one beside it
    longer = example.resign({1: -7, 4: example.signer.kid}, bytes(8193 - overhead))
    assert len(longer) == 8193
    raises(CoseError, example.verify, longer)
    raises(CoseError, signed1, bytes(8193 - overhead), example.signer.kid, example.signer)


# --- COSE_Encrypt


def seal_example(example: Example) -> bytes:
    kid = cose.key_id(example.backend)
    return cose.seal(example.plaintext, kid, example.backend, example.external_aad, example.random)


def test_sealed_message_is_that_of_the_example():
    example = Example()
    assert seal_example(example) == example.encrypt
    assert example.draws == []


def test_content_key_is_that_of_the_example():
    example = Example()
    ephemeral = int.from_bytes(example.draws[1], "big")
    assert cose._content_key(ephemeral, example.backend) == example.content_key


def test_sealed_message_is_opened():
    example = Example()
    assert example.open(example.encrypt) == example.plaintext


def test_sealed_message_opens_only_with_its_key_and_its_token():
    example = Example()
    raises(SealInvalid, cose.open_sealed, example.encrypt, 5, example.external_aad)
    raises(SealInvalid, cose.open_sealed, example.encrypt, example.backend_d, example.external_aad[:-1] + b"\x02")
    raises(SealInvalid, cose.open_sealed, example.encrypt, example.backend_d, b"")


def test_keys_are_wiped_whether_or_not_sealing_succeeds():
    example = Example()
    wiped = []
    derive = cose._content_key

    def remember(d, point):
        key = derive(d, point)
        assert any(key)
        wiped.append(key)
        return key

    cose._content_key = remember
    try:
        seal_example(example)
        example.open(example.encrypt)
        raises(SealInvalid, cose.open_sealed, example.encrypt, example.backend_d, b"")
    finally:
        cose._content_key = derive
    assert len(wiped) == 3
    for key in wiped:
        assert key == bytes(16)


def test_backend_key_off_the_curve_is_refused():
    example = Example()
    x, y = example.backend
    raises(KeyInvalid, cose.seal, b"", b"kid", (x, y ^ 1), b"", example.random)


def test_sealed_messages_out_of_the_profile_are_refused():
    example = Example()

    def put(path, value):
        def change(elements):
            place = elements
            for step in path[:-1]:
                place = place[step]
            place[path[-1]] = value

        return change

    recipient = cbor.decode(example.encrypt).value[3][0]
    refused = (
        ((0,), b"\xa1\x01\x0a"),
        ((0,), b""),
        ((0,), {1: 30}),
        ((1,), {}),
        ((1,), {5: bytes(12)}),
        ((1,), {5: 0}),
        ((1,), {5: bytes(13), 6: b""}),
        ((1,), []),
        ((2,), None),
        ((3,), []),
        ((3,), [recipient, recipient]),
        ((3,), {0: recipient}),
        ((3, 0), recipient[:2]),
        ((3, 0), None),
        ((3, 0, 0), b"\xa1\x01\x38\x1c"),
        ((3, 0, 1), {-1: recipient[1][-1]}),
        ((3, 0, 1), {4: b"kid"}),
        ((3, 0, 1, -20), b"salt"),
        ((3, 0, 1, 4), "kid"),
        ((3, 0, 2), bytes(16)),
        ((3, 0, 1, -1), None),
        ((3, 0, 1, -1, 1), 1),
        ((3, 0, 1, -1, -1), 2),
        ((3, 0, 1, -1, -1), True),
        ((3, 0, 1, -1, 2), b"kid"),
        ((3, 0, 1, -1, -2), recipient[1][-1][-2][1:]),
        ((3, 0, 1, -1, -3), True),
        ((3, 0, 1, -1, -3), recipient[1][-1][-2]),
    )
    for path, value in refused:
        error = raises(CoseError, example.open, changed(example.encrypt, put(path, value)))
        assert not isinstance(error, SealInvalid), (path, value)


def test_a_short_ciphertext_is_refused():
    example = Example()

    def cut(elements):
        elements[2] = elements[2][:15]

    raises(SealInvalid, example.open, changed(example.encrypt, cut))
