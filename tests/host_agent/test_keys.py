import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from terminal import cose
from terminal.signer import SoftwareSigner

from host_agent import keys
from host_agent.errors import ConfigError, TestAuthorityRefused
from tests.shared import load_vectors
from tools.pki import authority


def pem(key) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def test_the_key_id_is_the_thumbprint_of_rfc_9679_section_6():
    x = bytes.fromhex("65eda5a12577c2bae829437fe338701a10aaa375e1bb5b5de108de439c08551d")
    y = bytes.fromhex("1e52ed75701163f7f9e40ddf9f341b3dc9ba860af7e0ca7ca7e9eecd0084d19c")
    thumbprint = "496bd8afadf307e5b08c64b0421bf9dc01528a344a43bda88fadd1669da253ec"
    assert keys.kid_of(keys.public_from_xy(x, y)).hex() == thumbprint[:16]


def test_the_key_id_is_the_terminals():
    key = ec.generate_private_key(ec.SECP256R1())
    assert keys.kid_of(key.public_key()) == cose.key_id(SoftwareSigner(key.private_numbers().private_value).point)


def test_coordinates_keep_their_leading_zeros():
    for d in range(1, 600):
        x, y = keys.xy_of(ec.derive_private_key(d, ec.SECP256R1()).public_key())
        assert len(x) == len(y) == 32
        if x[0] == 0:
            return
    pytest.fail("no coordinate with a leading zero was tried")


@pytest.mark.parametrize(
    ("x", "y"), [(bytes(32), bytes(32)), (b"\xff" * 32, b"\xff" * 32), (bytes(31), bytes(32)), (bytes(33), bytes(32))]
)
def test_what_is_no_point_is_refused(x, y):
    with pytest.raises(ValueError):
        keys.public_from_xy(x, y)


def test_a_coordinate_beyond_the_prime_is_refused():
    p = 0xFFFFFFFF00000001000000000000000000000000FFFFFFFFFFFFFFFFFFFFFFFF
    b = 0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B
    points = ((x, pow(x**3 - 3 * x + b, (p + 1) // 4, p)) for x in range(99))
    x, y = next((x, y) for x, y in points if (y * y - x**3 + 3 * x - b) % p == 0)  # so small that x + p has 32 bytes
    keys.public_from_xy(x.to_bytes(32, "big"), y.to_bytes(32, "big"))
    with pytest.raises(ValueError):
        keys.public_from_xy((x + p).to_bytes(32, "big"), y.to_bytes(32, "big"))


def test_a_private_key_is_loaded(tmp_path):
    key = ec.generate_private_key(ec.SECP256R1())
    (tmp_path / "key.pem").write_bytes(pem(key))
    assert keys.load_private(tmp_path / "key.pem").private_numbers() == key.private_numbers()


@pytest.mark.parametrize(
    "content",
    [b"", b"no key", pem(ec.generate_private_key(ec.SECP384R1())), pem(ed25519.Ed25519PrivateKey.generate())],
    ids=["empty", "no key", "P-384", "Ed25519"],
)
def test_a_file_that_is_no_usable_key_is_a_configuration_error(tmp_path, content):
    path = tmp_path / "sign.key.pem"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match=r"sign\.key\.pem.*P-256"):
        keys.load_private(path)


def test_a_missing_key_file_is_a_configuration_error(tmp_path):
    with pytest.raises(ConfigError, match="absent.pem"):
        keys.load_private(tmp_path / "absent.pem")


def test_the_test_authority_is_refused_outside_emulated_mode(tmp_path):
    authority.create(tmp_path, [])
    ca = (tmp_path / "ca.cert.pem").read_bytes()
    keys.refuse_test_authority(ca, emulated=True)
    with pytest.raises(TestAuthorityRefused):
        keys.refuse_test_authority(ca, emulated=False)
    with pytest.raises(TestAuthorityRefused):
        keys.refuse_test_authority((tmp_path / "broker.cert.pem").read_bytes() + ca, emulated=False)


def test_another_authority_is_not_refused(tmp_path):
    authority.create(tmp_path, [])
    keys.refuse_test_authority((tmp_path / "broker.cert.pem").read_bytes(), emulated=False)


def test_an_authority_that_cannot_be_read_is_a_configuration_error():
    with pytest.raises(ConfigError):
        keys.refuse_test_authority(b"no certificate", emulated=True)


def test_shared_ecdh_points_are_judged_as_published():
    """Points off the curve must not become keys; the good ones must."""
    vectors = load_vectors("wycheproof/ecdh_secp256r1_ecpoint_test.odd.json")
    seen = set()
    for group in vectors["testGroups"]:
        for case in group["tests"]:
            point = bytes.fromhex(case["public"])
            if len(point) != 65:
                continue
            seen.add(case["result"])
            try:
                keys.public_from_xy(point[1:33], point[33:])
            except ValueError:
                assert case["result"] == "invalid", case["tcId"]
            else:
                assert case["result"] != "invalid", case["tcId"]
    assert "valid" in seen
