"""The worked example of the evidence profile: every intermediate value, and the 22 tokens to refuse."""

from hashlib import sha256

from harness import raises, shared, signed1, unhedged
from terminal import cbor, ccm, cose, hkdf, p256
from terminal.errors import CborError, CoseError, SealInvalid, SignatureInvalid
from terminal.signer import SoftwareSigner

TYP = "application/eat+cwt"
PROFILE, UEID, CTI, SEQ, IDENTITY = 265, 256, 7, -70001, -70004

# Where each negative stops. "" marks the tokens whose signature and encoding are in order: what is wrong with them is a
# claim, and claims are checked by the agent (tests/host_agent), never by a terminal.
STOPS = (
    ("flip one payload bit", SignatureInvalid),
    ("flip one signature bit", SignatureInvalid),
    ("signature r=s=0", SignatureInvalid),
    ("signature s replaced by n-s", ""),  # a second valid signature over the same payload: cti makes it a duplicate
    ("signature 63 bytes", SignatureInvalid),
    ("DER instead of r||s", SignatureInvalid),
    ('context string "Signature"', SignatureInvalid),
    ("alg moved to unprotected", CoseError),
    ("alg none (0)", CoseError),
    ("alg EdDSA", CoseError),
    ("unknown crit header", CoseError),
    ("tag 17 (Mac0)", CborError),
    ("untagged", CoseError),
    ("trailing byte", CborError),
    ("iat null", ""),
    ("iat as float", CborError),  # signed in order; the payload is refused by the decoder
    ("nonce missing", ""),
    ("nonce 7 bytes", ""),
    ("ueid 34 bytes", ""),
    ("dbgstat enabled", ""),
    ("other profile", ""),
    ("sequence number changed", SealInvalid),
)


class Example:
    def __init__(self) -> None:
        self.case = shared("profile-example/evidence-1.json")
        self.steps = self.case["encrypt_steps"]
        self.terminal_d = self.private("terminal_key")
        self.backend_d = self.private("backend_key")
        self.kid = self.case["terminal_key"]["kid"].encode()

    def private(self, name: str) -> int:
        return int(self.case[name]["d"], 16)

    def point(self, name: str) -> tuple:
        return int(self.case[name]["x"], 16), int(self.case[name]["y"], 16)

    def find_key(self, kid: bytes):
        return self.point("terminal_key") if kid == self.kid else None


def external_aad(claims: dict) -> bytes:
    return cbor.encode([claims[PROFILE], claims[UEID], claims[CTI], claims[SEQ]])


def read(example: Example, token: bytes) -> bytes:
    """What the terminal's modules can say about a token: signature, encoding, and the seal's fit to its claims."""
    payload, headers = cose.verify1(token, example.find_key)
    assert headers[16] == TYP
    claims = cbor.decode(payload)
    return cose.open_sealed(claims[IDENTITY], example.backend_d, external_aad(claims))


def test_public_keys():
    example = Example()
    for name in ("terminal_key", "backend_key", "ephemeral_key"):
        assert p256.public_key(example.private(name)) == example.point(name), name


def test_content_key_step_by_step():
    example = Example()
    steps = example.steps
    secret = p256.ecdh(example.private("ephemeral_key"), example.point("backend_key"))
    assert secret == p256.ecdh(example.backend_d, example.point("ephemeral_key"))
    assert secret.hex() == steps["shared_secret_x"]
    assert cose._KDF_CONTEXT.hex() == steps["kdf_context"]
    assert cose._CONTENT_PROTECTED.hex() == steps["protected"]
    assert cose._RECIPIENT_PROTECTED.hex() == steps["recipient_protected"]
    assert hkdf.hkdf_sha256(secret, b"", bytes.fromhex(steps["kdf_context"]), 16).hex() == steps["cek"]


def test_seal_step_by_step():
    example = Example()
    steps = example.steps
    aad = bytes.fromhex(steps["external_aad"])
    assert external_aad(cbor.decode(bytes.fromhex(example.case["payload"]))) == aad
    assert cose._encrypt_aad(aad).hex() == steps["enc_structure"]
    plaintext = bytes.fromhex(example.case["pii_plaintext"])
    sealed = ccm.seal(
        bytes.fromhex(steps["cek"]), bytes.fromhex(steps["iv"]), plaintext, bytes.fromhex(steps["enc_structure"])
    )
    assert sealed.hex() == steps["ciphertext_and_tag"]


def test_cose_encrypt_byte_for_byte():
    example = Example()
    case, steps = example.case, example.steps
    draws = [bytes.fromhex(steps["iv"]), bytes.fromhex(case["ephemeral_key"]["d"])]
    message = cose.seal(
        bytes.fromhex(case["pii_plaintext"]),
        case["backend_key"]["kid"].encode(),
        example.point("backend_key"),
        bytes.fromhex(steps["external_aad"]),
        lambda size_bytes: draws.pop(),
    )
    assert message.hex() == steps["cose_encrypt"]
    assert (
        cose.open_sealed(message, example.backend_d, bytes.fromhex(steps["external_aad"])).hex()
        == case["pii_plaintext"]
    )


def test_signature_step_by_step():
    example = Example()
    case = example.case
    protected, payload = bytes.fromhex(case["sign1_protected"]), bytes.fromhex(case["payload"])
    structure = cbor.encode(["Signature1", protected, b"", payload])
    assert structure.hex() == case["sig_structure"]
    digest = sha256(structure).digest()
    assert digest.hex() == case["sig_structure_sha256"]
    assert p256.public_key(int(case["rfc6979_k"], 16))[0] % p256.N == int(case["signature_r_s"][:64], 16)
    assert p256.sign(example.terminal_d, digest).hex() == case["signature_r_s"]


def test_token_byte_for_byte():
    example = Example()
    case = example.case
    payload = cbor.encode(cbor.decode(bytes.fromhex(case["payload"])))
    token = signed1(payload, example.kid, SoftwareSigner(example.terminal_d, unhedged), TYP)
    assert token.hex() == case["token"]
    assert len(token) == case["token_bytes"]
    assert sha256(token).digest().hex() == case["token_sha256"]


def test_token_is_read():
    example = Example()
    assert read(example, bytes.fromhex(example.case["token"])).hex() == example.case["pii_plaintext"]


def test_each_negative_stops_where_it_must():
    example = Example()
    cases = shared("profile-example/evidence-1-negative.json")["cases"]
    assert len(cases) == len(STOPS) == 22
    for i, (why, error) in enumerate(STOPS):
        case = cases[i]
        assert case["why"].startswith(why), case["why"]
        token = bytes.fromhex(case["token"])
        if error:
            assert type(raises(error, read, example, token)) is error, why
        else:
            assert token.hex() != example.case["token"]
            cbor.decode(cose.verify1(token, example.find_key)[0])


def test_malleable_signature_is_a_signature_over_the_same_payload():
    example = Example()
    case = shared("profile-example/evidence-1-negative.json")["cases"][3]
    payload, _ = cose.verify1(bytes.fromhex(case["token"]), example.find_key)
    assert payload.hex() == example.case["payload"]


def test_attachment_chunks():
    vectors = shared("profile-example/attachment-chunks.json")
    plaintext = bytes((7 * i + i // 251) % 256 for i in range(10000))
    assert sha256(plaintext).digest().hex() == vectors["plaintext_sha256"]
    key, size = bytes.fromhex(vectors["key"]), vectors["chunk_size"]
    for chunk in vectors["chunks"]:
        start = chunk["index"] * size
        part = plaintext[start : start + size]
        assert len(part) == chunk["plaintext_len"]
        sealed = ccm.seal(key, bytes.fromhex(chunk["nonce"]), part, bytes.fromhex(chunk["aad"]))
        # the hash takes in the tag as well
        assert sha256(sealed).digest().hex() == chunk["ciphertext_sha256"], chunk["index"]
        assert sealed[-16:].hex() == chunk["tag"], chunk["index"]
