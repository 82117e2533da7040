import json
import random
from pathlib import Path

import cbor2
import pytest
import terminal.cbor
from terminal.errors import CborError

from host_agent import cbor
from host_agent.errors import TokenRefused

OWN = json.loads((Path(__file__).parents[1] / "vectors" / "cbor.json").read_text(encoding="utf-8"))
SEED = 20261123


@pytest.mark.parametrize("case", OWN["accept"], ids=lambda case: case["why"])
def test_own_vector_is_accepted_and_encoded_the_same(case):
    data = bytes.fromhex(case["hex"])
    assert cbor.encode(cbor.decode(data)) == data


@pytest.mark.parametrize("case", OWN["reject"], ids=lambda case: case["why"])
def test_own_vector_is_refused(case):
    with pytest.raises(TokenRefused) as caught:
        cbor.decode(bytes.fromhex(case["hex"]))
    assert caught.value.code == "token-malformed"


def test_keys_are_sorted_by_their_encoding_and_not_length_first():
    assert cbor.encode({-1: 1, 100: 2}).hex() == "a21864022001"
    assert cbor2.dumps({-1: 1, 100: 2}, canonical=True).hex() != "a21864022001"


@pytest.mark.parametrize(
    "data",
    [
        "c2410a",  # cbor2 gives the integer 10
        "c249010000000000000000",  # 2**64
        "c4820102",  # decimal fraction
        "c5821b000000ffffffffff03",  # big float: hours of work if it were computed
        "d81c8000",  # shared value
        "d81c81d81d00",  # an array that holds itself
        "d823612e",  # regular expression
        "d8246141",  # MIME message
        "c1fb41d452d9e2000000",  # time
        "d9010281d8190001",  # set, string reference
    ],
)
def test_tags_that_cbor2_would_decode_are_refused(data):
    with pytest.raises(TokenRefused):
        cbor.decode(bytes.fromhex(data))


@pytest.mark.parametrize("data", ["a1f501", "a1f601", "a1810102", "a1a001", "a201010101"])
def test_keys_that_a_dict_would_confuse_are_refused(data):
    with pytest.raises(TokenRefused):
        cbor.decode(bytes.fromhex(data))


def test_one_and_true_stay_apart_as_values():
    value = cbor.decode(bytes.fromhex("8201f5"))
    assert value[0] == 1 and not isinstance(value[0], bool) and value[1] is True


def test_sixteen_levels_are_accepted_and_seventeen_refused():
    assert cbor.decode(b"\x81" * 16 + b"\x00")
    with pytest.raises(TokenRefused):
        cbor.decode(b"\x81" * 17 + b"\x00")
    with pytest.raises(TokenRefused):
        cbor.decode(b"\xd2" + b"\x81" * 16 + b"\x00")


@pytest.mark.parametrize("data", [b"\x81" * 8000 + b"\x00", b"\xd2" * 8000 + b"\x00", b"\xa1\x00" * 4000 + b"\x00"])
def test_deep_nesting_is_an_ordinary_refusal(data):
    with pytest.raises(TokenRefused):
        cbor.decode(data)


def test_what_is_longer_than_allowed_is_oversized_before_it_is_read():
    with pytest.raises(TokenRefused) as caught:
        cbor.decode(bytes(8193))
    assert caught.value.code == "token-oversized"
    assert cbor.decode(cbor.encode(bytes(9000)), max_bytes=10000) == bytes(9000)


@pytest.mark.parametrize(
    "value",
    [1.5, 2**64, -(2**64) - 1, {True: 1}, {None: 1}, {1.0: 1}, object(), "\ud800", cbor.Tag(1, 0), {"\ud800": 1}],
)
def test_values_outside_the_profile_are_not_encoded(value):
    with pytest.raises(TokenRefused):
        cbor.encode(value)


def test_the_largest_integers_are_encoded():
    assert cbor.encode(2**64 - 1).hex() == "1bffffffffffffffff"
    assert cbor.encode(-(2**64)).hex() == "3bffffffffffffffff"


def test_host_and_terminal_accept_exactly_the_same_bytes():
    print("seed", SEED)
    source = random.Random(SEED)
    seeds = [bytes.fromhex(case["hex"]) for case in OWN["accept"]]
    seeds.append(
        cbor.encode(cbor.Tag(18, [b"\xa1\x01\x26", {}, b"payload", {-70001: [True, None], "k": "文", 256: -5}]))
    )
    accepted = 0
    for _ in range(20000):
        data = bytearray(source.choice(seeds))
        for _ in range(source.randrange(3)):
            data[source.randrange(len(data))] = source.randrange(256)
        data += source.randbytes(source.choice((0, 0, 0, 1)))
        host, device = _host_decode(bytes(data)), _terminal_decode(bytes(data))
        assert host == device, data.hex()
        accepted += host
    assert 1000 < accepted < 19000


def _host_decode(data: bytes) -> bool:
    try:
        value = cbor.decode(data)
    except TokenRefused:
        return False
    assert cbor.encode(value) == data
    return True


def _terminal_decode(data: bytes) -> bool:
    try:
        terminal.cbor.decode(data)
    except CborError:
        return False
    return True
