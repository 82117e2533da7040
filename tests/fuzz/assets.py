"""Targets: the files of words and glyphs, behind their CRC-32 that would let no changed one through. Portable; glyphs
need framebuf, which CPython has not."""

import io
import struct

from terminal import words
from terminal.asset import HEAD_BYTES
from terminal.errors import AssetInvalid

from tests.fuzz.source import Source

try:
    from terminal import font
except ImportError:
    font = None

_HEAD = bytes(HEAD_BYTES)  # not looked at: the file counts as opened
_KEYS = ("ready", "a", "b-c", "", "测")


def check_words(data: bytes) -> None:
    """Any file: words of the right shape, none, or a refusal of the file."""
    for key in _KEYS:
        try:
            found = _opened(words, data, words.Words).find(key, "zh")
        except AssetInvalid:
            continue
        if found is not None:
            assert [type(field) for field in found] == [str] * 4, "fields"
            assert b"zh:" + key.encode() in data, "words from nowhere"


def check_font(data: bytes) -> None:
    """Any file and text: as wide as it is drawn, and nothing outside the frame."""
    source = Source(data)
    text = "".join([chr(source.choice((0x20, 0x7F, 0x6D4B, 0x20BB7, 0x10FFFF))) for _ in range(source.below(5))])
    x, y = source.below(64) - 32, source.below(64) - 32
    buffer = bytearray(2 * 32 * 16)
    frame = font.framebuf.FrameBuffer(buffer, 32, 16, font.framebuf.RGB565)
    try:
        opened = _opened(font, source.rest(), font.Font)
        end = opened.draw(frame, text, x, y, 0xFFFF)
    except AssetInvalid:
        return
    assert end == x + opened.width(text), "width"
    assert len(buffer) == 2 * 32 * 16


def words_seeds() -> list:
    return [_words_file(()), _words_file(("zh:a", "zh:ready")), _words_file(("en:ready", "zh:b-c", "zh:ready"))]


def font_seeds() -> list:
    glyphs = ((0x20, 8), (0x6D4B, 16), (0x20BB7, 16))
    body = struct.pack("<BBH", 16, 2, len(glyphs))
    body += b"".join([struct.pack("<I", code << 8 | width) for code, width in glyphs])
    body += bytes(range(96))
    return [bytes((count, 0, 2, 3, 4, 1)) + bytes((40, 40)) + body for count in (0, 4)] + [b"\0\40\40" + body]


def _words_file(names: tuple) -> bytes:
    records = [b"\0".join((name.encode(), b"E001", "标题".encode(), b"", b"clerk")) for name in names]
    offset = HEAD_BYTES + 4 + 4 * (len(records) + 1)
    offsets = [offset]
    for record in records:
        offsets.append(offsets[-1] + len(record))
    return struct.pack("<I", len(records)) + b"".join([struct.pack("<I", at) for at in offsets] + records)


def _opened(module, body: bytes, read):
    """What `read` makes of a file with this body and a CRC that holds."""
    open_asset = module.open_asset
    module.open_asset = lambda path, magic: io.BytesIO(_HEAD + body)
    try:
        return read("")
    finally:
        module.open_asset = open_asset
