"""terminal.words: finds what is there, reads it whole, and takes no damaged file."""

import struct

import damage
from harness import ROOT, raises
from terminal.errors import AssetInvalid
from terminal.words import Text, Words

BUILT = ROOT + "/firmware/assets/words.bin"
RECORDS = (
    ("en:a", "E1001", "Title\nof two", "Customer.", "Clerk."),
    ("en:a-b", "", "Longer key, same start", "", ""),
    ("en:b", "", "B", "", ""),
    ("zh:a", "E1001", "标题\n两行", "客户。", "店员。"),
    ("zh:b", "", "\U00020bb7", "", ""),
)


def encoded(records: tuple) -> bytes:
    parts = ["\0".join(record).encode() for record in records]
    offsets = [12 + 4 * (len(parts) + 1)]
    for part in parts:
        offsets.append(offsets[-1] + len(part))
    numbers = b"".join(struct.pack("<I", number) for number in [len(parts)] + offsets)
    return damage.sealed(b"SWD1", numbers + b"".join(parts) + bytes(40))


def look_everything_up(path: str) -> None:
    words = Words(path)
    for record in RECORDS:
        language, key = record[0].split(":")
        words.find(key, language)
    words.find("nothing", "zh")


def test_every_record_is_found() -> None:
    words = Words(damage.written(encoded(RECORDS)))
    for record in RECORDS:
        language, key = record[0].split(":")
        assert words.find(key, language) == Text(*record[1:]), record[0]


def test_what_is_not_there_is_none() -> None:
    words = Words(damage.written(encoded(RECORDS)))
    for key, language in (("c", "en"), ("a-b", "zh"), ("a", "fr"), ("", "en"), ("a" * 90, "en"), ("a-", "en")):
        assert words.find(key, language) is None, key


def test_a_file_without_records_finds_nothing() -> None:
    assert Words(damage.written(encoded(()))).find("a", "zh") is None


def test_every_record_of_the_built_file_is_found_in_both_languages() -> None:
    with open(BUILT, "rb") as file:
        data = file.read()
    (count,) = struct.unpack("<I", data[8:12])
    offsets = [struct.unpack("<I", data[12 + 4 * i : 16 + 4 * i])[0] for i in range(count + 1)]
    names = [data[offset:].split(b"\0", 1)[0].decode() for offset in offsets[:-1]]
    words = Words(BUILT)
    for name in names:
        language, key = name.split(":")
        assert words.find(key, language).title, name
        assert words.find(key, "en" if language == "zh" else "zh").title, name
    assert count > 150


def test_words_of_a_refusal_carry_its_number() -> None:
    text = Words(BUILT).find("card-expired", "zh")
    assert text.number == "E1007"
    assert text.title == "证件已过期"


def test_no_file_is_invalid() -> None:
    assert raises(AssetInvalid, Words, ROOT + "/build/absent.bin").code == "asset-invalid"


def test_a_font_is_not_words() -> None:
    raises(AssetInvalid, Words, ROOT + "/firmware/assets/ui_24.font")


def test_every_truncated_file_is_invalid() -> None:
    damage.refuses_every_truncation(encoded(RECORDS), look_everything_up)


def test_every_flipped_bit_is_noticed() -> None:
    damage.refuses_every_flipped_bit(encoded(RECORDS), look_everything_up)


def test_nonsense_behind_a_right_crc_gives_words_or_is_invalid() -> None:
    refused = damage.survives_bytes_behind_a_right_crc(encoded(RECORDS), look_everything_up, 500, 3)
    assert 0 < refused < 500
