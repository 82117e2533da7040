"""terminal.p256, ccm and hkdf against `cryptography` (OpenSSL), with random keys and data. A failure shows its seed."""

import random

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from cryptography.hazmat.primitives.ciphers.aead import AESCCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from terminal import ccm, hkdf, p256

CURVE = ec.SECP256R1()
DETERMINISTIC = ec.ECDSA(hashes.SHA256(), deterministic_signing=True)
ROUNDS = 30


@pytest.fixture
def rng() -> random.Random:
    seed = random.SystemRandom().randrange(2**32)
    print("seed", seed)
    return random.Random(seed)


def sha256(message: bytes) -> bytes:
    digest = hashes.Hash(hashes.SHA256())
    digest.update(message)
    return digest.finalize()


def raw_signature(der: bytes) -> bytes:
    r, s = decode_dss_signature(der)
    return r.to_bytes(32, "big") + s.to_bytes(32, "big")


def test_signatures_agree(rng: random.Random):
    for _ in range(ROUNDS):
        d, message = p256.generate(rng.randbytes), rng.randbytes(rng.randrange(100))
        key = ec.derive_private_key(d, CURVE)
        numbers = key.public_key().public_numbers()
        point = (numbers.x, numbers.y)
        assert p256.public_key(d) == point
        assert p256.sign(d, sha256(message)) == raw_signature(key.sign(message, DETERMINISTIC))
        assert p256.verify(point, sha256(message), raw_signature(key.sign(message, ec.ECDSA(hashes.SHA256()))))


def test_hedged_signatures_are_verified(rng: random.Random):
    d = p256.generate(rng.randbytes)
    public_key = ec.derive_private_key(d, CURVE).public_key()
    for _ in range(ROUNDS):
        signature = p256.sign(d, sha256(b"message"), rng.randbytes(32))
        r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")
        public_key.verify(encode_dss_signature(r, s), b"message", ec.ECDSA(hashes.SHA256()))
        with pytest.raises(InvalidSignature):
            public_key.verify(encode_dss_signature(r, s ^ 1), b"message", ec.ECDSA(hashes.SHA256()))


def test_shared_secrets_agree(rng: random.Random):
    for _ in range(ROUNDS):
        ours, theirs = p256.generate(rng.randbytes), p256.generate(rng.randbytes)
        peer = ec.derive_private_key(theirs, CURVE).public_key()
        assert p256.ecdh(ours, p256.public_key(theirs)) == ec.derive_private_key(ours, CURVE).exchange(ec.ECDH(), peer)


def test_ccm_agrees(rng: random.Random):
    for _ in range(10 * ROUNDS):
        key, nonce = rng.randbytes(rng.choice((16, 32))), rng.randbytes(rng.randint(7, 13))
        plaintext, aad = rng.randbytes(rng.randrange(200)), rng.randbytes(rng.randrange(50))
        tag_bytes = rng.randrange(4, 17, 2)
        assert ccm.seal(key, nonce, plaintext, aad, tag_bytes) == AESCCM(key, tag_bytes).encrypt(nonce, plaintext, aad)


def test_hkdf_agrees(rng: random.Random):
    for _ in range(ROUNDS):
        ikm, salt, info = (rng.randbytes(rng.randrange(100)) for _ in range(3))
        size_bytes = rng.randint(1, 200)
        okm = HKDF(hashes.SHA256(), size_bytes, salt or None, info).derive(ikm)
        assert hkdf.hkdf_sha256(ikm, salt, info, size_bytes) == okm
