"""The picture of a card on a PC: the one that the module has appended, or what a vendor's decoder makes of the block.

Nobody but the vendors can decode the WLT block (reader facts section 7). A decoder is any program: it gets the 1024
bytes on standard input and the reader's SAM-ID as its last argument, writes a BMP of 24 bits or bare pixels of 102 x
126 to standard output, and ends with 0, with 3 for its licence, with 4 for a damaged block. It runs in a process of its
own, for a limited time, in a folder that is deleted: vendors' libraries crash, hang, and leave pictures on disk.
"""

import os
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from terminal.card_picture import BMP_BYTES, HEIGHT, WIDTH, CardPicture

from host_agent.errors import ShimingError
from tools.emulator.picture import png_of_rgb

TIME_LIMIT_S = 10.0
LICENCE, DAMAGED = 3, 4  # exit statuses
PIXEL_BYTES = 3 * WIDTH * HEIGHT
OUTPUT_LIMIT = 1 << 20


class Layout(StrEnum):
    """What a decoder writes; libraries differ in the order of colours and in where the picture begins."""

    BMP = "bmp"
    RGB = "rgb"
    BGR = "bgr"


class NotDecoded(ShimingError):
    code = "photo-not-decoded"


class DecoderFailed(ShimingError):
    code = "photo-decoder-failed"


class DecoderUnlicensed(ShimingError):
    code = "photo-decoder-unlicensed"


class PhotoDamaged(ShimingError):
    code = "photo-damaged"


@dataclass(frozen=True, slots=True)
class Decoder:
    """`is_bottom_up` and `is_mirrored` are for bare pixels: the last row, the last column comes first."""

    command: Sequence[str]
    layout: Layout = Layout.BMP
    is_bottom_up: bool = False
    is_mirrored: bool = False
    time_limit_s: float = TIME_LIMIT_S

    def decode(self, block: bytes, sam_id: str) -> bytes:
        """Red, green, blue of 102 x 126 pixels from the top left.

        Raises DecoderFailed, DecoderUnlicensed, PhotoDamaged.
        """
        output = self._run(block, sam_id)
        if self.layout is Layout.BMP:
            return from_bmp(output)
        if len(output) != PIXEL_BYTES:
            raise DecoderFailed(f"the decoder wrote {len(output)} bytes, not {PIXEL_BYTES}")
        pixels = [output[at : at + 3] for at in range(0, PIXEL_BYTES, 3)]
        if self.layout is Layout.BGR:
            pixels = [pixel[::-1] for pixel in pixels]
        rows = [pixels[at : at + WIDTH] for at in range(0, len(pixels), WIDTH)]
        if self.is_mirrored:
            rows = [row[::-1] for row in rows]
        if self.is_bottom_up:
            rows.reverse()
        return b"".join(pixel for row in rows for pixel in row)

    def _run(self, block: bytes, sam_id: str) -> bytes:
        with tempfile.TemporaryDirectory() as empty:
            try:
                result = subprocess.run(
                    [*self.command, sam_id], input=block, capture_output=True, cwd=empty, timeout=self.time_limit_s
                )
            except subprocess.TimeoutExpired:
                raise DecoderFailed(f"the decoder did not end within {self.time_limit_s:g} s") from None
            except OSError as error:
                raise DecoderFailed(f"the decoder cannot be started: {error.strerror}") from None
        if result.returncode == LICENCE:
            raise DecoderUnlicensed()
        if result.returncode == DAMAGED:
            raise PhotoDamaged()
        if result.returncode:
            how = f"signal {-result.returncode}" if result.returncode < 0 else f"exit status {result.returncode}"
            raise DecoderFailed(f"the decoder ended with {how}")
        return result.stdout[:OUTPUT_LIMIT]


def from_bmp(bmp: bytes) -> bytes:
    """As the terminal reads it. Raises PhotoDamaged."""
    picture = CardPicture()
    picture.feed(bmp)
    frame = picture.frame()
    if frame is None:
        raise PhotoDamaged(f"{len(bmp)} bytes that are not a BMP of {WIDTH} x {HEIGHT} pixels ({BMP_BYTES} bytes)")
    return bytes(frame.pixels)


def save(path: Path, rgb: bytes) -> None:
    """As a PNG that its owner alone can read; never over another file."""
    with open(path, "xb", opener=_for_owner) as file:  # noqa: PTH123 - Path.open takes no opener
        file.write(png_of_rgb(rgb, WIDTH, HEIGHT))


def _for_owner(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
