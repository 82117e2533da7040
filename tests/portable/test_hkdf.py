"""terminal.hkdf against vectors made with other code."""

from harness import own, raises
from terminal import hkdf


def test_hmac_of_short_block_sized_and_hashed_keys():
    for case in own("crypto.json")["hmac"]:
        mac = hkdf.hmac_sha256(bytes.fromhex(case["key"]), bytes.fromhex(case["message"]))
        assert mac.hex() == case["mac"], len(case["key"]) // 2


def test_hkdf_of_one_and_several_blocks():
    for case in own("crypto.json")["hkdf"]:
        ikm, salt, info = (bytes.fromhex(case[name]) for name in ("ikm", "salt", "info"))
        assert hkdf.hkdf_sha256(ikm, salt, info, case["size_bytes"]).hex() == case["okm"], case["size_bytes"]


def test_hkdf_gives_255_blocks_and_no_more():
    assert len(hkdf.hkdf_sha256(b"key", b"", b"", 8160)) == 8160
    raises(ValueError, hkdf.hkdf_sha256, b"key", b"", b"", 8161)
    raises(ValueError, hkdf.hkdf_sha256, b"key", b"", b"", 0)
