"""Wycheproof: ECDSA, ECDH, AES-CCM, HKDF and HMAC. Each test says how many vectors it has seen."""

from hashlib import sha256

from harness import raises, shared
from terminal import ccm, hkdf, p256
from terminal.errors import KeyInvalid, SealInvalid


def vectors(name: str):
    """Yields group and test."""
    for group in shared("wycheproof/" + name)["testGroups"]:
        for test in group["tests"]:
            assert test["result"] in ("valid", "invalid")
            yield group, test


def test_ecdsa():
    count = 0
    for group, test in vectors("ecdsa_secp256r1_sha256_p1363_test.odd.json"):
        point = p256.decode_point(bytes.fromhex(group["publicKey"]["uncompressed"]))
        digest = sha256(bytes.fromhex(test["msg"])).digest()
        accepted = p256.verify(point, digest, bytes.fromhex(test["sig"]))
        assert accepted == (test["result"] == "valid"), test["tcId"]
        count += 1
    assert count == 131


def test_ecdh():
    count = 0
    for _, test in vectors("ecdh_secp256r1_ecpoint_test.odd.json"):
        public, d = bytes.fromhex(test["public"]), int(test["private"], 16)
        if test["result"] == "valid":
            assert p256.ecdh(d, p256.decode_point(public)).hex() == test["shared"], test["tcId"]
        else:
            raises(KeyInvalid, p256.decode_point, public)
        count += 1
    assert count == 178


def test_aes_ccm():
    count = 0
    for group, test in vectors("aes_ccm_test.odd.json"):
        key, nonce, aad, plaintext, sealed = (
            bytes.fromhex(text)
            for text in (test["key"], test["iv"], test["aad"], test["msg"], test["ct"] + test["tag"])
        )
        tag_bytes = group["tagSize"] // 8
        if test["result"] == "valid":
            assert ccm.seal(key, nonce, plaintext, aad, tag_bytes) == sealed, test["tcId"]
            assert ccm.open_sealed(key, nonce, sealed, aad, tag_bytes) == plaintext, test["tcId"]
        elif "ModifiedTag" in test["flags"]:
            raises(SealInvalid, ccm.open_sealed, key, nonce, sealed, aad, tag_bytes)
        else:  # InvalidTagSize, InsecureTagSize
            raises(ValueError, ccm.open_sealed, key, nonce, sealed, aad, tag_bytes)
            raises(ValueError, ccm.seal, key, nonce, plaintext, aad, tag_bytes)
        count += 1
    assert count == 170


def test_hkdf():
    count = 0
    for _, test in vectors("hkdf_sha256_test.odd.json"):
        ikm, salt, info = (bytes.fromhex(test[name]) for name in ("ikm", "salt", "info"))
        if test["result"] == "valid":
            assert hkdf.hkdf_sha256(ikm, salt, info, test["size"]).hex() == test["okm"], test["tcId"]
        else:
            raises(ValueError, hkdf.hkdf_sha256, ikm, salt, info, test["size"])
        count += 1
    assert count == 43


def test_hmac():
    count = 0
    for group, test in vectors("hmac_sha256_test.odd.json"):
        mac = hkdf.hmac_sha256(bytes.fromhex(test["key"]), bytes.fromhex(test["msg"]))
        fits = mac[: group["tagSize"] // 8].hex() == test["tag"]
        assert fits == (test["result"] == "valid"), test["tcId"]
        count += 1
    assert count == 87
