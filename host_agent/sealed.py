"""The identity data a terminal seals to the backend (COSE_Encrypt, PROTOCOL.md section 3), and its opening.

`Identity` has no repr: personal data must not reach a log or a traceback by accident.
"""

from dataclasses import dataclass
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESCCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from host_agent import cbor, keys
from host_agent.attestation import DocumentType, Evidence
from host_agent.errors import TokenRefused

CONTENT_HEADER = bytes.fromhex("a101181e")  # {1: 30}, AES-CCM-16-128-128
RECIPIENT_HEADER = bytes.fromhex("a1013818")  # {1: -25}, ECDH-ES + HKDF-256
IV, KID, EPHEMERAL = 5, 4, -1
IV_BYTES = 13
TAG_BYTES = 16
KEY_BYTES = 16
PARTY = [None, None, None]
KDF_CONTEXT = cbor.encode([30, PARTY, PARTY, [KEY_BYTES * 8, RECIPIENT_HEADER]])

# Entries that not every document has (PROTOCOL.md section 3)
OPTIONAL = {
    DocumentType.RESIDENT: {3, 5, 7},
    DocumentType.HMT_PERMIT: {5, 7, 15, 16},
    DocumentType.FOREIGN_2017: {13, 14, 18, 19},
    DocumentType.FOREIGN_2023: {13, 14, 16, 17},
}

MAX_TEXT_BYTES = 512
MAX_ADDRESSES = 8
MAX_PHOTO_BYTES = 4096


@dataclass(frozen=True, slots=True, repr=False)
class Identity:
    """None: the document has no such field. An empty text: it is blank on the card."""

    document: DocumentType
    name: str
    sex: int
    ethnicity: str | None
    birth_date: str
    address: str | None
    number: str
    authority: str | None
    valid_from: str
    valid_to: str
    additional_addresses: tuple[str, ...]
    photo: bytes
    msisdn: str
    english_name: str | None
    nationality: str | None
    travel_permit: str | None
    issue_count: str | None
    earlier_link: str | None
    accepting_authority: str | None
    card_version: str | None


def open_identity(evidence: Evidence, private_key: ec.EllipticCurvePrivateKey) -> Identity:
    """The identity data of verified evidence; the ciphertext fits this token's claims only."""
    if evidence.identity is None:
        raise _unopenable("there is no identity in a refusal")
    bound_to = cbor.encode([evidence.profile, evidence.ueid, evidence.cti, evidence.seq])
    return parse_identity(unseal(evidence.identity, bound_to, private_key), evidence.results.document_type)


def recipient_of(sealed: bytes) -> bytes:
    """The key id of the one for whom it is sealed; empty where it cannot be read."""
    match _decode(sealed):
        case cbor.Tag(tag=cbor.TAG_ENCRYPT, value=[_, _, _, [[_, {4: bytes() as kid}, _]]]):
            return kid
    return b""


def unseal(
    sealed: bytes, external_aad: bytes, private_key: ec.EllipticCurvePrivateKey, kid: bytes | None = None
) -> bytes:
    """The plaintext of a COSE_Encrypt with us as its one recipient (`kid`: other than the key's thumbprint)."""
    iv, ciphertext, ephemeral_key = _parse(sealed, keys.kid_of(private_key.public_key()) if kid is None else kid)
    shared = private_key.exchange(ec.ECDH(), ephemeral_key)
    content_key = HKDF(hashes.SHA256(), KEY_BYTES, salt=None, info=KDF_CONTEXT).derive(shared)
    authenticated = cbor.encode(["Encrypt", CONTENT_HEADER, external_aad])
    try:
        return AESCCM(content_key, TAG_BYTES).decrypt(iv, ciphertext, authenticated)
    except InvalidTag as error:
        raise _unopenable("the sealed data was not made for this token, or was changed") from error


def parse_identity(plaintext: bytes, document_type: int | None) -> Identity:
    """Every entry that a document of this type has must be there; any other is ignored."""
    if document_type not in OPTIONAL:
        raise _unopenable("a document that we do not know")
    document = DocumentType(document_type)
    entries = cbor.decode(plaintext)
    if not isinstance(entries, dict):
        raise _unopenable("the identity is not a map")
    addresses = entries.get(10)
    if not isinstance(addresses, list) or len(addresses) > MAX_ADDRESSES:
        raise _unopenable("entry 10 of the identity has a wrong shape")
    sex, photo = entries.get(2), entries.get(11)
    if isinstance(sex, bool) or sex not in (0, 1, 2, 9):
        raise _unopenable("entry 2 of the identity is not a sex code")
    if not isinstance(photo, bytes) or len(photo) > MAX_PHOTO_BYTES:
        raise _unopenable("entry 11 of the identity has a wrong shape")

    def optional(entry: int) -> str | None:
        return _text(entries.get(entry), entry) if entry in OPTIONAL[document] else None

    return Identity(
        document=document,
        name=_text(entries.get(1), 1),
        sex=sex,
        ethnicity=optional(3),
        birth_date=_text(entries.get(4), 4),
        address=optional(5),
        number=_text(entries.get(6), 6),
        authority=optional(7),
        valid_from=_text(entries.get(8), 8),
        valid_to=_text(entries.get(9), 9),
        additional_addresses=tuple(_text(address, 10) for address in addresses),
        photo=photo,
        msisdn=_text(entries.get(12), 12),
        english_name=optional(13),
        nationality=optional(14),
        travel_permit=optional(15),
        issue_count=optional(16),
        earlier_link=optional(17),
        accepting_authority=optional(18),
        card_version=optional(19),
    )


def _parse(sealed: bytes, kid: bytes) -> tuple[bytes, bytes, ec.EllipticCurvePublicKey]:
    match _decode(sealed):
        case cbor.Tag(tag=cbor.TAG_ENCRYPT, value=[protected, dict() as header, bytes() as ciphertext, [recipient]]):
            pass
        case _:
            raise _unopenable("not a COSE_Encrypt with one recipient")
    match recipient:
        case [recipient_protected, dict() as recipient_header, b""]:
            pass
        case _:
            raise _unopenable("the recipient has a wrong shape")
    if protected != CONTENT_HEADER or recipient_protected != RECIPIENT_HEADER:
        raise _unopenable("sealed with another algorithm than agreed")
    iv = header.get(IV)
    if set(header) != {IV} or not isinstance(iv, bytes) or len(iv) != IV_BYTES:
        raise _unopenable("the header of the sealed data must be one IV of 13 bytes")
    if set(recipient_header) != {KID, EPHEMERAL} or recipient_header[KID] != kid:
        raise _unopenable("sealed to another key")
    return iv, ciphertext, _parse_ephemeral(recipient_header[EPHEMERAL])


def _parse_ephemeral(key: Any) -> ec.EllipticCurvePublicKey:
    match key:
        case {1: 2, -1: 1, -2: bytes() as x, -3: bytes() as y} if len(key) == 4 and key[-1] is not True:
            try:
                return keys.public_from_xy(x, y)  # refuses a point off the curve (invalid-curve attack)
            except ValueError as error:
                raise _unopenable("the ephemeral key is not a point of the curve") from error
    raise _unopenable("the ephemeral key has a wrong shape")


def _decode(sealed: bytes) -> Any:
    try:
        return cbor.decode(sealed)
    except TokenRefused as error:
        raise _unopenable("the sealed data is not deterministic CBOR") from error


def _text(value: Any, entry: int) -> str:
    # A field may be blank on the card; whether that is acceptable is for the reader of the identity to say.
    if not isinstance(value, str) or len(value.encode()) > MAX_TEXT_BYTES:
        raise _unopenable(f"entry {entry} of the identity is missing or not text of the right size")
    return value


def _unopenable(message: str) -> TokenRefused:
    return TokenRefused("seal-invalid", message)
