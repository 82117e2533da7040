import ipaddress
import json
import ssl
import stat

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from cryptography.x509.verification import PolicyBuilder, Store
from terminal.signer import SoftwareSigner
from typer.testing import CliRunner

from host_agent import keys
from host_agent.errors import ConfigError, catalogue
from host_agent.registry import Registry
from tools.pki import authority
from tools.pki.cli import app


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pki") / "authority"
    authority.create(folder, ["T-1", "T-2"], tenant="shop", channel="CH-7")
    return folder


def certificate(path) -> x509.Certificate:
    content = path.read_bytes()
    is_der = path.suffix == ".der"
    return x509.load_der_x509_certificate(content) if is_der else x509.load_pem_x509_certificate(content)


def leaves(folder) -> list:
    return [folder / f"{name}.cert.pem" for name in ("broker", "agent", "backend")] + sorted(
        folder.glob("devices/*/tls.cert.der")
    )


def test_every_private_key_is_for_its_owner_only(folder):
    secret = [*folder.rglob("*.key.pem"), *folder.rglob("*.key.der"), *folder.rglob("attest.key")]
    assert len(secret) == 7 + 2 * 2
    assert {stat.S_IMODE(path.stat().st_mode) for path in secret} == {0o600}


def test_the_ca_may_sign_and_says_that_it_is_for_tests(folder):
    ca = certificate(folder / "ca.cert.pem")
    assert ca.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    usage = ca.extensions.get_extension_for_class(x509.KeyUsage).value
    assert usage.key_cert_sign and not usage.digital_signature
    assert "TEST" in ca.subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)[0].value
    assert "not for production" in ca.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value
    assert keys.is_test_authority(ca)
    assert certificate(folder / "ca.cert.der") == ca


def test_no_other_certificate_may_sign(folder):
    for path in leaves(folder):
        leaf = certificate(path)
        assert not leaf.extensions.get_extension_for_class(x509.BasicConstraints).value.ca, path.name
        assert not leaf.extensions.get_extension_for_class(x509.KeyUsage).value.key_cert_sign, path.name
        leaf.verify_directly_issued_by(certificate(folder / "ca.cert.pem"))


@pytest.mark.parametrize(
    ("name", "usage"),
    [
        ("broker.cert.pem", ExtendedKeyUsageOID.SERVER_AUTH),
        ("backend.cert.pem", ExtendedKeyUsageOID.SERVER_AUTH),
        ("agent.cert.pem", ExtendedKeyUsageOID.CLIENT_AUTH),
        ("devices/T-1/tls.cert.der", ExtendedKeyUsageOID.CLIENT_AUTH),
    ],
)
def test_a_certificate_serves_one_purpose(folder, name, usage):
    extension = certificate(folder / name).extensions.get_extension_for_class(x509.ExtendedKeyUsage)
    assert list(extension.value) == [usage]


def test_a_devices_common_name_is_its_id(folder):
    names = [
        certificate(path).subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value
        for path in sorted(folder.glob("devices/*/tls.cert.der"))
    ]
    assert names == ["T-1", "T-2"]


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
def test_a_strict_verifier_accepts_the_servers(folder, host):
    store = Store([certificate(folder / "ca.cert.pem")])
    name = x509.DNSName(host) if host == "localhost" else x509.IPAddress(ipaddress.ip_address(host))
    for server in ("broker", "backend"):
        PolicyBuilder().store(store).build_server_verifier(name).verify(certificate(folder / f"{server}.cert.pem"), [])


def test_openssl_accepts_the_chain_in_strict_mode(folder):
    server, client = ssl.MemoryBIO(), ssl.MemoryBIO()
    server_context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=folder / "ca.cert.pem")
    server_context.load_cert_chain(folder / "broker.cert.pem", folder / "broker.key.pem")
    server_context.verify_mode = ssl.CERT_REQUIRED
    client_context = ssl.create_default_context(cafile=folder / "ca.cert.pem")
    client_context.load_cert_chain(folder / "agent.cert.pem", folder / "agent.key.pem")
    for context in (server_context, client_context):
        context.verify_flags |= ssl.VERIFY_X509_STRICT
    near = client_context.wrap_bio(server, client, server_hostname="localhost")
    far = server_context.wrap_bio(client, server, server_side=True)
    done: set[str] = set()
    for _ in range(10):
        for name, side in (("client", near), ("server", far)):
            try:
                side.do_handshake()
                done.add(name)
            except ssl.SSLWantReadError:
                continue
    assert done == {"client", "server"}


def test_a_devices_keys_and_registry_entry_belong_together(folder):
    registry = Registry.load(folder / "registry.json")
    for device_id in ("T-1", "T-2"):
        files = folder / "devices" / device_id
        entry = registry.device(device_id)
        told = json.loads((files / "device.json").read_text())
        assert entry is not None and (entry.tenant, entry.channel) == ("shop", "CH-7")
        assert told == {
            "id": device_id, "tenant": "shop", "ueid": entry.ueid.hex(), "channel": "CH-7", "kid": entry.kid.hex(),
            "custody": "software",
        }  # fmt: skip
        assert SoftwareSigner.from_bytes((files / "attest.key").read_bytes()).kid == entry.kid
        tls_key = serialization.load_der_private_key((files / "tls.key.der").read_bytes(), None)
        assert isinstance(tls_key, ec.EllipticCurvePrivateKey)
        assert tls_key.public_key() == certificate(files / "tls.cert.der").public_key()


@pytest.mark.parametrize("name", ["agent.sign", "backend.sign", "backend.seal"])
def test_the_services_keys_are_in_the_registry(folder, name):
    registry = Registry.load(folder / "registry.json")
    owner, _, role = name.partition(".")
    kid = registry.agent.kid if owner == "agent" else getattr(registry.backend, role).kid
    assert keys.kid_of(keys.load_private(folder / f"{name}.key.pem").public_key()) == kid


def test_an_authority_is_never_overwritten(folder):
    before = (folder / "ca.key.pem").read_bytes()
    with pytest.raises(authority.AuthorityExists) as caught:
        authority.create(folder, ["T-3"])
    assert caught.value.code in catalogue()
    assert (folder / "ca.key.pem").read_bytes() == before


def test_a_device_can_be_added(tmp_path):
    authority.create(tmp_path, [])
    authority.add_device(tmp_path, "T-9", channel="CH-9")
    device = Registry.load(tmp_path / "registry.json").device("T-9")
    assert device is not None and device.channel == "CH-9" and device.tenant == "demo"
    with pytest.raises(ConfigError, match="T-9 is there already"):
        authority.add_device(tmp_path, "T-9")


@pytest.mark.parametrize("device", ["", "a/b", "../x", "x" * 33, "T 1", "设备", "agent", "backend", "T-1\n"])
def test_an_id_that_is_no_device_is_refused(tmp_path, device):
    with pytest.raises(ConfigError):
        authority.create(tmp_path / "pki", [device])
    assert not (tmp_path / "pki").exists()


def test_two_devices_of_one_name_are_refused(tmp_path):
    with pytest.raises(ConfigError, match="id of its own"):
        authority.create(tmp_path / "pki", ["T-1", "T-1"])


def test_no_device_can_be_added_where_there_is_no_authority(tmp_path):
    with pytest.raises(ConfigError, match="no complete test authority"):
        authority.add_device(tmp_path, "T-1")


# --- the command line


def test_init_says_what_it_made_as_json(tmp_path):
    made = CliRunner().invoke(app, ["init", str(tmp_path / "pki"), "--device", "T-1", "--device", "T-2", "--json"])
    assert made.exit_code == 0, made.output
    assert json.loads(made.stdout) == {"directory": str(tmp_path / "pki"), "devices": ["T-1", "T-2"]}
    assert sorted(Registry.load(tmp_path / "pki" / "registry.json").devices) == ["T-1", "T-2"]


def test_init_says_what_it_made_in_words(tmp_path):
    made = CliRunner().invoke(app, ["init", str(tmp_path / "pki")])
    assert made.exit_code == 0 and "Not for production" in made.stdout


def test_init_again_is_refused(tmp_path):
    CliRunner().invoke(app, ["init", str(tmp_path)])
    again = CliRunner().invoke(app, ["init", str(tmp_path)])
    assert isinstance(again.exception, authority.AuthorityExists) and again.exception.exit_status == 2


def test_add_adds(tmp_path):
    CliRunner().invoke(app, ["init", str(tmp_path)])
    assert CliRunner().invoke(app, ["add", str(tmp_path), "T-5"]).exit_code == 0
    assert Registry.load(tmp_path / "registry.json").device("T-5")
