"""HMAC-SHA-256 (RFC 2104) and HKDF-SHA-256 (RFC 5869): MicroPython has no hmac module."""

from hashlib import sha256

_BLOCK_BYTES = 64
_INNER = int.from_bytes(b"\x36" * _BLOCK_BYTES, "big")
_OUTER = int.from_bytes(b"\x5c" * _BLOCK_BYTES, "big")


def hmac_sha256(key: bytes, message: bytes | bytearray) -> bytes:
    if len(key) > _BLOCK_BYTES:
        key = sha256(key).digest()
    # One big-integer XOR for the whole block: a byte loop costs forty times as much on MicroPython.
    block = int.from_bytes(key, "big") << (8 * (_BLOCK_BYTES - len(key)))
    inner = sha256((block ^ _INNER).to_bytes(_BLOCK_BYTES, "big"))
    inner.update(message)
    outer = sha256((block ^ _OUTER).to_bytes(_BLOCK_BYTES, "big"))
    outer.update(inner.digest())
    return outer.digest()


def hkdf_sha256(ikm: bytes | bytearray, salt: bytes, info: bytes, size_bytes: int) -> bytes:
    if not 0 < size_bytes <= 255 * 32:
        raise ValueError("HKDF-SHA-256 gives 1 to 8160 bytes")
    key = hmac_sha256(salt, ikm)  # an absent salt is 32 zero bytes, and HMAC pads b"" to the same block
    block = out = b""
    for counter in range(1, (size_bytes + 31) // 32 + 1):
        block = hmac_sha256(key, block + info + bytes((counter,)))
        out += block
    return out[:size_bytes]
