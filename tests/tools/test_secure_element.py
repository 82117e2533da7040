"""The emulated ATECC608: frames by hand, from the facts page and the shared vectors alone, without the driver."""

import hashlib
import socket
from pathlib import Path

import pytest

from tests.element_bench import Time, is_signature, ready_memory
from tests.shared import load_vectors
from tools.emulator.element_bus import ElementServer
from tools.emulator.element_memory import BLANK_CONFIG, Memory
from tools.emulator.secure_element import ADDRESS, Chip, Fault

AFTER_WAKE = bytes.fromhex("04113343")
DONE = bytes.fromhex("04000340")
PARSE_ERROR = bytes.fromhex("04038342")
REFUSED = bytes.fromhex("040f2342")
GARBLED = bytes.fromhex("04ff0142")
WATCHDOG_SOON = bytes.fromhex("04ee")

INFO = "0730000000035d"
RANDOM = "071b00000024cd"
NONCE = "2716430000ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad1469"
SIGN_0 = "0741a000007b85"
PUBLIC_0 = "07400000000005"
NEW_KEY_2 = "07400402008507"
READ_CONFIG_0 = "070280000009ad"
COUNT_UP = "07240100000f77"
ABC = hashlib.sha256(b"abc").digest()


def with_crc(text: str) -> str:
    """The frame with its CRC, by long division: the register before each data bit as section 7.1 has it."""
    register = 0
    for byte in bytes.fromhex(text):
        for bit in range(8):
            feedback = (register >> 15) ^ (byte >> bit & 1)
            register = (register << 1) & 0xFFFF
            if feedback:
                register ^= 0x8005
    return text + register.to_bytes(2, "little").hex()


class Hand:
    """Plays on the wire, at whatever time."""

    def __init__(self, memory: Memory | None = None, **options: object) -> None:
        self.time = Time()
        self.chip = Chip(clock=self.time.clock, **options)  # type: ignore[arg-type]
        if memory:
            self.chip.memory = memory

    def wake(self) -> bytes | None:
        self.chip.write(0, b"\x00")
        self.time.pass_s(0.002)
        return self.chip.read(ADDRESS, 4)

    def send(self, text: str) -> bool:
        return self.chip.write(ADDRESS, b"\x03" + bytes.fromhex(text))

    def ask(self, text: str, size: int = 4, after_s: float = 0.2) -> bytes | None:
        assert self.send(text)
        self.time.pass_s(after_s)
        return self.chip.read(ADDRESS, size)


def awake(memory: Memory | None = None) -> Hand:
    hand = Hand(memory or ready_memory())
    assert hand.wake() == AFTER_WAKE
    return hand


def test_sleeping_chip_acknowledges_nothing():
    hand = Hand()
    assert not hand.send(INFO)
    assert hand.chip.read(ADDRESS, 4) is None
    assert not hand.chip.write(0x20, b"\x00")


def test_wakes_by_a_long_pulse_only_and_listens_after_its_delay():
    hand = Hand(bus_hz=400_000)
    assert hand.wake() is None
    assert hand.chip.complaints == ["wake pulse of 20 us"]
    hand = Hand()
    hand.chip.write(0, b"\x00")
    hand.time.pass_s(0.001)
    assert hand.chip.read(ADDRESS, 4) is None
    hand.time.pass_s(0.001)
    assert hand.chip.read(ADDRESS, 4) == AFTER_WAKE


def test_vectors_are_commands_that_it_takes():
    for vector in load_vectors("atecc608/packets.json")["commands"]:
        hand = awake()
        assert hand.ask(vector["hex"]) not in (GARBLED, PARSE_ERROR), vector["name"]


def test_every_single_bit_error_in_a_command_is_found():
    frame = bytes.fromhex(NONCE)
    for bit in range(8 * len(frame)):
        bad = bytearray(frame)
        bad[bit // 8] ^= 1 << bit % 8
        assert awake().ask(bad.hex()) == GARBLED
    assert awake().ask(NONCE[:-2]) == GARBLED
    assert awake().ask(NONCE + "00") == GARBLED


WRONG_PARAMETERS = {
    "Info of another mode": "0730050000",
    "Info with a second parameter": "0730000100",
    "Random of another mode": "071b020000",
    "Nonce with a second parameter": "2716430100" + "00" * 32,
    "Nonce of half the data": "1716430000" + "00" * 16,
    "GenKey of a slot that is none": "0740001000",
    "GenKey of another mode": "0740080000",
    "public key of TempKey": "074000ffff",
    "Sign of a slot that is none": "0741a01000",
    "Sign of another mode": "0741810000",
    "ECDH of another mode": "4743f00000" + "00" * 64,
    "ECDH with half a point": "27430d0000" + "00" * 32,
    "Counter of another mode": "0724020000",
    "Counter that is none": "0724000200",
    "Read of a zone that is none": "0702030000",
    "Read past the zone": "0702002000",
    "Read of a block from its middle": "0702800100",
    "Read past the slot": "0702820001",
    "Write of nothing": "0712800000",
    "Lock of another mode": "0717c20000",
    "command that is none": "0799000000",
}


@pytest.mark.parametrize("name", WRONG_PARAMETERS)
def test_parameters_outside_the_rules_are_parse_errors(name: str):
    assert awake().ask(with_crc(WRONG_PARAMETERS[name])) == PARSE_ERROR


def test_does_not_acknowledge_while_it_works():
    hand = awake()
    assert hand.send(RANDOM)
    hand.time.pass_s(0.022)
    assert hand.chip.read(ADDRESS, 35) is None
    assert not hand.send(INFO)
    assert not hand.chip.write(ADDRESS, b"\x00")
    hand.time.pass_s(0.002)
    answer = hand.chip.read(ADDRESS, 35)
    assert answer is not None
    assert answer[0] == 35


def test_answer_is_read_on_read_past_and_read_again():
    hand = awake()
    whole = hand.ask(INFO, 7)
    assert whole is not None
    assert whole[1:5].hex() == "00006003"
    assert hand.chip.read(ADDRESS, 2) == b"\xff\xff"
    assert hand.chip.write(ADDRESS, b"\x00")
    assert hand.chip.read(ADDRESS, 1) == b"\x07"
    assert hand.chip.read(ADDRESS, 8) == whole[1:] + b"\xff\xff"


def test_signs_the_digest_that_it_was_given_once():
    hand = awake()
    public = hand.ask(PUBLIC_0, 67)
    assert hand.ask(NONCE) == DONE
    signature = hand.ask(SIGN_0, 67)
    assert public
    assert signature
    assert is_signature(public[1:65], ABC, signature[1:65])
    assert hand.ask(SIGN_0) == REFUSED


def test_watchdog_puts_it_to_sleep_and_temp_key_is_gone():
    hand = awake()
    assert hand.ask(NONCE) == DONE
    hand.time.pass_s(1.3)
    assert not hand.send(SIGN_0)
    assert hand.wake() == AFTER_WAKE
    assert hand.ask(SIGN_0) == REFUSED


def test_idle_keeps_what_sleep_forgets():
    for word_address, answer in ((b"\x02", 67), (b"\x01", 4)):
        hand = awake()
        assert hand.ask(NONCE) == DONE
        assert hand.chip.write(ADDRESS, word_address)
        hand.time.pass_s(10)
        assert hand.wake() == AFTER_WAKE
        signed = hand.ask(SIGN_0, 67)
        assert signed
        assert signed[0] == answer


def test_command_that_would_not_end_before_the_watchdog_is_not_begun():
    hand = awake()
    hand.time.pass_s(1.2)
    answer = hand.ask(SIGN_0, after_s=0.01)
    assert answer
    assert answer[:2] == WATCHDOG_SOON
    assert not hand.chip.log


def test_wake_pulse_on_a_chip_that_is_awake_changes_nothing():
    hand = awake()
    assert hand.ask(NONCE) == DONE
    hand.time.pass_s(1)
    assert hand.wake() == b"\xff" * 4
    hand.time.pass_s(0.2)
    assert not hand.send(INFO)  # the watchdog ran on


def test_unconfigured_chip_gives_a_pattern_and_makes_no_key():
    hand = awake(Memory())
    answer = hand.ask(RANDOM, 35)
    assert answer
    assert answer[1:33] == b"\xff\xff\x00\x00" * 8
    assert hand.ask(NEW_KEY_2) == REFUSED
    assert hand.ask(COUNT_UP) == REFUSED


def test_configuration_can_be_written_until_it_is_locked():
    hand = awake(Memory())
    assert hand.ask(with_crc("0b12000500" + "81008200")) == DONE  # slots 0 and 1
    assert hand.ask(with_crc("0b12000300" + "00000000")) == REFUSED  # the serial number's end
    assert hand.ask(with_crc("0b12001500" + "00000000")) == REFUSED  # the lock bytes
    assert hand.ask(with_crc("0717000000")) == REFUSED  # another CRC than the zone's
    crc = with_crc(hand.chip.memory.config.hex())[-4:]
    assert hand.ask(with_crc("071700" + crc)) == DONE
    assert hand.chip.memory.config[20:24].hex() == "81008200"
    assert hand.ask(with_crc("0b12000500" + "83208720")) == REFUSED


def test_memory_survives_in_its_file_and_is_for_its_owner_only(tmp_path: Path):
    path = tmp_path / "element.json"
    ready_memory().save(path)
    hand = Hand(path=path)
    hand.wake()
    public = hand.ask(NEW_KEY_2, 67)
    hand.ask(COUNT_UP, 7)
    assert path.stat().st_mode & 0o777 == 0o600
    again = Hand(path=path)
    again.wake()
    assert again.ask(with_crc("0740000200"), 67) == public
    counted = again.ask(with_crc("0724000000"), 7)
    assert counted
    assert counted[1:5] == b"\x01\x00\x00\x00"


def test_power_cut_in_the_middle_leaves_the_old_key(tmp_path: Path):
    path = tmp_path / "element.json"
    memory = ready_memory()
    memory.save(path)
    hand = Hand(path=path)
    hand.wake()
    assert hand.send(NEW_KEY_2)
    hand.time.pass_s(0.114)
    hand.chip.power_cut()
    assert Memory.load(path).keys == memory.keys
    hand.wake()
    assert hand.send(NEW_KEY_2)
    hand.time.pass_s(0.116)
    hand.chip.power_cut()
    assert Memory.load(path).keys[2] != memory.keys[2]


def test_faults_have_names_and_strike_in_turn():
    with pytest.raises(ValueError, match="no fault"):
        Fault("sunspots")
    hand = awake()
    hand.chip.faults.append(Fault("ecc", 0x1B, skip=1))
    good, bad = hand.ask(RANDOM, 35), hand.ask(RANDOM)
    assert good
    assert good[0] == 35
    assert bad
    assert bad[1] == 0x05
    assert not hand.chip.faults


def test_bus_over_a_socket_as_its_page_says():
    chip = Chip(pace=0.01)
    with ElementServer(chip) as server, socket.create_connection(("127.0.0.1", server.port), 5) as line:
        line.sendall((100_000).to_bytes(4, "big"))
        line.sendall(b"W\x60\x01\x00")
        assert line.recv(1) == b"\x00"  # asleep
        line.sendall(b"W\x00\x01\x00")
        assert line.recv(1) == b"\x00"
        answer = b""
        while not answer.startswith(b"\x01"):
            line.sendall(b"R\x60\x04")
            answer = line.recv(5)
        assert answer == b"\x01" + AFTER_WAKE
        frame = b"\x03" + bytes.fromhex(READ_CONFIG_0)
        line.sendall(b"W\x60" + bytes((len(frame),)) + frame)
        assert line.recv(1) == b"\x01"
        answer = b""
        while not answer.startswith(b"\x01"):
            line.sendall(b"R\x60\x23")
            answer = line.recv(36, socket.MSG_WAITALL) if line.recv(1, socket.MSG_PEEK) == b"\x01" else line.recv(1)
        assert answer[2:34] == BLANK_CONFIG[:32]
