"""SAM-V frames: commands, the byte-stream decoder, and what answers carry. Pure; reader facts section 1.

A photo may contain a whole frame, so the preamble is searched between frames only. An answer does not say which command
it answers: its length is the only hint.
"""

from collections import namedtuple

from terminal.card import TEXT_BYTES, decode_text, is_date
from terminal.errors import CardMalformed, ReaderError

PREAMBLE = b"\xaa\xaa\xaa\x96\x69"

# (CMD, PARA). Fingerprints (30 10) are never read: the registration does not need them.
RESET = (0x10, 0xFF)
STATUS = (0x11, 0xFF)
SAM_ID = (0x12, 0xFF)
FIND = (0x20, 0x01)
SELECT = (0x20, 0x02)
READ_BASE = (0x30, 0x01)
READ_ADDRESS = (0x30, 0x03)
READ_NUMBERS = (0x30, 0x05)  # of the card, not of its holder

# SW3, section 1.5
OK = 0x90
NO_CONTENT = 0x91
FOUND = 0x9F
BAD_CHECKSUM = 0x10
BAD_LENGTH = 0x11
BAD_COMMAND = 0x21
UNRECOGNISED = 0x24
CARD_REFUSED_SAM = 0x31
SAM_REFUSED_CARD = 0x32
VERIFICATION_FAILED = 0x33
NOT_FOUND_YET = 0x34
UNKNOWN_CARD = 0x40
READ_FAILED = 0x41
NO_RANDOM = 0x47
SELF_TEST_FAILED = 0x60
UNAUTHORISED = 0x66
NO_CARD = 0x80
SELECT_FAILED = 0x81

_HEADER_BYTES = 7
_LEN_MIN, _LEN_MAX = 4, 4096
_BUFFER_BYTES = 5120  # the largest frame, and a chunk of up to 1017 bytes behind its beginning
_ZEROS = bytes(64)
_ADDRESS_BYTES = 70
# data bytes of a success
_DATA_BYTES = {
    RESET: (0,),
    STATUS: (0,),
    SAM_ID: (16,),
    FIND: (4,),
    SELECT: (8,),
    READ_ADDRESS: (_ADDRESS_BYTES, 2 * _ADDRESS_BYTES, 3 * _ADDRESS_BYTES, 4 * _ADDRESS_BYTES),
    READ_NUMBERS: (28,),
}

# `data` is a view into the decoder's buffer: it holds until the next feed() or clear()
Response = namedtuple("Response", ("sw1", "sw2", "sw3", "data"))


def command(cmd: int, para: int, data: bytes = b"") -> bytes:
    size = 3 + len(data)
    body = bytes((size >> 8, size & 0xFF, cmd, para)) + data
    return PREAMBLE + body + bytes((_xor(body),))


def can_answer(asked: "tuple[int, int]", response: Response) -> bool:
    """False for what must be a late answer to an earlier command. An error has no data and may answer anything, but
    "no such content" only a command that asked for content."""
    size = len(response.data)
    if response.sw3 == NO_CONTENT and asked not in (READ_BASE, READ_ADDRESS, READ_NUMBERS):
        return False
    if response.sw3 != (FOUND if asked == FIND else OK):
        return size == 0 and response.sw3 not in (OK, FOUND)
    if asked == READ_BASE:
        # a photo may be missing; parse_base() tells the rest
        return size >= 4 + TEXT_BYTES and size not in _DATA_BYTES[READ_ADDRESS]
    return size in _DATA_BYTES[asked]


class Decoder:
    """Fed with chunks of any cut of up to 1017 bytes; ask for frames until there is none before feeding again."""

    def __init__(self) -> None:
        self._buffer = bytearray(_BUFFER_BYTES)
        self._view = memoryview(self._buffer)
        self._start = 0
        self._end = 0
        self.bad_frames = 0  # false headers and wrong checksums so far

    def feed(self, chunk: "bytes | bytearray | memoryview") -> None:
        view = self._view
        if self._start:
            kept = self._end - self._start
            view[:kept] = view[self._start : self._end]
            self._start, self._end = 0, kept
        end = self._end + len(chunk)
        if end > _BUFFER_BYTES:
            raise ValueError("chunk too large")
        view[self._end : end] = chunk
        self._end = end

    def next_frame(self) -> "Response | None":
        while self._has_header():
            start = self._start
            end = start + self._frame_bytes()
            if end > self._end:
                return None
            # Section 1.3: after a valid header exactly LEN bytes belong to the frame, also when they are wrong.
            self._start = end
            if _xor(self._view[start + len(PREAMBLE) : end]) == 0:
                sw1, sw2, sw3 = self._buffer[start + 7 : start + 10]
                return Response(sw1, sw2, sw3, self._view[start + 10 : end - 1])
            self.bad_frames += 1
        return None

    def missing_bytes(self) -> int:
        """Of the frame that has begun to arrive; 0 between frames."""
        return self._start + self._frame_bytes() - self._end if self._has_header() else 0

    def rest(self) -> memoryview:
        """What has arrived behind the last frame; holds until the next feed() or clear()."""
        return self._view[self._start : self._end]

    def clear(self) -> None:
        """Forgets and overwrites everything received, views that were handed out included."""
        for at in range(0, _BUFFER_BYTES, len(_ZEROS)):
            self._view[at : at + len(_ZEROS)] = _ZEROS
        self._start = self._end = 0

    def _has_header(self) -> bool:
        """Drops noise up to the next header, a byte at a time: AA AA AA AA 96 69 keeps its last three AA."""
        while self._start < self._end:
            size = min(len(PREAMBLE), self._end - self._start)
            if self._view[self._start : self._start + size] != PREAMBLE[:size]:
                self._start += 1
            elif self._end - self._start < _HEADER_BYTES:
                return False
            elif not _LEN_MIN <= self._frame_bytes() - _HEADER_BYTES <= _LEN_MAX:
                self.bad_frames += 1
                self._start += 1
            else:
                return True
        return False

    def _frame_bytes(self) -> int:
        return _HEADER_BYTES + (self._buffer[self._start + 5] << 8 | self._buffer[self._start + 6])


def parse_base(data: "bytes | memoryview") -> tuple:
    """(text, photo) as slices of `data`, by the length fields, which must account for every byte."""
    if len(data) < 4:
        raise CardMalformed("30 01 without lengths")
    text_end = 4 + (data[0] << 8 | data[1])
    if text_end + (data[2] << 8 | data[3]) != len(data):
        raise CardMalformed("30 01 lengths disagree")
    return data[4:text_end], data[text_end:]


def parse_addresses(data: "bytes | memoryview") -> "list[str]":
    """Of 30 03, in the reader's order; a record of spaces is none, one with half a character refuses them all."""
    if not data or len(data) % _ADDRESS_BYTES:
        raise CardMalformed("30 03 of %d bytes" % len(data))
    addresses = []
    for at in range(0, len(data), _ADDRESS_BYTES):
        address, is_damaged = decode_text(data, at, _ADDRESS_BYTES)
        if is_damaged:
            raise CardMalformed("a character that cannot be decoded")  # better no record than one with a wrong address
        if address:
            addresses.append(address)
    return addresses


def sam_id_text(data: "bytes | memoryview") -> str:
    """As printed on the module, section 1.7. Some modules give rubbish after power-on: the date in it must be one."""
    if len(data) != 16:
        raise ReaderError("SAM-ID of %d bytes" % len(data))
    date, lot, serial = (_uint_le(data, at, 4) for at in (4, 8, 12))
    text = "%02d.%02d-%08d-%010d-%010d" % (_uint_le(data, 0, 2), _uint_le(data, 2, 2), date, lot, serial)
    if not (20000101 <= date <= 20991231 and is_date(str(date))):
        raise ReaderError("SAM-ID without a date")
    return text


def _uint_le(data: "bytes | memoryview", at: int, size: int) -> int:
    value = 0
    for i in range(at + size - 1, at - 1, -1):
        value = value << 8 | data[i]
    return value


def _xor(data: "bytes | memoryview") -> int:
    value = 0
    for byte in data:
        value ^= byte
    return value
