"""Damaged files of assets, for the tests of what reads them."""

import struct
from binascii import crc32

from harness import scratch
from terminal.errors import AssetInvalid

PATH = scratch("asset-under-test")


def written(data: bytes) -> str:
    with open(PATH, "wb") as file:
        file.write(data)
    return PATH


def sealed(magic: bytes, body: bytes) -> bytes:
    """With the CRC-32 that makes a reader look into it."""
    return magic + struct.pack("<I", crc32(body)) + body


class Dice:
    """Repeatable on both interpreters (Numerical Recipes' generator)."""

    def __init__(self, seed: int) -> None:
        self._state = seed

    def below(self, limit: int) -> int:
        self._state = (self._state * 1664525 + 1013904223) & 0xFFFFFFFF
        return (self._state >> 8) % limit


def refuses_every_truncation(data: bytes, use) -> None:
    for length in range(len(data)):
        assert _is_refused(data[:length], use), "taken: the first %d of %d bytes" % (length, len(data))


def refuses_every_flipped_bit(data: bytes, use) -> None:
    for bit in range(8 * len(data)):
        damaged = bytearray(data)
        damaged[bit >> 3] ^= 1 << (bit & 7)
        assert _is_refused(damaged, use), "taken: with bit %d flipped" % bit


def survives_bytes_behind_a_right_crc(data: bytes, use, rounds: int, seed: int) -> int:
    """Whatever the file says, it is used or refused as invalid. Returns how many were refused."""
    print("seed", seed)
    dice = Dice(seed)
    refused = 0
    for _ in range(rounds):
        body = bytearray(data[8:])
        for _ in range(1 + dice.below(3)):
            body[dice.below(len(body))] = dice.below(256)
        body = body[: len(body) - dice.below(4) * dice.below(len(body)) // 8]
        refused += _is_refused(sealed(data[:4], bytes(body)), use)
    return refused


def _is_refused(data: bytes, use) -> bool:
    try:
        use(written(data))
    except AssetInvalid:
        return True
    return False
