"""RFC 6979 A.2.5 and RFC 5869 A.1 to A.3."""

from hashlib import sha256

from harness import shared
from terminal import hkdf, p256


def test_rfc_6979_signatures():
    vectors = shared("rfc/rfc6979_a25_p256_sha256.json")
    d = int(vectors["x"], 16)
    assert p256.public_key(d) == (int(vectors["Ux"], 16), int(vectors["Uy"], 16))
    assert len(vectors["cases"]) == 2
    for case in vectors["cases"]:
        digest = sha256(case["message"].encode()).digest()
        assert digest.hex() == case["h1"]
        assert p256.sign(d, digest).hex() == case["r"] + case["s"], case["message"]


def test_rfc_6979_nonce_gives_r():
    for case in shared("rfc/rfc6979_a25_p256_sha256.json")["cases"]:
        assert p256.public_key(int(case["k"], 16))[0] % p256.N == int(case["r"], 16)


def test_rfc_5869_keys():
    cases = shared("rfc/rfc5869_hkdf_sha256.json")["cases"]
    assert len(cases) == 3
    for case in cases:
        ikm, salt, info = (bytes.fromhex(case[name]) for name in ("ikm", "salt", "info"))
        assert hkdf.hkdf_sha256(ikm, salt, info, case["L"]).hex() == case["okm"], case["case"]
