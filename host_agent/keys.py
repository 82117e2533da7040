"""P-256 keys of the host: key ids, loading, and the refusal of the test authority outside emulated mode."""

from pathlib import Path

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from host_agent import cbor
from host_agent.errors import ConfigError, TestAuthorityRefused

KID_BYTES = 8
COORDINATE_BYTES = 32
FIELD_PRIME = 0xFFFFFFFF00000001000000000000000000000000FFFFFFFFFFFFFFFFFFFFFFFF

# A UUID-based OID (X.667) is ours without a registration. In the CA of `tools/pki` it is a non-critical extension.
TEST_AUTHORITY_OID = x509.ObjectIdentifier("2.25.216095427638690279461332498120015738292")


def xy_of(public_key: ec.EllipticCurvePublicKey) -> tuple[bytes, bytes]:
    numbers = public_key.public_numbers()
    return numbers.x.to_bytes(COORDINATE_BYTES, "big"), numbers.y.to_bytes(COORDINATE_BYTES, "big")


def kid_of(public_key: ec.EllipticCurvePublicKey) -> bytes:
    """First 8 bytes of the RFC 9679 thumbprint: SHA-256 over the deterministic COSE_Key {1: 2, -1: 1, -2: x, -3: y}."""
    x, y = xy_of(public_key)
    digest = hashes.Hash(hashes.SHA256())
    digest.update(cbor.encode({1: 2, -1: 1, -2: x, -3: y}))
    return digest.finalize()[:KID_BYTES]


def public_from_xy(x: bytes, y: bytes) -> ec.EllipticCurvePublicKey:
    """Raises ValueError for what is not a point of the curve in its one spelling."""
    if len(x) != COORDINATE_BYTES or len(y) != COORDINATE_BYTES:
        raise ValueError("a P-256 coordinate has 32 bytes")
    point = ec.EllipticCurvePublicNumbers(int.from_bytes(x, "big"), int.from_bytes(y, "big"), ec.SECP256R1())
    if max(point.x, point.y) >= FIELD_PRIME:  # the library would reduce them: a second spelling of the same key
        raise ValueError("a P-256 coordinate is less than the prime of the field")
    return point.public_key()


def load_private(path: Path) -> ec.EllipticCurvePrivateKey:
    try:
        key = serialization.load_pem_private_key(path.read_bytes(), password=None)
    except (OSError, ValueError, TypeError, UnsupportedAlgorithm) as error:
        # The reason itself stays out of the message: it could quote the file.
        raise ConfigError(f"{path}: no readable P-256 private key (PEM, without a password)") from error
    if not isinstance(key, ec.EllipticCurvePrivateKey) or not isinstance(key.curve, ec.SECP256R1):
        raise ConfigError(f"{path}: the private key must be on the curve P-256")
    return key


def is_test_authority(certificate: x509.Certificate) -> bool:
    return any(extension.oid == TEST_AUTHORITY_OID for extension in certificate.extensions)


def refuse_test_authority(ca_pem: bytes, emulated: bool) -> None:
    """Every certificate of the file counts: a test CA behind a real one would still be trusted."""
    try:
        authorities = x509.load_pem_x509_certificates(ca_pem)
    except ValueError as error:
        raise ConfigError("the certificate of the authority is not readable PEM") from error
    if not emulated and any(is_test_authority(authority) for authority in authorities):
        raise TestAuthorityRefused()
