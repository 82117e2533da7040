"""AES-CCM (RFC 3610, NIST SP 800-38C) out of cryptolib: one CBC call for the tag, one ECB call for the key stream.

The length field takes what the nonce leaves of 15 bytes (L = 15 - len(nonce)). All work on bulk data is done in C.
"""

from cryptolib import aes

from terminal.errors import SealInvalid

_BLOCK_BYTES = 16
_ECB, _CBC = 1, 2


def seal(key: bytes | bytearray, nonce: bytes, plaintext: bytes, aad: bytes, tag_bytes: int = 16) -> bytes:
    """Returns ciphertext || tag."""
    _check_sizes(nonce, len(plaintext), tag_bytes)
    masked = _mask(key, nonce, _tag(key, nonce, plaintext, aad, tag_bytes) + plaintext)
    return masked[_BLOCK_BYTES:] + masked[:tag_bytes]


def open_sealed(key: bytes | bytearray, nonce: bytes, sealed: bytes, aad: bytes, tag_bytes: int = 16) -> bytes:
    """Returns the plaintext of ciphertext || tag. Raises SealInvalid when the tag does not fit."""
    size_bytes = len(sealed) - tag_bytes
    if size_bytes < 0:
        raise SealInvalid("shorter than its tag")
    _check_sizes(nonce, size_bytes, tag_bytes)
    padding = bytes(_BLOCK_BYTES - tag_bytes)
    unmasked = _mask(key, nonce, sealed[size_bytes:] + padding + sealed[:size_bytes])
    plaintext = unmasked[_BLOCK_BYTES:]
    expected = _tag(key, nonce, plaintext, aad, tag_bytes)
    difference = 0
    for i in range(tag_bytes):  # all bytes, without early exit
        difference |= expected[i] ^ unmasked[i]
    if difference:
        raise SealInvalid("tag does not fit")
    return plaintext


def _check_sizes(nonce: bytes, size_bytes: int, tag_bytes: int) -> None:
    if not 7 <= len(nonce) <= 13:
        raise ValueError("CCM takes a nonce of 7 to 13 bytes")
    if tag_bytes not in (4, 6, 8, 10, 12, 14, 16):
        raise ValueError("CCM takes a tag of 4, 6, 8, 10, 12, 14 or 16 bytes")
    if size_bytes >> (8 * (15 - len(nonce))):
        raise ValueError("too long for this nonce")


def _tag(key: bytes | bytearray, nonce: bytes, plaintext: bytes, aad: bytes, tag_bytes: int) -> bytes:
    """Returns the CBC-MAC, all 16 bytes, in clear."""
    length_bytes = 15 - len(nonce)
    flags = (0x40 if aad else 0) | (tag_bytes - 2) << 2 | (length_bytes - 1)
    chain = bytearray((flags,))
    chain += nonce
    chain += len(plaintext).to_bytes(length_bytes, "big")
    if aad:
        chain += len(aad).to_bytes(2, "big") if len(aad) < 0xFF00 else b"\xff\xfe" + len(aad).to_bytes(4, "big")
        chain += aad
        chain += bytes(-len(chain) % _BLOCK_BYTES)
    chain += plaintext
    chain += bytes(-len(chain) % _BLOCK_BYTES)
    aes(key, _CBC, bytes(_BLOCK_BYTES)).encrypt(chain, chain)
    return bytes(chain[-_BLOCK_BYTES:])


def _mask(key: bytes | bytearray, nonce: bytes, data: bytes) -> bytes:
    """XOR with the key stream; its first block, S_0, is the tag's."""
    length_bytes = 15 - len(nonce)
    prefix = bytes((length_bytes - 1,)) + nonce
    stream = bytearray()
    for counter in range((len(data) + _BLOCK_BYTES - 1) // _BLOCK_BYTES):
        stream += prefix
        stream += counter.to_bytes(length_bytes, "big")
    aes(key, _ECB).encrypt(stream, stream)
    mixed = int.from_bytes(data, "big") ^ int.from_bytes(memoryview(stream)[: len(data)], "big")
    return mixed.to_bytes(len(data), "big")
