"""COSE_Sign1 (RFC 9052) as PROTOCOL.md section 1 narrows it: what every signed object of the product is wrapped in."""

import hashlib
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature

from host_agent import cbor
from host_agent.errors import TokenRefused

ALG, CRIT, KID, TYP = 1, 2, 4, 16
ES256, ESP256 = -7, -9
SIGNATURE_BYTES = 64
MAX_KID_BYTES = 32

_SHA256 = ec.ECDSA(hashes.SHA256())
_SHA256_DETERMINISTIC = ec.ECDSA(hashes.SHA256(), deterministic_signing=True)


@dataclass(frozen=True, slots=True)
class Envelope:
    token: bytes
    protected: bytes
    kid: bytes
    typ: str | None
    payload: bytes
    signature: bytes

    @property
    def sha256(self) -> bytes:
        """Of the whole token: the idempotency key, and what receipts name."""
        return hashlib.sha256(self.token).digest()

    @property
    def payload_sha256(self) -> bytes:
        """Also the same for the second valid signature (r, n - s) that anybody can make of the first."""
        return hashlib.sha256(self.payload).digest()


def parse(token: bytes) -> Envelope:
    """The parts of a token; nothing in it is true before `verify`."""
    match cbor.decode(token):
        case cbor.Tag(
            tag=cbor.TAG_SIGN1,
            value=[bytes() as protected, dict() as unprotected, bytes() as payload, bytes() as signature],
        ):
            pass
        case _:
            raise TokenRefused("token-malformed", "not a COSE_Sign1")
    if unprotected:
        raise TokenRefused("token-malformed", "the unprotected header must be empty")
    kid, typ = _read_header(protected)
    return Envelope(token, protected, kid, typ, payload, signature)


def verify(envelope: Envelope, public_key: ec.EllipticCurvePublicKey) -> None:
    check_signature(envelope.signature, _to_be_signed(envelope.protected, envelope.payload), public_key)


def check_signature(signature: bytes, signed: bytes, public_key: ec.EllipticCurvePublicKey) -> None:
    """ECDSA P-256 with SHA-256 in the form r || s."""
    if len(signature) != SIGNATURE_BYTES:
        raise TokenRefused("signature-invalid", "a signature has 64 bytes")
    r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")
    try:
        public_key.verify(encode_dss_signature(r, s), signed, _SHA256)
    except InvalidSignature as error:
        raise TokenRefused("signature-invalid") from error


def sign(payload: bytes, kid: bytes, private_key: ec.EllipticCurvePrivateKey, typ: str | None = None) -> bytes:
    """A token; the same input gives the same bytes (RFC 6979)."""
    header: dict[int, object] = {ALG: ES256, KID: kid}
    if typ is not None:
        header[TYP] = typ
    protected = cbor.encode(header)
    r, s = decode_dss_signature(private_key.sign(_to_be_signed(protected, payload), _SHA256_DETERMINISTIC))
    signature = r.to_bytes(32, "big") + s.to_bytes(32, "big")
    return cbor.encode(cbor.Tag(cbor.TAG_SIGN1, [protected, {}, payload, signature]))


def _read_header(protected: bytes) -> tuple[bytes, str | None]:
    header = cbor.decode(protected)
    if not isinstance(header, dict) or CRIT in header:
        raise TokenRefused("token-malformed", "the protected header is not a map, or has critical labels")
    alg, kid, typ = header.get(ALG), header.get(KID), header.get(TYP)
    if isinstance(alg, bool) or alg not in (ES256, ESP256):
        raise TokenRefused("token-malformed", "the algorithm must be ES256 or ESP256")
    if not isinstance(kid, bytes) or not 1 <= len(kid) <= MAX_KID_BYTES:
        raise TokenRefused("token-malformed", "the key id is missing or has a wrong size")
    if typ is not None and not isinstance(typ, str):
        raise TokenRefused("token-malformed", "the type is not text")
    return kid, typ


def _to_be_signed(protected: bytes, payload: bytes) -> bytes:
    return cbor.encode(["Signature1", protected, b"", payload])
