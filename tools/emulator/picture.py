"""PNG of a screen's RGB565 pixels, most significant byte first, and back: enough of PNG for pictures of our own.

Pictures are compared by decoded pixels, never by file bytes: zlib's versions compress differently.
"""

import struct
import zlib
from collections.abc import Iterator

SIGNATURE = b"\x89PNG\r\n\x1a\n"
COLOURS_MAX = 256  # of a palette; a screen has few
RGB, PALETTE = 2, 3


class PictureInvalid(ValueError):
    """Not a PNG as this module writes it."""


def png_of_rgb565(data: bytes, width: int, height: int) -> bytes:
    return png_of_rgb(rgb_of_rgb565(data), width, height)


def rgb_of_rgb565(data: bytes) -> bytes:
    """Three bytes for each pixel; white stays white."""
    values = struct.unpack(f">{len(data) // 2}H", data)
    colours = {value: _colour(value) for value in set(values)}
    return b"".join(map(colours.__getitem__, values))


def _colour(value: int) -> bytes:
    red, green, blue = value >> 11, value >> 5 & 0x3F, value & 0x1F
    return bytes((red << 3 | red >> 2, green << 2 | green >> 4, blue << 3 | blue >> 2))


def png_of_rgb(rgb: bytes, width: int, height: int) -> bytes:
    if len(rgb) != 3 * width * height:
        raise PictureInvalid(f"{len(rgb)} bytes are not {width} x {height} pixels")
    pixels = [rgb[i : i + 3] for i in range(0, len(rgb), 3)]
    palette = list(dict.fromkeys(pixels))
    if len(palette) > COLOURS_MAX:
        rows, stride, colour = rgb, 3 * width, RGB
        chunks = []
    else:
        index = {pixel: place for place, pixel in enumerate(palette)}
        rows, stride, colour = bytes(index[pixel] for pixel in pixels), width, PALETTE
        chunks = [_chunk(b"PLTE", b"".join(palette))]
    lines = b"".join(b"\0" + rows[start : start + stride] for start in range(0, len(rows), stride))
    header = struct.pack(">IIBBBBB", width, height, 8, colour, 0, 0, 0)
    chunks = [_chunk(b"IHDR", header), *chunks, _chunk(b"IDAT", zlib.compress(lines, 9)), _chunk(b"IEND", b"")]
    return SIGNATURE + b"".join(chunks)


def pixels_of_png(png: bytes) -> tuple[int, int, bytes]:
    """Width, height, RGB. Raises PictureInvalid."""
    try:
        return _pixels_of_chunks(dict(_chunks(png)))
    except (KeyError, IndexError, struct.error, zlib.error) as error:
        raise PictureInvalid(f"not a picture of ours: {error}") from error


def _pixels_of_chunks(parts: dict[bytes, bytes]) -> tuple[int, int, bytes]:
    width, height, depth, colour, *rest = struct.unpack(">IIBBBBB", parts[b"IHDR"])
    if depth != 8 or parts[b"IEND"] or colour not in (RGB, PALETTE) or rest != [0, 0, 0]:
        raise PictureInvalid("another kind of PNG")
    stride = 1 + width * (3 if colour == RGB else 1)
    lines = zlib.decompress(parts[b"IDAT"])
    if len(lines) != stride * height or any(lines[::stride]):
        raise PictureInvalid("filtered rows, or another size")
    rows = b"".join(lines[start + 1 : start + stride] for start in range(0, len(lines), stride))
    if colour == RGB:
        return width, height, rows
    palette = parts[b"PLTE"]
    colours = [palette[i : i + 3] for i in range(0, len(palette), 3)]
    return width, height, b"".join(colours[place] for place in rows)


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def _chunks(png: bytes) -> Iterator[tuple[bytes, bytes]]:
    """One IDAT only, as written here."""
    if not png.startswith(SIGNATURE):
        raise PictureInvalid("not a PNG")
    place = len(SIGNATURE)
    while place < len(png):
        (size,) = struct.unpack_from(">I", png, place)
        kind, content = png[place + 4 : place + 8], png[place + 8 : place + 8 + size]
        if png[place + 8 + size : place + 12 + size] != struct.pack(">I", zlib.crc32(kind + content)):
            raise PictureInvalid("damaged")
        yield kind, content
        place += 12 + size
