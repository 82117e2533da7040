"""An ATECC608B without hardware: its state machine on a given clock, strict with every frame. Attestation facts 7.

`element_bus.py` puts it on a bus. Its codec is its own on purpose: an emulator that shared the driver's would share its
mistakes. Not emulated: internal signatures, MACs, encrypted reads and writes, KDF, SHA, AES, Verify, secure boot, the
counters' bytes in the configuration zone.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed, decode_dss_signature

from tools.emulator.element_memory import LOCK_CONFIG, LOCK_DATA, LOCK_SLOTS, Memory

ADDRESS = 0x60
BUS_HZ = 100_000
WAKE_PULSE_S = 60e-6
WAKE_DELAY_S = 1.5e-3
WATCHDOG_S = (1.3, 13)  # by bit 2 of ChipMode
COUNTER_MAX = 2_097_151

READ, WRITE, NONCE, LOCK, RANDOM = 0x02, 0x12, 0x16, 0x17, 0x1B
COUNTER, INFO, GENKEY, SIGN, ECDH = 0x24, 0x30, 0x40, 0x41, 0x43

# Longest execution times at the fastest clock (M0): the typical ones are under NDA
EXECUTION_MS = {
    READ: 5,
    WRITE: 45,
    NONCE: 20,
    LOCK: 35,
    RANDOM: 23,
    COUNTER: 25,
    INFO: 5,
    GENKEY: 115,
    SIGN: 115,
    ECDH: 75,
}

OK, PARSE, ECC, SELF_TEST, REFUSED = 0x00, 0x03, 0x05, 0x07, 0x0F
AWAKE, WATCHDOG, GARBLED = 0x11, 0xEE, 0xFF

FAULTS = frozenset(
    (
        "late",  # 400 ms more than it should
        "mute",  # never ready again, until its watchdog
        "answer-crc",  # one transfer of the answer is spoilt
        "answers-crc",  # the answer itself is
        "answer-length",
        "command-crc",  # the command was spoilt on its way
        "wrong-signature",
        "ecc",
        "watchdog",  # says that it is about to fire
        "asleep",  # fell asleep before the command
        "woken",  # the same, and woken by traffic on the bus
        "brown-out",  # before it has done anything
        "brown-out-after",  # when it has
        "stuck",  # the bus hangs
        "wake-lost",
        "wake-garbled",
        "self-test",
        "nack",  # one transfer is not acknowledged
    )
)


class BusStuck(Exception):
    """No answer on the bus at all."""


@dataclass(slots=True)
class Fault:
    kind: str
    opcode: int | None = None  # None: the next occasion, whichever it is
    skip: int = 0  # occasions that pass unharmed
    times: int = 1

    def __post_init__(self) -> None:
        if self.kind not in FAULTS:
            raise ValueError(f"no fault {self.kind}")


class Refusal(Exception):
    def __init__(self, status: int) -> None:
        super().__init__(f"status {status:02x}")
        self.status = status


@dataclass(slots=True)
class Volatile:
    """What sleep forgets."""

    temp_key: bytes | None = None
    temp_private: ec.EllipticCurvePrivateKey | None = None
    digest: bytes | None = None


class Work(NamedTuple):
    """A command under way."""

    due: float
    answer: bytes  # a whole frame
    effect: Callable[[], None]


class Chip:
    """On a bus: `write` and `read` say whether it acknowledged. `complaints` lists what no good driver does."""

    def __init__(
        self,
        path: Path | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
        bus_hz: int = BUS_HZ,
        pace: float = 1.0,
    ) -> None:
        self.memory = Memory.load(path) if path and path.exists() else Memory()
        self.bus_hz = bus_hz
        self.faults: list[Fault] = []
        self.log: list[int] = []  # opcodes, as they were begun
        self.complaints: list[str] = []
        self._path = path
        self._clock = clock
        self._pace = pace
        self._volatile = Volatile()
        self._is_awake = False
        self._ready_at = self._sleeps_at = 0.0
        self._work: Work | None = None
        self._output = b""
        self._position = 0

    # --- the bus

    def write(self, address: int, data: bytes) -> bool:
        self._advance()
        self._may_be_stuck()
        if address == 0:
            self._feel_pulse()
            return False
        if address != ADDRESS or not self._is_listening() or self._has_fault("nack"):
            return False
        if not data:
            return True
        match data[0]:
            case 0x00:
                self._position = 0
            case 0x01:
                self._sleep()
            case 0x02:
                self._is_awake = False
            case 0x03:
                return self._take_command(data[1:])
            case other:
                self._complain(f"word address {other:02x}")
        return True

    def read(self, address: int, size: int) -> bytes | None:
        self._advance()
        self._may_be_stuck()
        if address != ADDRESS or not self._is_listening() or self._has_fault("nack"):
            return None
        if self._position >= len(self._output):
            self._complain("read past the answer")
        part = self._output[self._position : self._position + size].ljust(size, b"\xff")
        self._position += size
        if self._has_fault("answer-crc"):
            part = _spoilt(part)
        return part

    def power_cut(self) -> None:
        self._advance()
        self._sleep()

    def _is_listening(self) -> bool:
        return self._is_awake and self._work is None and self._clock() >= self._ready_at

    def _advance(self) -> None:
        """What has happened since the last look: a command has ended, then the watchdog fired."""
        now = self._clock()
        work = self._work
        if work and work.due <= min(now, self._sleeps_at):
            self._work = None
            self._finish(work)
        if self._is_awake and now >= self._sleeps_at:
            self._sleep()

    def _finish(self, work: Work) -> None:
        before = repr(self.memory)
        work.effect()
        self._say(work.answer)
        if self._path and repr(self.memory) != before:
            self.memory.save(self._path)

    def _say(self, frame: bytes) -> None:
        self._output = frame
        self._position = 0

    def _sleep(self) -> None:
        self._is_awake = False
        self._work = None
        self._output = b""
        self._volatile = Volatile()

    def _feel_pulse(self) -> None:
        pulse_s = 8 / self.bus_hz  # eight bits of address
        if pulse_s < WAKE_PULSE_S:
            self._complain(f"wake pulse of {pulse_s * 1e6:.0f} us")
        elif not self._is_awake and not self._has_fault("wake-lost"):
            self._wake()

    def _wake(self) -> None:
        now = self._clock()
        self._is_awake = True
        self._ready_at = now + WAKE_DELAY_S
        self._sleeps_at = now + WATCHDOG_S[self.memory.config[19] >> 2 & 1]
        frame = _frame(bytes((SELF_TEST if self._has_fault("self-test") else AWAKE,)))
        self._say(_spoilt(frame) if self._has_fault("wake-garbled") else frame)

    def _complain(self, what: str) -> None:
        self.complaints.append(what)

    # --- faults

    def _has_fault(self, *kinds: str, opcode: int | None = None) -> str | None:
        """The kind of the fault that strikes now."""
        for fault in self.faults:
            if fault.kind in kinds and fault.opcode in (None, opcode):
                if fault.skip:
                    fault.skip -= 1
                    continue
                fault.times -= 1
                if fault.times <= 0:
                    self.faults.remove(fault)
                return fault.kind
        return None

    def _may_be_stuck(self) -> None:
        if self._has_fault("stuck"):
            raise BusStuck

    # --- commands

    def _take_command(self, frame: bytes) -> bool:
        opcode = frame[1] if len(frame) > 1 else 0
        fault = self._has_fault(
            *("asleep", "woken", "command-crc", "ecc", "watchdog", "late", "mute"),
            *("brown-out", "brown-out-after", "answers-crc", "answer-length", "wrong-signature"),
            opcode=opcode,
        )
        if fault == "asleep":
            self._sleep()
            return False
        if fault == "woken":
            self._sleep()
            self._wake()
            return True
        now = self._clock()
        if fault == "command-crc" or not self._is_whole(frame):
            self._work = Work(now + 0.001 * self._pace, _frame(bytes((GARBLED,))), _nothing)
            return True
        duration_s = EXECUTION_MS.get(opcode, 1) / 1000 * self._pace
        if fault == "watchdog" or now + duration_s > self._sleeps_at:
            self._work = Work(now, _frame(bytes((WATCHDOG,))), _nothing)
            return True
        self.log.append(opcode)
        work = self._begin(frame, now + duration_s, ECC if fault == "ecc" else OK, fault == "wrong-signature")
        match fault:
            case "late":
                work = work._replace(due=work.due + 0.4)
            case "mute":
                work = work._replace(due=float("inf"))
            case "answers-crc":
                work = work._replace(answer=_spoilt(work.answer))
            case "answer-length":
                work = work._replace(answer=_frame(work.answer[1:-2][: max(2, len(work.answer) // 2)] + b"\x00"))
            case "brown-out":
                self._sleep()
                return True
            case "brown-out-after":
                self._finish(work)
                self._sleep()
                return True
        self._work = work
        return True

    def _is_whole(self, frame: bytes) -> bool:
        if len(frame) >= 7 and frame[0] == len(frame) and _crc(frame[:-2]) == frame[-2:]:
            return True
        self._complain("command with a wrong count or CRC")
        return False

    def _begin(self, frame: bytes, due: float, status: int, is_signature_wrong: bool) -> Work:
        opcode, param1, param2, data = frame[1], frame[2], int.from_bytes(frame[3:5], "little"), frame[5:-2]
        try:
            if status:
                raise Refusal(status)
            handler = self._handlers().get(opcode)
            if handler is None:
                raise Refusal(PARSE)
            answer, effect = handler(param1, param2, data)
            if opcode == SIGN and is_signature_wrong:
                answer = self._signature(param2, sha256(answer).digest())
        except Refusal as refusal:
            if refusal.status == PARSE:
                self._complain(f"parameters of {frame[:5].hex()}")
            return Work(due, _frame(bytes((refusal.status,))), _nothing)
        return Work(due, _frame(answer or bytes((OK,))), effect)

    def _handlers(self) -> dict[int, Callable[[int, int, bytes], tuple[bytes, Callable[[], None]]]]:
        return {
            INFO: self._info,
            READ: self._read_zone,
            WRITE: self._write_zone,
            RANDOM: self._random,
            NONCE: self._nonce,
            GENKEY: self._genkey,
            SIGN: self._sign,
            ECDH: self._ecdh,
            COUNTER: self._counter,
            LOCK: self._lock,
        }

    def _info(self, param1: int, param2: int, data: bytes) -> tuple[bytes, Callable[[], None]]:
        _require(param1 == 0 and param2 == 0 and not data, PARSE)
        return bytes(self.memory.config[4:8]), _nothing

    def _random(self, param1: int, param2: int, data: bytes) -> tuple[bytes, Callable[[], None]]:
        _require(param1 in (0, 1) and param2 == 0 and not data, PARSE)
        return os.urandom(32) if self.memory.is_config_locked() else b"\xff\xff\x00\x00" * 8, _nothing

    def _nonce(self, param1: int, param2: int, data: bytes) -> tuple[bytes, Callable[[], None]]:
        _require(param2 == 0, PARSE)
        if param1 in (0x00, 0x01):
            _require(len(data) == 20, PARSE)
            drawn = os.urandom(32)
            return drawn, lambda: self._load(sha256(drawn + data + bytes((NONCE, param1, 0))).digest())
        _require(param1 in (0x03, 0x23, 0x43, 0x63), PARSE)
        _require(len(data) == (64 if param1 & 0x20 else 32), PARSE)
        return b"", lambda: self._load(data, to_digest=bool(param1 & 0x40))

    def _load(self, value: bytes, *, to_digest: bool = False) -> None:
        if to_digest:
            self._volatile.digest = value
        else:
            self._volatile.temp_key, self._volatile.temp_private = value, None

    def _genkey(self, param1: int, param2: int, data: bytes) -> tuple[bytes, Callable[[], None]]:
        _require(param1 in (0x00, 0x04) and not data, PARSE)
        _require(param2 < 16 or (param2 == 0xFFFF and param1 == 0x04), PARSE)
        _require(self.memory.is_config_locked(), REFUSED)
        if param2 == 0xFFFF:
            private = ec.generate_private_key(ec.SECP256R1())
            return _public(private), lambda: self._hold(private)
        self._require_private(param2)
        if param1 == 0x00:
            _require(self.memory.key_config(param2) & 2, REFUSED)
            return _public(self._private(param2)), _nothing
        if self.memory.is_data_locked():
            _require(self.memory.slot_config(param2) & 0x2000 and not self.memory.is_slot_locked(param2), REFUSED)
        private = ec.generate_private_key(ec.SECP256R1())
        return _public(private), lambda: self.memory.keys.update({param2: private.private_numbers().private_value})

    def _hold(self, private: ec.EllipticCurvePrivateKey) -> None:
        self._volatile.temp_key, self._volatile.temp_private = None, private

    def _sign(self, param1: int, param2: int, data: bytes) -> tuple[bytes, Callable[[], None]]:
        _require(param1 in (0x80, 0xA0) and param2 < 16 and not data, PARSE)
        _require(self.memory.is_data_locked(), REFUSED)
        self._require_private(param2)
        _require(self.memory.slot_config(param2) & 1, REFUSED)
        digest = self._volatile.digest if param1 & 0x20 else self._volatile.temp_key
        _require(digest is not None, REFUSED)
        return self._signature(param2, (digest or b"")[:32]), self._forget

    def _signature(self, slot: int, digest: bytes) -> bytes:
        r, s = decode_dss_signature(self._private(slot).sign(digest, ec.ECDSA(Prehashed(hashes.SHA256()))))
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")

    def _forget(self) -> None:
        self._volatile = Volatile()

    def _ecdh(self, param1: int, param2: int, data: bytes) -> tuple[bytes, Callable[[], None]]:
        _require(param1 & 0xF0 == 0 and len(data) == 64, PARSE)
        is_masked = bool(param1 & 0x02)
        _require(param1 & 0x0C == 0x0C, REFUSED)  # other targets are not emulated
        _require(self.memory.is_data_locked(), REFUSED)
        if param1 & 0x01:
            _require(param2 == 0, PARSE)
            private = self._volatile.temp_private
            _require(private is not None, REFUSED)
        else:
            _require(param2 < 16, PARSE)
            self._require_private(param2)
            _require(self.memory.slot_config(param2) & 4, REFUSED)
            private = self._private(param2)
        options = int.from_bytes(self.memory.config[90:92], "little")
        protection = options >> 8 & 3
        _require(protection == 0 or (protection == 1 and is_masked), REFUSED)
        x, y = int.from_bytes(data[:32], "big"), int.from_bytes(data[32:], "big")
        try:
            peer = ec.EllipticCurvePublicNumbers(x, y, ec.SECP256R1()).public_key()
        except ValueError:
            raise Refusal(ECC) from None
        secret = private.exchange(ec.ECDH(), peer) if private else b""
        if is_masked:
            _require(options & 2, REFUSED)
            nonce = os.urandom(32)
            mask = sha256(bytes(self.memory.slots[options >> 12][:32]) + nonce[:16]).digest()
            secret = bytes(a ^ b for a, b in zip(secret, mask, strict=True)) + nonce
        return secret, self._forget

    def _counter(self, param1: int, param2: int, data: bytes) -> tuple[bytes, Callable[[], None]]:
        _require(param1 in (0, 1) and param2 in (0, 1) and not data, PARSE)
        _require(self.memory.is_config_locked(), REFUSED)
        value = self.memory.counters[param2] + param1
        _require(value <= COUNTER_MAX, REFUSED)
        return value.to_bytes(4, "little"), lambda: self.memory.counters.__setitem__(param2, value)

    def _read_zone(self, param1: int, param2: int, data: bytes) -> tuple[bytes, Callable[[], None]]:
        _require(not data, PARSE)
        zone, start, size = self._place(param1, param2)
        if zone is not self.memory.config:
            slot = param2 >> 3 & 15
            _require(self.memory.is_data_locked() and not self.memory.slot_config(slot) & 0x80, REFUSED)
            _require(not self.memory.key_config(slot) & 1, REFUSED)
        return bytes(zone[start : start + size]), _nothing

    def _write_zone(self, param1: int, param2: int, data: bytes) -> tuple[bytes, Callable[[], None]]:
        zone, start, size = self._place(param1, param2)
        _require(len(data) == size, PARSE)
        if zone is self.memory.config:
            _require(not self.memory.is_config_locked() and start >= 16, REFUSED)
            _require(start + size <= 84 or start >= 88, REFUSED)
        else:
            slot = param2 >> 3 & 15
            _require(self.memory.is_config_locked() and not self.memory.key_config(slot) & 1, REFUSED)
            if self.memory.is_data_locked():
                _require(self.memory.slot_config(slot) >> 12 == 0 and not self.memory.is_slot_locked(slot), REFUSED)
            else:
                _require(size == 32, REFUSED)

        def store() -> None:
            end = min(start + size, len(zone))
            zone[start:end] = data[: end - start]

        return b"", store

    def _place(self, param1: int, param2: int) -> tuple[bytearray, int, int]:
        """Zone, first byte, number of bytes."""
        _require(param1 & 0x7C == 0 and param1 & 3 in (0, 2), PARSE)
        size = 32 if param1 & 0x80 else 4
        word = param2 & 7
        _require(size == 4 or word == 0, PARSE)
        if param1 & 3 == 0:
            _require(param2 < 32, PARSE)
            return self.memory.config, param2 * 4, size
        zone = self.memory.slots[param2 >> 3 & 15]
        start = (param2 >> 8) * 32 + word * 4
        _require(param2 & 0x80 == 0 and start < len(zone), PARSE)
        _require(size == 4 or start + size <= len(zone), PARSE)
        return zone, start, size

    def _lock(self, param1: int, param2: int, data: bytes) -> tuple[bytes, Callable[[], None]]:
        _require(not data, PARSE)
        if param1 & 3 == 2:
            slot = param1 >> 2 & 15
            _require(param1 & 0xC0 == 0 and param2 == 0, PARSE)
            _require(self.memory.is_data_locked() and self.memory.key_config(slot) & 0x20, REFUSED)
            _require(not self.memory.is_slot_locked(slot), REFUSED)
            return b"", lambda: self._lock_slot(slot)
        _require(param1 in (0x00, 0x80, 0x81), PARSE)  # the data zone against a CRC is not emulated
        if param1 == 0x81:
            _require(param2 == 0, PARSE)
            _require(self.memory.is_config_locked() and not self.memory.is_data_locked(), REFUSED)
            return b"", lambda: self.memory.config.__setitem__(LOCK_DATA, 0)
        _require(param1 == 0x00 or param2 == 0, PARSE)
        _require(not self.memory.is_config_locked(), REFUSED)
        if param1 == 0x00:
            _require(param2.to_bytes(2, "little") == _crc(bytes(self.memory.config)), REFUSED)
        return b"", lambda: self.memory.config.__setitem__(LOCK_CONFIG, 0)

    def _lock_slot(self, slot: int) -> None:
        self.memory.config[LOCK_SLOTS + slot // 8] &= ~(1 << slot % 8)

    def _require_private(self, slot: int) -> None:
        _require(self.memory.key_config(slot) & 1 and self.memory.key_config(slot) >> 2 & 7 == 4, REFUSED)

    def _private(self, slot: int) -> ec.EllipticCurvePrivateKey:
        _require(slot in self.memory.keys, REFUSED)
        return ec.derive_private_key(self.memory.keys[slot], ec.SECP256R1())


def _require(is_so: object, status: int) -> None:
    if not is_so:
        raise Refusal(status)


def _nothing() -> None:
    """The effect of a command that has none."""


def _public(private: ec.EllipticCurvePrivateKey) -> bytes:
    numbers = private.public_key().public_numbers()
    return numbers.x.to_bytes(32, "big") + numbers.y.to_bytes(32, "big")


def _spoilt(frame: bytes) -> bytes:
    return frame[:-1] + bytes((frame[-1] ^ 0x40,))


def _frame(data: bytes) -> bytes:
    body = bytes((3 + len(data),)) + data
    return body + _crc(body)


def _crc(data: bytes) -> bytes:
    """Bit by bit, as section 7.1 says it."""
    register = 0
    for byte in data:
        for bit in range(8):
            is_different = (byte >> bit ^ register >> 15) & 1
            register = register << 1 & 0xFFFF ^ (0x8005 if is_different else 0)
    return register.to_bytes(2, "little")
