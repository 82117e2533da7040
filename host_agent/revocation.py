"""The revocation list of the TLS certificates, checked on every hop and read again while the process runs.

OpenSSL checks it in each handshake. What it does not look at again are connections that are open and TLS sessions that
are resumed: `serials` is for whoever holds those.
"""

import ssl
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec

from host_agent.errors import ShimingError


class CrlInvalid(ShimingError):
    code = "crl-invalid"
    exit_status = 2


class Revocations:
    def __init__(self, crl: Path | None, authority: Path) -> None:
        """Without a list nothing is revoked; one that cannot be used is refused at once."""
        self._path = crl
        self._authority = authority
        self._contexts: list[ssl.SSLContext] = []
        self._seen: tuple[int, ...] = ()
        self._number = -1
        self._until = datetime.max.replace(tzinfo=UTC)
        self.serials: frozenset[int] = frozenset()
        self.refresh()

    def guard(self, context: ssl.SSLContext) -> ssl.SSLContext:
        if self._path is not None:
            context.verify_flags |= ssl.VerifyFlags.VERIFY_CRL_CHECK_LEAF
            context.load_verify_locations(self._path)
            self._contexts.append(context)
        return context

    def refresh(self) -> bool:
        """True if there is a new list. On an error the one before stays in force, until it expires."""
        if self._path is None:
            return False
        seen = _look(self._path)
        if seen == self._seen:
            self._check_age(self._until)
            return False
        listed = self._read(self._path)
        for context in self._contexts:
            context.load_verify_locations(self._path)  # of two lists of one authority OpenSSL takes the later
        self._seen = seen
        return self._take(listed)

    def _read(self, path: Path) -> x509.CertificateRevocationList:
        try:
            listed = x509.load_pem_x509_crl(path.read_bytes())
            authorities = x509.load_pem_x509_certificates(self._authority.read_bytes())
        except (OSError, ValueError) as error:
            raise CrlInvalid(f"{path}: no readable revocation list (PEM)") from error
        if not any(_has_signed(authority, listed) for authority in authorities):
            raise CrlInvalid(f"{path}: not signed by the authority of {self._authority}")
        self._check_age(_until(listed))
        if _number(listed) < self._number:
            raise CrlInvalid(f"{path}: older than the one in force")
        return listed

    def _take(self, listed: x509.CertificateRevocationList) -> bool:
        before = self.serials
        self.serials = frozenset(revoked.serial_number for revoked in listed)
        self._number, self._until = _number(listed), _until(listed)
        return self.serials != before

    def _check_age(self, until: datetime) -> None:
        if datetime.now(UTC) > until:
            raise CrlInvalid(f"{self._path}: expired on {until:%Y-%m-%d}; no connection is accepted with it")


def serial_of(peer: Any) -> int:
    """The number of the certificate at the other end of a TLS socket or object; 0, which none has, without one."""
    certificate = peer.getpeercert() if peer is not None else None
    return int(str(certificate.get("serialNumber", "0")), 16) if certificate else 0


def _has_signed(authority: x509.Certificate, listed: x509.CertificateRevocationList) -> bool:
    key = authority.public_key()
    if authority.subject != listed.issuer or not isinstance(key, ec.EllipticCurvePublicKey):
        return False
    try:
        return listed.is_signature_valid(key)
    except InvalidSignature:
        return False


def _until(listed: x509.CertificateRevocationList) -> datetime:
    return listed.next_update_utc or datetime.max.replace(tzinfo=UTC)


def _number(listed: x509.CertificateRevocationList) -> int:
    try:
        return listed.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number
    except x509.ExtensionNotFound:
        return 0


def _look(path: Path) -> tuple[int, ...]:
    try:
        stat = path.stat()
    except OSError:
        return (0,)
    return stat.st_ino, stat.st_size, stat.st_mtime_ns
