"""Frames of the ATECC608 against the shared vectors, and every way in which an answer can be none."""

import pytest
from drivers import atecc608_frame as frames

from tests.shared import load_vectors

# Known from the vendor's documents, here for where the shared vectors are absent
AFTER_WAKE = bytes.fromhex("04113343")
INFO = bytes.fromhex("0730000000035d")


def command(opcode: int, param1: int, param2: int, data: bytes = b"") -> bytes:
    buffer = bytearray(frames.COMMAND_BYTES_MAX)
    return bytes(buffer[: frames.write_command(buffer, opcode, param1, param2, data)])


def answer(data: bytes) -> bytearray:
    body = bytes((len(data) + 3,)) + data
    return bytearray(body + frames.crc16(body).to_bytes(2, "little"))


def test_crc_is_that_of_the_vendor():
    assert frames.crc16(AFTER_WAKE[:2]).to_bytes(2, "little") == AFTER_WAKE[2:]
    assert command(0x30, 0, 0) == b"\x03" + INFO


def test_commands_are_those_of_the_vectors():
    for vector in load_vectors("atecc608/packets.json")["commands"]:
        raw = bytes.fromhex(vector["hex"])
        built = command(raw[1], raw[2], int.from_bytes(raw[3:5], "little"), raw[5:-2])
        assert built == b"\x03" + raw, vector["name"]


def test_answers_of_the_vectors():
    faults = {
        "after wake": frames.ElementRestarted,
        "execution error": frames.CommandRefused,
        "parse error": frames.CommandInvalid,
        "CRC or communication error": frames.CommandLost,
        "BAD CRC: must be rejected": frames.AnswerMalformed,
    }
    for vector in load_vectors("atecc608/packets.json")["responses"]:
        raw = bytearray.fromhex(vector["hex"])
        if vector["meaning"] == "success":
            frames.check_answer(raw, 0)
            continue
        with pytest.raises(frames.ElementError) as caught:
            frames.check_answer(raw, 0)
        assert type(caught.value) is faults[vector["meaning"]]


@pytest.mark.parametrize(
    ("status", "fault"),
    [
        (0x01, frames.Miscompare),
        (0x03, frames.CommandInvalid),
        (0x05, frames.EccFault),
        (0x07, frames.SelfTestFailed),
        (0x08, frames.SelfTestFailed),
        (0x0F, frames.CommandRefused),
        (0x11, frames.ElementRestarted),
        (0x42, frames.AnswerMalformed),
        (0xEE, frames.CommandLost),
        (0xFF, frames.CommandLost),
    ],
)
def test_each_status_is_a_named_fault(status: int, fault: type[frames.ElementError]):
    for size in (0, 32, 64):
        with pytest.raises(fault) as caught:
            frames.check_answer(answer(bytes((status,))) + bytes(64), size)
        assert type(caught.value) is fault


def test_every_single_bit_error_in_an_answer_is_found():
    good = answer(bytes(range(64)))
    frames.check_answer(good, 64)
    for bit in range(8 * len(good)):
        bad = bytearray(good)
        bad[bit // 8] ^= 1 << bit % 8
        with pytest.raises(frames.AnswerMalformed):
            frames.check_answer(bad, 64)


def test_answers_of_another_length_are_refused():
    for size in (1, 4, 31, 33, 63):
        with pytest.raises(frames.AnswerMalformed):
            frames.check_answer(answer(bytes(size)) + bytes(64), 32)
    with pytest.raises(frames.AnswerMalformed):
        frames.check_answer(bytearray(b"\x03" + frames.crc16(b"\x03").to_bytes(2, "little") + b"\x00"), 0)
    with pytest.raises(frames.AnswerMalformed):
        frames.check_answer(answer(b"\x00") + bytes(64), 64)  # "done", but where is the signature?


def test_more_data_than_a_command_takes_is_refused():
    with pytest.raises(ValueError, match="more data"):
        command(0x43, 0, 0, bytes(65))


def test_codes_are_unlike_one_another():
    kinds = frames.ElementError.__subclasses__()
    assert len({kind.code for kind in kinds} | {frames.ElementError.code}) == len(kinds) + 1
