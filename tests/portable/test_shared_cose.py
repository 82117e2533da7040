"""The public COSE and CWT examples (cose-wg/Examples).

They are not of our profile (kid unprotected, maps unsorted, GCM): the primitives are checked on them, through a lenient
reader, and cose.py must refuse them all.
"""

import binascii
from hashlib import sha256

import lenient_cbor
from harness import raises, shared
from terminal import cbor, ccm, cose, hkdf, p256
from terminal.errors import CoseError, SealInvalid, SignatureInvalid, TerminalError

ES256 = -7
CCM = {10: (16, 8), 11: (32, 8), 30: (16, 16), 31: (32, 16)}  # alg: key bytes, tag bytes

SIGN1_PASS = (
    "sign1-tests/sign-pass-01",
    "sign1-tests/sign-pass-02",
    "sign1-tests/sign-pass-03",
    "ecdsa-examples/ecdsa-sig-01",
    "RFC8152/Appendix_C_2_1",
    "CWT/A_3",
)
SIGN1_FAIL = {
    "sign1-tests/sign-fail-01": CoseError,
    "sign1-tests/sign-fail-02": SignatureInvalid,
    "sign1-tests/sign-fail-03": CoseError,
    "sign1-tests/sign-fail-06": SignatureInvalid,
}
DIRECT_CCM = (
    "aes-ccm-examples/aes-ccm-01",
    "aes-ccm-examples/aes-ccm-02",
    "aes-ccm-examples/aes-ccm-06",
    "aes-ccm-examples/aes-ccm-enc-01",
    "aes-ccm-examples/aes-ccm-enc-02",
    "aes-ccm-examples/aes-ccm-enc-06",
    "hkdf-hmac-sha-examples/hmac-sha-256-01",
    "hkdf-hmac-sha-examples/hmac-sha-256-02",
    "RFC8152/Appendix_C_4_1",
    "CWT/A_5",
    "CWT/A_6",
)
ECDH = (
    "ecdh-direct-examples/p256-hkdf-256-01",
    "ecdh-direct-examples/p256-hkdf-256-02",
    "RFC8152/Appendix_C_3_1",
)
GCM = (
    "encrypted-tests/enc-pass-01",
    "encrypted-tests/enc-pass-02",
    "encrypted-tests/enc-pass-03",
    "encrypted-tests/enc-fail-02",
    "encrypted-tests/enc-fail-03",
    "encrypted-tests/enc-fail-06",
    "enveloped-tests/env-pass-01",
    "enveloped-tests/env-pass-02",
    "enveloped-tests/env-fail-02",
    "enveloped-tests/env-fail-06",
)


class Example:
    def __init__(self, name: str) -> None:
        case = shared("cose/" + name + ".json")
        self.input = case["input"]
        self.between = case["intermediates"]
        self.raw = bytes.fromhex(case["output"]["cbor"])
        message = lenient_cbor.decode(self.raw)
        self.tag, self.elements = (message.tag, message.value) if isinstance(message, cbor.Tag) else (None, message)
        # RFC 9052 section 4.4: an encoded empty map counts as no bytes at all
        self.protected = b"" if self.elements[0] == b"\xa0" else self.elements[0]
        self.headers = dict(self.elements[1])
        self.headers.update(lenient_cbor.decode(self.protected) if self.protected else {})

    def external(self, layer: str) -> bytes:
        return bytes.fromhex(self.input[layer].get("external", ""))

    def plaintext(self) -> bytes:
        if "plaintext" in self.input:
            return self.input["plaintext"].encode()
        return bytes.fromhex(self.input["plaintext_hex"])


def key_bytes(key: dict, name: str) -> bytes:
    if name + "_hex" in key:
        return bytes.fromhex(key[name + "_hex"])
    text = key[name].replace("-", "+").replace("_", "/")
    return binascii.a2b_base64(text + "=" * (-len(text) % 4))


def key_point(key: dict) -> tuple:
    return p256.decode_point(b"\x04" + key_bytes(key, "x") + key_bytes(key, "y"))


def to_be_signed(example: Example) -> bytes:
    return cbor.encode(["Signature1", example.protected, example.external("sign0"), example.elements[2]])


def verify(example: Example) -> None:
    if example.tag not in (None, 18) or example.headers[1] != ES256:
        raise CoseError("not an ES256 signature")
    point = key_point(example.input["sign0"]["key"])
    if not p256.verify(point, sha256(to_be_signed(example)).digest(), example.elements[3]):
        raise SignatureInvalid("signature does not fit")


def test_sign1_examples_are_signed_alike_and_verified():
    for name in SIGN1_PASS:
        example = Example(name)
        key = example.input["sign0"]["key"]
        d = int.from_bytes(key_bytes(key, "d"), "big")
        assert p256.public_key(d) == key_point(key), name
        assert to_be_signed(example).hex().upper() == example.between["ToBeSign_hex"], name
        assert p256.sign(d, sha256(to_be_signed(example)).digest()) == example.elements[3], name
        verify(example)


def test_broken_sign1_examples_fail():
    for name, error in SIGN1_FAIL.items():
        assert type(raises(CoseError, verify, Example(name))) is error, name


def test_sign1_examples_are_not_of_our_profile():
    for name in SIGN1_PASS + tuple(SIGN1_FAIL):
        example = Example(name)
        point = key_point(example.input["sign0"]["key"])
        raises(TerminalError, cose.verify1, example.raw, lambda kid, point=point: point, example.external("sign0"))


def content_key(example: Example) -> bytes:
    """The key of a direct recipient, derived with HKDF where the example does so."""
    layer = "enveloped" if "enveloped" in example.input else "encrypted"
    secret = key_bytes(example.input[layer]["recipients"][0]["key"], "k")
    context = example.between.get("recipients", [{}])[0].get("Context_hex")
    if context is None:
        return secret
    salt = example.elements[3][0][1][-20]
    return hkdf.hkdf_sha256(secret, salt, bytes.fromhex(context), CCM[example.headers[1]][0])


def test_aes_ccm_examples_are_sealed_alike_and_opened():
    for name in DIRECT_CCM:
        example = Example(name)
        key_size, tag_bytes = CCM[example.headers[1]]
        key = content_key(example)
        assert len(key) == key_size
        assert key.hex().upper() == example.between["CEK_hex"], name
        aad = cbor.encode(["Encrypt" if example.tag == 96 else "Encrypt0", example.protected, b""])
        assert aad.hex().upper() == example.between["AAD_hex"], name
        iv, sealed = example.headers[5], example.elements[2]
        assert ccm.seal(key, iv, example.plaintext(), aad, tag_bytes) == sealed, name
        assert ccm.open_sealed(key, iv, sealed, aad, tag_bytes) == example.plaintext(), name
        raises(SealInvalid, ccm.open_sealed, key, iv, sealed, aad + b"\x00", tag_bytes)


def test_ecdh_examples_give_their_secret_and_content_key():
    for name in ECDH:
        example = Example(name)
        recipient = example.input["enveloped"]["recipients"][0]
        sent = example.elements[3][0][1][-1]
        if sent[-3] is True:  # compressed, as our profile never is: the example's input has y
            epk = recipient["unprotected"]["epk"]
            assert key_bytes(epk, "x") == sent[-2]
            ephemeral = key_point(epk)
        else:
            ephemeral = p256.decode_point(b"\x04" + sent[-2] + sent[-3])
        secret = p256.ecdh(int.from_bytes(key_bytes(recipient["key"], "d"), "big"), ephemeral)
        between = example.between["recipients"][0]
        assert secret.hex().upper() == between["Secret_hex"], name
        bits = 128 if example.headers[1] == 1 else 256
        party = [None, None, None]
        context = cbor.encode([example.headers[1], party, party, [bits, example.elements[3][0][0]]])
        assert context.hex().upper() == between["Context_hex"], name
        key = hkdf.hkdf_sha256(secret, b"", context, bits // 8)
        assert key.hex().upper() == example.between["CEK_hex"], name


def test_encrypt_examples_are_not_of_our_profile():
    for name in DIRECT_CCM + ECDH + GCM:
        raises(TerminalError, cose.open_sealed, Example(name).raw, 1, b"")


def test_hmac_example():
    example = Example("hmac-examples/HMac-01")
    mac = hkdf.hmac_sha256(bytes.fromhex(example.between["CEK_hex"]), bytes.fromhex(example.between["ToMac_hex"]))
    assert mac == example.elements[3]
