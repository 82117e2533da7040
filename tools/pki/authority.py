"""Makes the folder of a test authority: CA, broker, agent, backend and devices, all on P-256, and `registry.json`.

The CA says in its subject and in an extension that it is for tests (`keys.refuse_test_authority` looks for the latter).
`registry.json` is written last: where it is, the authority is complete.
"""

import ipaddress
import json
import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from host_agent import keys
from host_agent.errors import ConfigError, ShimingError
from tools.pki import revocation

ORGANISATION = "Shiming TEST authority"
CA_NAME = "Shiming test CA, not for production"
CA_LIFE = timedelta(days=3650)
LEAF_LIFE = timedelta(days=730)
BACKDATED = timedelta(days=1)  # a terminal's clock may be a little behind

EARLIER_SEAL_KEYS = "seal-keys"
SERVICES = ("agent", "backend", "broker")
LOCALHOST_V4 = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
LOCALHOST_V6 = x509.IPAddress(ipaddress.ip_address("::1"))
LOCALHOST = x509.DNSName("localhost")

_DEVICE_ID = re.compile(r"[A-Za-z0-9-]{1,32}")


class AuthorityExists(ShimingError):
    code = "authority-exists"
    exit_status = 2


@dataclass(frozen=True, slots=True)
class _Authority:
    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey


def create(
    directory: Path,
    devices: Sequence[str],
    *,
    tenant: str = "demo",
    channel: str = "CH-000001",
    element_keys: Mapping[str, ec.EllipticCurvePublicKey] | None = None,
) -> None:
    """A whole new authority with these devices; refuses a folder that has one already. `element_keys`: of those devices
    whose attestation key is in a secure element."""
    if any((directory / name).exists() for name in ("ca.key.pem", "registry.json")):
        raise AuthorityExists()
    for name in (tenant, *devices):
        _check_id(name)
    if len(set(devices)) != len(devices):
        raise ConfigError("device: every device needs an id of its own")
    directory.mkdir(parents=True, exist_ok=True)
    authority = _create_ca(directory)
    revocation.write(directory, authority.certificate, authority.key, [])
    _create_tls(
        directory, authority, "broker", ExtendedKeyUsageOID.SERVER_AUTH, [LOCALHOST, LOCALHOST_V4, LOCALHOST_V6]
    )
    _create_tls(directory, authority, "agent", ExtendedKeyUsageOID.CLIENT_AUTH)
    _create_tls(directory, authority, "backend", ExtendedKeyUsageOID.SERVER_AUTH, [LOCALHOST, LOCALHOST_V4])
    registry = {
        "emulated": True,
        "tenant": tenant,
        "agent": {"id": "agent"} | _create_key(directory / "agent.sign.key.pem"),
        "backend": {
            "id": "backend",
            "sign": _create_key(directory / "backend.sign.key.pem"),
            "seal": _create_key(directory / "backend.seal.key.pem"),
        },
        "devices": [
            _create_device(directory, authority, device_id, tenant, channel, (element_keys or {}).get(device_id))
            for device_id in devices
        ],
    }
    _write_registry(directory, registry)


def add_device(directory: Path, device_id: str, *, channel: str = "CH-000001") -> None:
    """One more device of an authority made by `create`."""
    _check_id(device_id)
    try:
        registry = json.loads((directory / "registry.json").read_text(encoding="utf-8"))
        certificate = x509.load_pem_x509_certificate((directory / "ca.cert.pem").read_bytes())
    except (OSError, ValueError) as error:
        raise ConfigError(f"{directory}: no complete test authority; make one with `pki init`") from error
    if any(device["id"] == device_id for device in registry["devices"]):
        raise ConfigError(f"device: {device_id} is there already")
    authority = _Authority(certificate, keys.load_private(directory / "ca.key.pem"))
    registry["devices"].append(_create_device(directory, authority, device_id, registry["tenant"], channel))
    _write_registry(directory, registry)


def renew_seal_key(directory: Path) -> str:
    """The seal key of a new period; the one before stays in `seal-keys/` until the backend destroys it."""
    try:
        registry = json.loads((directory / "registry.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigError(f"{directory}: no complete test authority; make one with `pki init`") from error
    folder = directory / EARLIER_SEAL_KEYS
    folder.mkdir(mode=0o700, exist_ok=True)
    present = directory / "backend.seal.key.pem"
    present.replace(folder / f"{registry['backend']['seal']['kid']}.pem")
    registry["backend"]["seal"] = _create_key(present)
    _write_registry(directory, registry)
    return registry["backend"]["seal"]["kid"]


def _create_ca(directory: Path) -> _Authority:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = _subject(CA_NAME)
    certificate = (
        _certificate(subject, key.public_key(), subject, key.public_key(), CA_LIFE)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_key_usage(is_ca=True), critical=True)
        .add_extension(x509.UnrecognizedExtension(keys.TEST_AUTHORITY_OID, _der_utf8(CA_NAME)), critical=False)
        .sign(key, hashes.SHA256())
    )
    _write_secret(directory / "ca.key.pem", _pem(key))
    (directory / "ca.cert.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    (directory / "ca.cert.der").write_bytes(certificate.public_bytes(serialization.Encoding.DER))
    return _Authority(certificate, key)


def _create_tls(
    directory: Path,
    authority: _Authority,
    name: str,
    usage: x509.ObjectIdentifier,
    alternatives: Sequence[x509.GeneralName] = (),
) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = _issue(authority, name, key.public_key(), usage, alternatives)
    _write_secret(directory / f"{name}.key.pem", _pem(key))
    (directory / f"{name}.cert.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))


def _create_key(path: Path) -> dict[str, str]:
    """A signing or sealing key; returns its entry in the registry."""
    key = ec.generate_private_key(ec.SECP256R1())
    _write_secret(path, _pem(key))
    return _public_entry(key.public_key())


def _create_device(
    directory: Path,
    authority: _Authority,
    device_id: str,
    tenant: str,
    channel: str,
    element_key: ec.EllipticCurvePublicKey | None = None,
) -> dict[str, str]:
    """The files a terminal is provisioned with; returns the device's entry in the registry."""
    folder = directory / "devices" / device_id
    folder.mkdir(parents=True, mode=0o700)
    tls_key = ec.generate_private_key(ec.SECP256R1())
    certificate = _issue(authority, device_id, tls_key.public_key(), ExtendedKeyUsageOID.CLIENT_AUTH)
    (folder / "tls.cert.der").write_bytes(certificate.public_bytes(serialization.Encoding.DER))
    _write_secret(folder / "tls.key.der", _sec1(tls_key))
    if element_key is None:
        attestation_key = ec.generate_private_key(ec.SECP256R1())
        _write_secret(folder / "attest.key", attestation_key.private_numbers().private_value.to_bytes(32, "big"))
        public = _public_entry(attestation_key.public_key())
    else:
        public = _public_entry(element_key)
    ueid = (b"\x01" + secrets.token_bytes(16)).hex()
    device = {"id": device_id, "tenant": tenant, "ueid": ueid, "channel": channel}
    device["custody"] = "software" if element_key is None else "element"
    _write_json(folder / "device.json", device | {"kid": public["kid"]})
    return device | public | {"status": "active"}


def _issue(
    authority: _Authority,
    name: str,
    public_key: ec.EllipticCurvePublicKey,
    usage: x509.ObjectIdentifier,
    alternatives: Sequence[x509.GeneralName] = (),
) -> x509.Certificate:
    issuer = authority.certificate.subject
    builder = (
        _certificate(_subject(name), public_key, issuer, authority.key.public_key(), LEAF_LIFE)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_key_usage(is_ca=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
    )
    if alternatives:
        builder = builder.add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
    return builder.sign(authority.key, hashes.SHA256())


def _certificate(
    subject: x509.Name,
    public_key: ec.EllipticCurvePublicKey,
    issuer: x509.Name,
    issuer_key: ec.EllipticCurvePublicKey,
    life: timedelta,
) -> x509.CertificateBuilder:
    start = datetime.now(UTC) - BACKDATED
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public_key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(start + life)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key), critical=False)
    )


def _subject(name: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, ORGANISATION),
            x509.NameAttribute(NameOID.COMMON_NAME, name),
        ]
    )


def _key_usage(*, is_ca: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not is_ca,
        key_cert_sign=is_ca,
        crl_sign=is_ca,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _der_utf8(text: str) -> bytes:
    content = text.encode()
    return bytes([0x0C, len(content)]) + content


def _public_entry(public_key: ec.EllipticCurvePublicKey) -> dict[str, str]:
    x, y = keys.xy_of(public_key)
    return {"kid": keys.kid_of(public_key).hex(), "x": x.hex(), "y": y.hex()}


def _pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _sec1(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    )


def _write_secret(path: Path, content: bytes) -> None:
    path.touch(mode=0o600, exist_ok=False)  # made with its final mode: never readable by others, not even for a moment
    path.write_bytes(content)


def _write_registry(directory: Path, registry: dict[str, Any]) -> None:
    fresh = directory / "registry.json.new"
    _write_json(fresh, registry)
    fresh.replace(directory / "registry.json")


def _write_json(path: Path, value: dict[str, Any]) -> None:
    path.write_text(json.dumps(value, indent=2) + "\n", encoding="utf-8")


def _check_id(name: str) -> None:
    if not _DEVICE_ID.fullmatch(name):
        raise ConfigError("device and tenant ids have 1 to 32 letters, digits or hyphens")
    if name in SERVICES:  # the common name says who a certificate's holder is
        raise ConfigError(f"device: {name} is the name of a service")
