"""Mutations that know nothing of coverage: for the tests, for MicroPython, and where atheris is absent. Portable.

The same seed gives the same inputs on the same interpreter.
"""

import random

# What the formats are made of: preamble and lengths, UTF-16 and markers, CBOR
_TOKENS = (b"\xaa\xaa\xaa\x96\x69", b"\x00\x04", b"\x10\x00", b"\x00\x00\x90", b"\xff\x7f")
_TOKENS += (b"\x20\x00", b"\x00\x30", b"\x00\xd8", b"\x00\xdc", b"J\0", b"I\0", b"Y\0", b"X\0", b"\x7f\x95\x1f\x67")
_TOKENS += (b"\xd2", b"\xd8\x60", b"\xa1\x01\x26", b"\xf6", b"\x1b")


def mutants(corpus: list, size_max: int, runs: int, seed: int):
    random.seed(seed)
    for _ in range(runs):
        data = bytearray(random.choice(corpus))
        for _ in range(1 + random.randrange(4)):
            _mutate(data, corpus)
        yield bytes(data[:size_max])


def _mutate(data: bytearray, corpus: list) -> None:
    kind = random.randrange(7)
    at = random.randrange(len(data) + 1)
    end = min(len(data), at + 1 + random.randrange(16))
    if kind == 0:
        data[at:end] = b""
    elif kind == 1:
        data[at:at] = bytes([random.randrange(256) for _ in range(end - at + 1)])
    elif kind == 2:
        data[at:end] = bytes([random.randrange(256) for _ in range(end - at)])
    elif kind == 3:
        data[at:at] = data[at:end]
    elif kind == 4:
        token = random.choice(_TOKENS)
        data[at : at + len(token)] = token
    elif kind == 5:
        other = random.choice(corpus)
        start = random.randrange(len(other) + 1)
        data[at:] = other[start:]
    elif at < len(data):
        data[at] ^= 1 << random.randrange(8)
