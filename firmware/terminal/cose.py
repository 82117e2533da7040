"""COSE_Sign1 and COSE_Encrypt (RFC 9052, RFC 9053) as PROTOCOL.md sections 1 and 3 narrow them, and key ids.

ES256 signatures; ECDH-ES + HKDF-256 to one recipient with AES-CCM-16-128-128. Whatever else COSE allows is refused.
"""

from hashlib import sha256

from terminal import cbor, ccm, p256
from terminal.errors import CoseError, KeyInvalid, SignatureInvalid
from terminal.hkdf import hkdf_sha256

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable


SIZE_MAX_BYTES = 8192
KID_BYTES = 8

_SIGN1, _ENCRYPT = 18, 96
_ALG, _CRIT, _KID, _IV, _TYP = 1, 2, 4, 5, 16
_EPHEMERAL_KEY = -1
_ES256, _ESP256 = -7, -9
_CEK_BYTES, _IV_BYTES = 16, 13

# {1: 30} AES-CCM-16-128-128 and {1: -25} ECDH-ES + HKDF-256: one spelling each, so compared as bytes
_CONTENT_PROTECTED = b"\xa1\x01\x18\x1e"
_RECIPIENT_PROTECTED = b"\xa1\x01\x38\x18"
_NO_PARTY = [None, None, None]
_KDF_CONTEXT = cbor.encode([30, _NO_PARTY, _NO_PARTY, [8 * _CEK_BYTES, _RECIPIENT_PROTECTED]])


# --- keys


def key_map(point: tuple[int, int]) -> dict:
    """Returns the COSE_Key of a P-256 point: EC2, P-256, x, y."""
    return {1: 2, -1: 1, -2: point[0].to_bytes(32, "big"), -3: point[1].to_bytes(32, "big")}


def key_thumbprint(point: tuple[int, int]) -> bytes:
    """RFC 9679, SHA-256."""
    return sha256(cbor.encode(key_map(point))).digest()


def key_id(point: tuple[int, int]) -> bytes:
    return key_thumbprint(point)[:KID_BYTES]


# --- COSE_Sign1


def sign1_parts(payload: bytes, kid: bytes, typ: str | None = None, external_aad: bytes = b"") -> tuple[bytes, bytes]:
    """The protected headers, and the digest to be signed."""
    headers = {_ALG: _ES256, _KID: kid}
    if typ is not None:
        headers[_TYP] = typ
    protected = cbor.encode(headers)
    return protected, _sign1_digest(protected, external_aad, payload)


def sign1_token(protected: bytes, payload: bytes, signature: bytes) -> bytes:
    token = cbor.encode(cbor.Tag(_SIGN1, [protected, {}, payload, signature]))
    if len(token) > SIZE_MAX_BYTES:
        raise CoseError("longer than 8192 bytes")
    return token


def verify1(
    token: bytes, find_key: "Callable[[bytes], tuple[int, int] | None]", external_aad: bytes = b""
) -> tuple[bytes, dict]:
    """Returns the payload as received and the protected headers. find_key takes a kid, returns its point or None."""
    protected, unprotected, payload, signature = _open_tag(token, _SIGN1)
    if unprotected != {}:
        raise CoseError("unprotected headers")
    if not (isinstance(protected, bytes) and isinstance(payload, bytes) and isinstance(signature, bytes)):
        raise CoseError("not a COSE_Sign1 with its payload")
    headers = cbor.decode(protected)
    if not isinstance(headers, dict):
        raise CoseError("protected headers are no map")
    if headers.get(_ALG) not in (_ES256, _ESP256):
        raise CoseError("algorithm not in the profile")
    if _CRIT in headers:
        raise CoseError("critical headers")
    kid = headers.get(_KID)
    if not isinstance(kid, bytes):
        raise CoseError("no kid")
    point = find_key(kid)
    if point is None:
        raise KeyInvalid("kid unknown")
    if not p256.verify(point, _sign1_digest(protected, external_aad, payload), signature):
        raise SignatureInvalid("signature does not fit")
    return payload, headers


def _sign1_digest(protected: bytes, external_aad: bytes, payload: bytes) -> bytes:
    return sha256(cbor.encode(["Signature1", protected, external_aad, payload])).digest()


# --- COSE_Encrypt


def seal(
    plaintext: bytes, kid: bytes, point: tuple[int, int], external_aad: bytes, random: "Callable[[int], bytes]"
) -> bytes:
    """Encrypts to `point` with a fresh key pair. Asks random for the private key (32 bytes), then for the IV (13)."""
    ephemeral = p256.generate(random)
    iv = random(_IV_BYTES)
    key = _content_key(ephemeral, point)
    try:
        ciphertext = ccm.seal(key, iv, plaintext, _encrypt_aad(external_aad))
    finally:
        _wipe(key)
    recipient_headers = {_KID: kid, _EPHEMERAL_KEY: key_map(p256.public_key(ephemeral))}
    recipient = [_RECIPIENT_PROTECTED, recipient_headers, b""]
    return cbor.encode(cbor.Tag(_ENCRYPT, [_CONTENT_PROTECTED, {_IV: iv}, ciphertext, [recipient]]))


def open_sealed(message: bytes, d: int, external_aad: bytes) -> bytes:
    protected, unprotected, ciphertext, recipients = _open_tag(message, _ENCRYPT)
    if protected != _CONTENT_PROTECTED or not isinstance(ciphertext, bytes):
        raise CoseError("content cipher not in the profile")
    iv = _only(unprotected, _IV)
    if not isinstance(iv, bytes) or len(iv) != _IV_BYTES:
        raise CoseError("IV not of 13 bytes")
    key = _content_key(d, _ephemeral_point(recipients))
    try:
        return ccm.open_sealed(key, iv, ciphertext, _encrypt_aad(external_aad))
    finally:
        _wipe(key)


def _ephemeral_point(recipients: object) -> tuple[int, int]:
    if not isinstance(recipients, list) or len(recipients) != 1:
        raise CoseError("not one recipient")
    recipient = recipients[0]
    if not isinstance(recipient, list) or len(recipient) != 3:
        raise CoseError("not a recipient")
    protected, headers, encrypted_key = recipient
    if protected != _RECIPIENT_PROTECTED or encrypted_key != b"":
        raise CoseError("key agreement not in the profile")
    if not isinstance(headers, dict) or len(headers) != 2 or not isinstance(headers.get(_KID), bytes):
        raise CoseError("recipient headers not in the profile")
    return _key_point(headers.get(_EPHEMERAL_KEY))


def _key_point(key: object) -> tuple[int, int]:
    x, y = (key.get(-2), key.get(-3)) if isinstance(key, dict) else (None, None)
    if not isinstance(x, bytes) or not isinstance(y, bytes):
        raise KeyInvalid("not an uncompressed EC2 key")
    point = p256.decode_point(b"\x04" + x + y)
    if cbor.encode(key) != cbor.encode(key_map(point)):  # the bytes, since True == 1
        raise KeyInvalid("not a bare key on P-256")
    return point


def _content_key(d: int, point: tuple[int, int]) -> bytearray:
    # Integers and digests cannot be wiped in Python, this copy can: hence a fresh key pair for every message.
    secret = bytearray(p256.ecdh(d, point))
    key = bytearray(hkdf_sha256(secret, b"", _KDF_CONTEXT, _CEK_BYTES))
    _wipe(secret)
    return key


def _encrypt_aad(external_aad: bytes) -> bytes:
    return cbor.encode(["Encrypt", _CONTENT_PROTECTED, external_aad])


def _wipe(buffer: bytearray) -> None:
    buffer[:] = bytes(len(buffer))


# --- both


def _open_tag(message: bytes, tag: int) -> list:
    """Returns the four elements of the tagged message."""
    if len(message) > SIZE_MAX_BYTES:
        raise CoseError("longer than 8192 bytes")
    tagged = cbor.decode(message)
    if not isinstance(tagged, cbor.Tag) or tagged.tag != tag:
        raise CoseError("not the expected tag")
    elements = tagged.value
    if not isinstance(elements, list) or len(elements) != 4:
        raise CoseError("not four elements")
    return elements


def _only(headers: object, label: int) -> object:
    """Returns the value of the only label there may be."""
    if not isinstance(headers, dict) or len(headers) != 1 or label not in headers:
        raise CoseError("unprotected headers not in the profile")
    return headers[label]
