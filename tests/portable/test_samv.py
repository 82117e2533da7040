"""SAM-V frames: exact command bytes, and a decoder that finds whole frames in any stream, and nothing else."""

import specimen
from harness import raises
from terminal import samv
from terminal.errors import CardMalformed, ReaderError

SAM_ID = bytes.fromhex("050001005577330187D6120015CD5B07")


def frames(stream: bytes, piece: int = 64) -> list:
    decoder = samv.Decoder()
    found = []
    for at in range(0, len(stream), piece):
        decoder.feed(stream[at : at + piece])
        frame = decoder.next_frame()
        while frame is not None:
            found.append((frame.sw3, bytes(frame.data)))
            frame = decoder.next_frame()
    return found


def test_commands_have_the_documented_bytes() -> None:
    for command, frame in (
        (samv.RESET, "aaaaaa9669000310ffec"),
        (samv.STATUS, "aaaaaa9669000311ffed"),
        (samv.SAM_ID, "aaaaaa9669000312ffee"),
        (samv.FIND, "aaaaaa96690003200122"),
        (samv.SELECT, "aaaaaa96690003200221"),
        (samv.READ_BASE, "aaaaaa96690003300132"),
        (samv.READ_ADDRESS, "aaaaaa96690003300330"),
        (samv.READ_NUMBERS, "aaaaaa96690003300536"),
    ):
        assert samv.command(*command).hex() == frame
    assert samv.command(0x61, 0xFF, b"\x50").hex() == "aaaaaa9669000461ff50ca"


def test_answer_comes_whole_from_pieces_of_any_size() -> None:
    for piece in (1, 7, 64, 1000):
        ((sw3, data),) = frames(specimen.base(), piece)
        text, photo = samv.parse_base(data)
        assert (sw3, text, photo) == (0x90, specimen.text_block(), specimen.PHOTO)


def test_no_prefix_is_a_frame() -> None:
    decoder = samv.Decoder()
    stream = specimen.base()
    for at in range(len(stream) - 1):
        decoder.feed(stream[at : at + 1])
        assert decoder.next_frame() is None, at
    decoder.feed(stream[-1:])
    assert decoder.next_frame() is not None


def test_missing_bytes_counts_down_to_the_end_of_the_frame() -> None:
    decoder = samv.Decoder()
    stream = specimen.answer(0x9F, bytes(4))
    for at in range(len(stream)):
        assert decoder.missing_bytes() == (len(stream) - at if at >= 7 else 0)
        decoder.feed(stream[at : at + 1])


def test_two_answers_back_to_back_are_two() -> None:
    stream = specimen.answer(0x9F, bytes(4)) + specimen.base()
    for piece in (1, 7, 64, 1000):
        assert [sw3 for sw3, _ in frames(stream, piece)] == [0x9F, 0x90]


def test_noisy_preamble_keeps_its_last_bytes() -> None:
    for noise in ("00", "AA", "AAAA", "AAAAAA", "00AAAAAAAAAA96", "AAAAAA96AA", "AAAAAA96690003", "AAAAAA96691001"):
        for piece in (1, 3, 64):
            assert frames(bytes.fromhex(noise) + specimen.answer(0x80), piece) == [(0x80, b"")], noise


def test_every_damaged_byte_is_noticed() -> None:
    stream = specimen.answer(0x90, SAM_ID)
    for at in range(5, len(stream)):
        damaged = bytearray(stream)
        damaged[at] ^= 0x10
        assert frames(bytes(damaged)) == [], at


def test_frame_after_a_damaged_one_is_found() -> None:
    damaged = bytearray(specimen.base())
    damaged[500] ^= 1
    decoder = samv.Decoder()
    for stream in (damaged, specimen.answer(0x80)):
        decoder.feed(stream[:1000])
        assert (decoder.next_frame() is None) == (stream is damaged)
        decoder.feed(stream[1000:])
    assert decoder.bad_frames == 1


def test_largest_frame_fits_and_one_byte_more_is_noise() -> None:
    assert frames(specimen.answer(0x90, bytes(4092)), 1000) == [(0x90, bytes(4092))]
    assert frames(specimen.answer(0x90, bytes(4093)), 1000) == []


def test_long_stream_goes_through_one_buffer() -> None:
    stream = b"\x55" * 3 + specimen.base()
    assert len(frames(stream * 20, 256)) == 20


def test_clear_overwrites_views_handed_out() -> None:
    decoder = samv.Decoder()
    decoder.feed(specimen.answer(0x90, SAM_ID) + b"\xaa\xaa")
    data = decoder.next_frame().data
    decoder.clear()
    assert data == bytes(16)
    decoder.feed(specimen.answer(0x80))
    assert decoder.next_frame().sw3 == 0x80


def test_length_tells_a_late_answer() -> None:
    sizes = {
        samv.STATUS: 0,
        samv.SAM_ID: 16,
        samv.FIND: 4,
        samv.SELECT: 8,
        samv.READ_BASE: 1284,
        samv.READ_ADDRESS: 140,
        samv.READ_NUMBERS: 28,
    }
    for asked in sizes:
        for given, size in sizes.items():
            response = samv.Response(0, 0, 0x9F if given == samv.FIND else 0x90, bytes(size))
            assert samv.can_answer(asked, response) == (asked == given), (asked, given)
        assert samv.can_answer(asked, samv.Response(0, 0, 0x41, b""))


def test_card_without_a_photo_is_an_answer() -> None:
    assert samv.can_answer(samv.READ_BASE, samv.Response(0, 0, 0x90, bytes(4 + 256)))
    assert not samv.can_answer(samv.READ_BASE, samv.Response(0, 0, 0x90, bytes(4 * 70)))  # addresses, late


def test_late_no_content_is_no_answer_to_find_or_select() -> None:
    no_content = samv.Response(0, 0, samv.NO_CONTENT, b"")
    assert not any(samv.can_answer(asked, no_content) for asked in (samv.FIND, samv.SELECT, samv.STATUS, samv.SAM_ID))
    assert samv.can_answer(samv.READ_ADDRESS, no_content)


def test_what_stands_behind_a_frame_is_told_apart() -> None:
    decoder = samv.Decoder()
    decoder.feed(specimen.answer(0x80) + b"BM picture")
    assert decoder.next_frame().sw3 == 0x80
    assert decoder.rest() == b"BM picture"
    decoder.clear()
    assert len(decoder.rest()) == 0


def test_lengths_must_account_for_every_byte() -> None:
    data = bytes((1, 0, 4, 0)) + bytes(1280)
    assert len(samv.parse_base(data)[1]) == 1024
    for wrong in (data[:-1], data + b"\0", b"\1\0\4\1" + data[4:], b"\0\1\0", b""):
        raises(CardMalformed, samv.parse_base, wrong)


def test_addresses_are_trimmed_and_blank_ones_dropped() -> None:
    records = [specimen.utf16(text, 35) for text in ("虚构路８号 甲", "", "虚构路９号")]
    assert samv.parse_addresses(b"".join(records)) == ["虚构路８号 甲", "虚构路９号"]
    raises(CardMalformed, samv.parse_addresses, records[0][:-1])
    raises(CardMalformed, samv.parse_addresses, b"")


def test_address_with_half_a_character_refuses_them_all() -> None:
    half = bytearray(specimen.utf16("虚构路８号", 35))
    half[2:4] = b"\x00\xd8"
    raises(CardMalformed, samv.parse_addresses, specimen.utf16("虚构路９号", 35) + half)


def test_sam_id_is_printed_with_all_its_zeros() -> None:
    assert samv.sam_id_text(SAM_ID) == "05.01-20150101-0001234567-0123456789"
    highest = SAM_ID[:8] + b"\xff" * 8
    assert samv.sam_id_text(highest) == "05.01-20150101-4294967295-4294967295"


def test_sam_id_without_a_date_is_refused() -> None:
    for date in (20150230, 20151301, 19991231, 21000101, 0, 4294967295):
        raw = SAM_ID[:4] + bytes((date >> shift & 0xFF) for shift in (0, 8, 16, 24)) + SAM_ID[8:]
        raises(ReaderError, samv.sam_id_text, raw)
    raises(ReaderError, samv.sam_id_text, SAM_ID[:15])
