"""terminal.cbor: what it writes, and that nothing but that can be read."""

from harness import own, raises
from terminal import cbor
from terminal.errors import CborError

VALUES = (
    (0, "00"),
    (23, "17"),
    (24, "1818"),
    (255, "18ff"),
    (256, "190100"),
    (65535, "19ffff"),
    (65536, "1a00010000"),
    (0xFFFFFFFF, "1affffffff"),
    (0x100000000, "1b0000000100000000"),
    (0xFFFFFFFFFFFFFFFF, "1bffffffffffffffff"),
    (-1, "20"),
    (-24, "37"),
    (-25, "3818"),
    (-70001, "3a00011170"),
    (-0x10000000000000000, "3bffffffffffffffff"),
    (False, "f4"),
    (True, "f5"),
    (None, "f6"),
    (b"", "40"),
    (b"\x00\xff", "4200ff"),
    ("", "60"),
    ("长期", "66e995bfe69c9f"),
    ("\U00020bb7", "64f0a0aeb7"),
    ([], "80"),
    ([1, [2, b"\x03"]], "82018202" + "4103"),
    ({}, "a0"),
    ({"a": 1, -1: 2, b"\x00": 3, 10: 4, 256: 5, -70001: 6}, "a60a041901000520023a00011170064100036161" + "01"),
)


def test_every_kind_of_value_has_its_one_encoding():
    for value, encoded in VALUES:
        assert cbor.encode(value).hex() == encoded, encoded
        assert cbor.decode(bytes.fromhex(encoded)) == value, encoded


def test_a_decoded_boolean_is_a_boolean():
    assert cbor.decode(b"\xf5") is True
    assert cbor.decode(b"\xf4") is False


def test_tags_keep_their_number():
    message = cbor.decode(bytes.fromhex("d28440a04040"))
    assert (message.tag, message.value) == (18, [b"", {}, b"", b""])
    assert cbor.encode(message).hex() == "d28440a04040"
    assert cbor.encode(cbor.Tag(96, 0)).hex() == "d86000"


def test_buffers_and_tuples_are_encoded_as_bytes_and_arrays():
    assert cbor.encode(bytearray(b"ab")) == cbor.encode(memoryview(b"ab")) == cbor.encode(b"ab")
    assert cbor.encode((1, 2)) == cbor.encode([1, 2])


def test_a_view_can_be_decoded():
    assert cbor.decode(memoryview(b"\xff\xa1\x01\x42ab")[1:]) == {1: b"ab"}
    assert type(cbor.decode(memoryview(b"\x42ab"))) is bytes


def test_own_vectors_are_accepted_and_come_back():
    for case in own("cbor.json")["accept"]:
        raw = bytes.fromhex(case["hex"])
        assert cbor.encode(cbor.decode(raw)) == raw, case


def test_own_vectors_are_refused():
    for case in own("cbor.json")["reject"]:
        raises(CborError, cbor.decode, bytes.fromhex(case["hex"]))


def test_every_truncation_is_refused():
    raw = bytes.fromhex("d28443a10126a0581a" + "00" * 26 + "83190100f663e6b0b4")
    assert cbor.encode(cbor.decode(raw)) == raw
    for size in range(len(raw)):
        raises(CborError, cbor.decode, raw[:size])


def test_sixteen_containers_may_be_nested_but_not_seventeen():
    deepest = b"\x81" * 15 + b"\x80"
    assert cbor.encode(cbor.decode(deepest)) == deepest
    raises(CborError, cbor.decode, b"\x81" + deepest)
    raises(CborError, cbor.encode, [cbor.decode(deepest)])


def test_what_the_profile_does_not_know_is_not_encoded():
    for value in (1.5, 1 << 64, -(1 << 64) - 1, {1, 2}, cbor.Tag(17, 0), {True: 1}, {None: 1}, {(1, 2): 1}, object()):
        raises(CborError, cbor.encode, value)


def test_random_bytes_are_refused_or_are_their_own_encoding():
    # A linear congruential generator, the same on both interpreters: every failure can be repeated.
    state = 20260101
    decoded = 0
    for _ in range(3000):
        raw = bytearray()
        for _ in range(state % 7 + 1):
            state = (state * 1103515245 + 12345) & 0x7FFFFFFF
            raw.append(state >> 16 & 0xFF)
        try:
            value = cbor.decode(raw)
        except CborError:
            continue
        decoded += 1
        assert cbor.encode(value) == raw, bytes(raw).hex()
    assert decoded > 100
