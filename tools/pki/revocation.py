"""The test authority's revocation list, `ca.crl.pem`: complete, signed, with a number that only grows."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from host_agent import keys
from host_agent.errors import ConfigError

NAME = "ca.crl.pem"
LIFE = timedelta(days=730)
BACKDATED = timedelta(days=1)  # a verifier's clock may be a little behind
SERVICES = ("agent", "backend", "broker")


def write(
    directory: Path,
    authority: x509.Certificate,
    key: ec.EllipticCurvePrivateKey,
    revoked: Sequence[x509.RevokedCertificate],
    before: x509.CertificateRevocationList | None = None,
) -> None:
    # OpenSSL takes the list with the later time, and knows whole seconds only.
    at = datetime.now(UTC).replace(microsecond=0) - BACKDATED
    number = 1
    if before is not None:
        at = max(at, before.last_update_utc + timedelta(seconds=1))
        number = before.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number + 1
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(authority.subject)
        .last_update(at)
        .next_update(at + LIFE)
        .add_extension(x509.CRLNumber(number), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key()), critical=False)
    )
    for entry in revoked:
        builder = builder.add_revoked_certificate(entry)
    fresh = directory / f"{NAME}.new"
    fresh.write_bytes(builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
    fresh.replace(directory / NAME)


def revoke(directory: Path, name: str, reason: x509.ReasonFlags) -> int:
    """Puts the TLS certificate of a device or service on the list; its serial number. Again changes nothing."""
    try:
        authority = x509.load_pem_x509_certificate((directory / "ca.cert.pem").read_bytes())
        before = x509.load_pem_x509_crl((directory / NAME).read_bytes())
    except (OSError, ValueError) as error:
        raise ConfigError(f"{directory}: no complete test authority; make one with `pki init`") from error
    serial = _certificate_of(directory, name).serial_number
    if before.get_revoked_certificate_by_serial_number(serial) is not None:
        return serial
    entry = (
        x509.RevokedCertificateBuilder()
        .serial_number(serial)
        .revocation_date(datetime.now(UTC).replace(microsecond=0))
        .add_extension(x509.CRLReason(reason), critical=False)
        .build()
    )
    write(directory, authority, keys.load_private(directory / "ca.key.pem"), [*before, entry], before)
    return serial


def _certificate_of(directory: Path, name: str) -> x509.Certificate:
    try:
        if name in SERVICES:
            return x509.load_pem_x509_certificate((directory / f"{name}.cert.pem").read_bytes())
        return x509.load_der_x509_certificate((directory / "devices" / name / "tls.cert.der").read_bytes())
    except (OSError, ValueError) as error:
        raise ConfigError(f"{name}: no certificate of this device or service in {directory}") from error
