"""Targets: the frame decoder, and what is read out of an answer. Portable."""

from terminal import samv
from terminal.errors import CardMalformed, ReaderError

from tests.fuzz.layouts import to_units
from tests.fuzz.source import Source
from tests.portable import specimen

_GOOD_BODY = b"\0\0\x80"
_GOOD = specimen.answer(0x80)
_LONGEST_BYTES = 7 + 4096
_CHUNK_BYTES = 1017  # the largest that feed() promises to take
_COMMANDS = (
    samv.RESET, samv.STATUS, samv.SAM_ID, samv.FIND, samv.SELECT, samv.READ_BASE, samv.READ_ADDRESS, samv.READ_NUMBERS
)  # fmt: skip


def check_stream(data: bytes) -> None:
    """Noise and a good answer, in pieces: the frames are those of the whole stream, and the good one is among them
    unless a header lies before it whose length covers it."""
    source = Source(data)
    sizes = [1 + (byte * byte >> 6) for byte in source.take(4)]  # 1 to 1017
    noise = source.rest()
    stream = noise + _GOOD
    decoder = samv.Decoder()
    found, last = _feed(decoder, stream, sizes)
    expected, bad_frames = _read_whole(stream)
    assert found == expected, "frames"
    assert decoder.bad_frames == bad_frames, "bad frames"
    assert stream.endswith(bytes(decoder.rest())), "another rest"
    assert _is_covered(stream, len(noise)) or found[-1] == _GOOD_BODY, "lost the good frame"
    _check_end(decoder, bad_frames)
    decoder.clear()
    assert last is None or not any(last.data), "clear() left something of the last frame"
    assert _feed(decoder, _GOOD, sizes)[0] == [_GOOD_BODY], "no good frame after clear()"


def check_answer(data: bytes) -> None:
    """Whatever the data of an answer: its parts account for every byte, or it is refused by name."""
    view = memoryview(data)
    try:
        text, photo = samv.parse_base(view)
        assert bytes(text) + bytes(photo) == data[4:], "30 01: parts"
        assert (len(text), len(photo)) == (data[0] << 8 | data[1], data[2] << 8 | data[3]), "30 01: lengths"
    except CardMalformed:
        pass  # the named error
    try:
        addresses = samv.parse_addresses(view)
        assert len(addresses) * 70 <= len(data), "30 03: more addresses than records"
        for address in addresses:
            assert 0 < len(to_units(address)) <= 35 and address[-1] not in " \0\u3000", "30 03: address"
    except CardMalformed:
        pass  # the named error
    try:
        numbers = samv.sam_id_text(view).replace(".", "-").split("-")
        raw = [int(number).to_bytes(size, "little") for number, size in zip(numbers, (2, 2, 4, 4, 4))]  # noqa: B905
        assert b"".join(raw) == data, "SAM-ID: other numbers"
        assert [len(number) for number in numbers[2:]] == [8, 10, 10], "SAM-ID: form"
    except ReaderError:
        pass  # the named error
    for asked in _COMMANDS:
        for sw3 in (samv.OK, samv.FOUND, samv.NO_CONTENT, samv.READ_FAILED):
            samv.can_answer(asked, samv.Response(0, 0, sw3, view))


def stream_seeds() -> list:
    pieces = b"\0\x40\x80\xff"
    damaged = bytearray(specimen.base())
    damaged[300] ^= 1
    addresses = specimen.answer(0x90, specimen.utf16(specimen.ADDRESS, 70))
    return [
        pieces + stream
        for stream in (
            b"",
            _GOOD,
            b"\xaa\xaa" + _GOOD,
            specimen.answer(0x9F, bytes(4)) + addresses,
            specimen.base(),
            bytes(damaged),
            samv.PREAMBLE + b"\x10\x01" + _GOOD,  # a length that is none
            samv.PREAMBLE + b"\x00\x40" + _GOOD,  # one that covers the good frame
        )
    ]


def answer_seeds() -> list:
    address = specimen.utf16(specimen.ADDRESS, 35)
    return [
        specimen.base()[10:-1],
        b"\x01\x00\x00\x00" + specimen.text_block(),
        address,
        address + specimen.utf16("", 35),
        bytes.fromhex("050001005577330187D6120015CD5B07"),
        bytes(4),
    ]


def _feed(decoder: samv.Decoder, stream: bytes, sizes: list) -> tuple:
    """All frames of the stream, and the last one as it came."""
    found = []
    last = None
    at = piece = 0
    while at < len(stream):
        size = sizes[piece % len(sizes)]
        decoder.feed(stream[at : at + size])  # a decoder that keeps too much raises ValueError here
        at += size
        piece += 1
        frame = decoder.next_frame()
        while frame is not None:
            found.append(bytes(frame[:3]) + bytes(frame.data))
            last = frame
            frame = decoder.next_frame()
    return found, last


def _check_end(decoder: samv.Decoder, bad_frames: int) -> None:
    """A frame that has begun ends after just as many bytes as it says."""
    missing = decoder.missing_bytes()
    assert 0 <= missing <= _LONGEST_BYTES, "missing bytes"
    while missing > 1:
        size = min(missing - 1, _CHUNK_BYTES)
        decoder.feed(bytes(size))
        missing -= size
        assert decoder.next_frame() is None, "a frame too early"
    if missing:
        decoder.feed(b"\0")
        is_frame = decoder.next_frame() is not None
        assert is_frame != (decoder.bad_frames == bad_frames + 1), "no end of the frame"
    assert decoder.missing_bytes() == 0, "still missing bytes"


def _read_whole(stream: bytes) -> tuple:
    """Section 1.3 over a stream that has come whole: bodies of the frames without check byte, and how many were bad."""
    found = []
    bad_frames = 0
    at = stream.find(samv.PREAMBLE)
    while at >= 0 and at + 7 <= len(stream):
        end = at + 7 + (stream[at + 5] << 8 | stream[at + 6])
        if not 4 <= end - at - 7 <= 4096:
            bad_frames += 1
            end = at + 1
        elif end > len(stream):
            break
        else:
            check = 0
            for byte in stream[at + 5 : end]:
                check ^= byte
            if check:
                bad_frames += 1
            else:
                found.append(stream[at + 7 : end - 1])
        at = stream.find(samv.PREAMBLE, end)
    return found, bad_frames


def _is_covered(stream: bytes, good_at: int) -> bool:
    at = stream.find(samv.PREAMBLE)
    while 0 <= at < good_at:
        size = stream[at + 5] << 8 | stream[at + 6]
        if 4 <= size <= 4096 and at + 7 + size > good_at:
            return True
        at = stream.find(samv.PREAMBLE, at + 1)
    return False
