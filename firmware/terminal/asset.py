"""Opens the files of `assets/`: a magic number, the CRC-32 of all that follows, then what the magic number says.

The formats are written by `tools/screen`. A damaged file is refused as a whole: half a font would show wrong names.
"""

import struct
from binascii import crc32

from terminal.errors import AssetInvalid

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import BinaryIO

HEAD_BYTES = 8
_CHUNK_BYTES = 256


def open_asset(path: str, magic: bytes) -> "BinaryIO":
    """The open file, to be read from HEAD_BYTES on. Raises AssetInvalid."""
    try:
        file = open(path, "rb")  # noqa: SIM115 - stays open as long as the screen lives
        head = file.read(HEAD_BYTES)
        if len(head) == HEAD_BYTES and head[:4] == magic and struct.unpack("<I", head[4:])[0] == _crc(file):
            return file
        file.close()
    except OSError as error:
        raise AssetInvalid("errno %s: %s" % (error.errno, path)) from None
    raise AssetInvalid("damaged: " + path)


def read_exactly(file: "BinaryIO", offset: int, buffer: bytearray) -> None:
    """Fills the buffer from this place of the file. Raises AssetInvalid."""
    try:
        file.seek(offset)
        count = file.readinto(buffer)
    except (OSError, OverflowError):  # an offset of 32 bits is too large for some ports
        raise AssetInvalid("cannot be read") from None
    if count != len(buffer):
        raise AssetInvalid("too short")


def _crc(file: "BinaryIO") -> int:
    chunk = bytearray(_CHUNK_BYTES)
    view = memoryview(chunk)
    crc = 0
    while count := file.readinto(chunk):
        crc = crc32(view[:count], crc)
    return crc
