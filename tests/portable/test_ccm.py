"""terminal.ccm against vectors made with other code, and everything it must refuse."""

from harness import own, raises
from terminal import ccm
from terminal.errors import SealInvalid

KEY, NONCE, AAD = bytes(range(16)), bytes(13), b"header"


def test_own_vectors_seal_and_open():
    for case in own("crypto.json")["ccm"]:
        key, nonce, plaintext, aad = (bytes.fromhex(case[name]) for name in ("key", "nonce", "plaintext", "aad"))
        sealed = ccm.seal(key, nonce, plaintext, aad, case["tag_bytes"])
        assert sealed.hex() == case["sealed"], (len(nonce), len(plaintext), len(aad))
        assert ccm.open_sealed(key, nonce, sealed, aad, case["tag_bytes"]) == plaintext


def test_associated_data_from_65280_bytes_on_has_the_longer_length_field():
    for case in own("crypto.json")["ccm_long_aad"]:
        key, nonce, plaintext = (bytes.fromhex(case[name]) for name in ("key", "nonce", "plaintext"))
        assert ccm.seal(key, nonce, plaintext, bytes(case["zeros_aad"])).hex() == case["sealed"], case["zeros_aad"]


def test_every_changed_bit_is_refused():
    sealed = ccm.seal(KEY, NONCE, b"seventeen bytes..", AAD)
    for i in range(8 * len(sealed)):
        changed = bytearray(sealed)
        changed[i // 8] ^= 1 << i % 8
        raises(SealInvalid, ccm.open_sealed, KEY, NONCE, bytes(changed), AAD)


def test_other_key_nonce_header_or_length_is_refused():
    sealed = ccm.seal(KEY, NONCE, b"plaintext", AAD)
    raises(SealInvalid, ccm.open_sealed, bytes(16), NONCE, sealed, AAD)
    raises(SealInvalid, ccm.open_sealed, KEY, b"\x01" + NONCE[1:], sealed, AAD)
    raises(SealInvalid, ccm.open_sealed, KEY, NONCE, sealed, b"")
    raises(SealInvalid, ccm.open_sealed, KEY, NONCE, sealed[1:], AAD)
    raises(SealInvalid, ccm.open_sealed, KEY, NONCE, sealed, AAD, 8)
    raises(SealInvalid, ccm.open_sealed, KEY, NONCE, sealed[:15], AAD)
    raises(SealInvalid, ccm.open_sealed, KEY, NONCE, b"", AAD)


def test_sizes_that_ccm_does_not_know_are_errors_of_the_caller():
    for nonce_bytes in (0, 6, 14):
        raises(ValueError, ccm.seal, KEY, bytes(nonce_bytes), b"", AAD)
    for tag_bytes in (0, 2, 5, 17, 18):
        raises(ValueError, ccm.seal, KEY, NONCE, b"", AAD, tag_bytes)


def test_a_13_byte_nonce_ends_at_65535_bytes():
    assert len(ccm.seal(KEY, NONCE, bytes(65535), AAD)) == 65535 + 16
    raises(ValueError, ccm.seal, KEY, NONCE, bytes(65536), AAD)
