"""A certificate that a terminal has issued."""

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.attacks.bench import Attack
from tests.attacks.line import Line

ATTACK = Attack(
    has="the certificate and key of t-0002, which is no authority",
    does="issues a certificate for t-0001 with them, and shows both",
    code="tls",
    check="host_agent/broker.py:server_context",
)


def test_certificate_by_a_terminal(line: Line) -> None:
    folder = line.rig.pki / "devices" / "t-0002"
    issuer = x509.load_der_x509_certificate((folder / "tls.cert.der").read_bytes())
    issuer_key = serialization.load_der_private_key((folder / "tls.key.der").read_bytes(), None)
    assert isinstance(issuer_key, ec.EllipticCurvePrivateKey)
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = (
        x509.CertificateBuilder(
            subject_name=x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "t-0001")]),
            issuer_name=issuer.subject,
            public_key=key.public_key(),
            serial_number=x509.random_serial_number(),
            not_valid_before=issuer.not_valid_before_utc,
            not_valid_after=issuer.not_valid_after_utc,
        )
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), critical=False)
        .sign(issuer_key, hashes.SHA256())
    )
    path = line.rig.folder / "forged.pem"
    pem = serialization.Encoding.PEM
    secret = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    path.write_bytes(certificate.public_bytes(pem) + issuer.public_bytes(pem) + secret)
    tls = line.rig.tls(None)
    tls.load_cert_chain(path)
    assert line.is_shut_out(tls)
    assert "invalid CA certificate" in line.handshake_error(tls)
    assert line.come("t-0002").code == 0, "the issuer itself is let in"
