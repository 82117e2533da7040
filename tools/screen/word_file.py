"""The format of `firmware/assets/words.bin`, which `firmware/terminal/words.py` reads.

    "SWD1"  CRC-32 of the rest  records u32  their offsets in the file and that of the end, u32 each
    the records, ascending: language:key, number, title, customer, clerk in UTF-8, a zero byte between them
    40 zero bytes, so that a name is within 40 bytes of every record's start
Integers have the least significant byte first.
"""

import struct
import zlib

from tools.screen.errors import BuildFailed

MAGIC = b"SWD1"
NAME_BYTES = 40
RECORD_BYTES_MAX = 1024

Record = tuple[str, str, str, str, str]


def encode(records: list[Record]) -> bytes:
    """Raises BuildFailed for one that the terminal would not take."""
    names = [record[0] for record in records]
    if twice := {name for name in names if names.count(name) > 1}:
        raise BuildFailed(f"twice in the sources: {', '.join(sorted(twice))}")
    encoded = sorted("\0".join(record).encode() for record in records)
    offsets = [len(MAGIC) + 4 + 4 + 4 * (len(encoded) + 1)]
    for record in encoded:
        name = record.split(b"\0")[0]
        if len(name) >= NAME_BYTES or len(record) > RECORD_BYTES_MAX:
            raise BuildFailed(f"{name.decode()} is too long")
        offsets.append(offsets[-1] + len(record))
    body = struct.pack(f"<I{len(offsets)}I", len(encoded), *offsets) + b"".join(encoded) + bytes(NAME_BYTES)
    return MAGIC + struct.pack("<I", zlib.crc32(body)) + body


def decode(data: bytes) -> list[Record]:
    """Of a file that `encode` has made."""
    (count,) = struct.unpack_from("<I", data, 8)
    offsets = struct.unpack_from(f"<{count + 1}I", data, 12)
    spans = zip(offsets, offsets[1:], strict=False)
    return [tuple(data[start:end].decode().split("\0")) for start, end in spans]  # pyright: ignore[reportReturnType]
