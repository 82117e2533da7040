"""The driver against the emulated chip on a simulated clock: every command, every fault, and a thousand mixtures."""

import asyncio
import hashlib
import os
import random
from collections import Counter
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from drivers import atecc608_config as config
from drivers import atecc608_frame as frames
from terminal.element_signer import ElementFault, ElementSigner, of_terminal

from tests.element_bench import Bench, is_signature, public_key, ready_memory
from tools.emulator import secure_element as chips
from tools.emulator.element_memory import BLANK_CONFIG, Memory
from tools.emulator.secure_element import FAULTS, Fault

SLOT = config.ATTESTATION
DIGEST = hashlib.sha256(b"one registration").digest()
SEED = int(os.environ.get("SHIMING_SEED") or 20261124)
RUNS = 1000


# --- commands


def test_signature_verifies_and_none_is_like_another():
    bench = Bench()
    public = bench.run(bench.element.public_key(SLOT))
    first, second = bench.run(bench.element.sign(SLOT, DIGEST)), bench.run(bench.element.sign(SLOT, DIGEST))
    assert is_signature(public, DIGEST, first)
    assert is_signature(public, DIGEST, second)
    assert first != second
    assert not bench.chip.complaints


def test_key_is_made_in_the_chip_and_replaced_by_another():
    bench = Bench()
    old = bench.run(bench.element.public_key(SLOT))
    new = bench.run(bench.element.generate_key(SLOT))
    assert new != old
    assert bench.run(bench.element.public_key(SLOT)) == new
    assert is_signature(new, DIGEST, bench.run(bench.element.sign(SLOT, DIGEST)))


def test_identity_key_cannot_be_replaced():
    bench = Bench()
    with pytest.raises(frames.CommandRefused):
        bench.run(bench.element.generate_key(config.IDENTITY))


def test_internal_key_signs_nothing_from_outside():
    bench = Bench()
    with pytest.raises(frames.CommandRefused):
        bench.run(bench.element.sign(config.INTERNAL, DIGEST))


def test_ephemeral_ecdh_agrees_with_openssl_and_leaves_no_key_behind():
    bench = Bench()
    backend = ec.generate_private_key(ec.SECP256R1())
    numbers = backend.public_key().public_numbers()
    peer = numbers.x.to_bytes(32, "big") + numbers.y.to_bytes(32, "big")
    secret = bytearray(32)
    ephemeral = bench.run(bench.element.ecdh_ephemeral(peer, secret))
    assert secret == backend.exchange(ec.ECDH(), public_key(ephemeral))
    assert bench.chip._volatile == chips.Volatile()
    assert bytes(secret) not in bytes(bench.element.link._answer)


def zone_with(changes: dict[int, int]) -> bytes:
    zone = bytearray(config.wanted(BLANK_CONFIG))
    for at, value in changes.items():
        zone[at] = value
    return bytes(zone)


def test_masked_ecdh_agrees_and_its_secret_never_crosses_the_bus():
    io_key = bytes(range(32))
    # chip options: protection key enabled, output must be masked, key in slot 6; slot 2 may do ECDH
    memory = ready_memory(zone_with({90: 0x02, 91: 0x61, 24: 0x85}))
    memory.slots[6][:32] = io_key
    bench = Bench(memory)
    backend = ec.generate_private_key(ec.SECP256R1())
    numbers = backend.public_key().public_numbers()
    peer = numbers.x.to_bytes(32, "big") + numbers.y.to_bytes(32, "big")
    carried = bytearray()
    read = bench.chip.read
    bench.chip.read = lambda address, size: carried.extend(data := read(address, size) or b"") or data or None
    secret = bytearray(32)
    ephemeral = bench.run(bench.element.ecdh_ephemeral(peer, secret, io_key))
    assert secret == backend.exchange(ec.ECDH(), public_key(ephemeral))
    bench.run(bench.element.ecdh(SLOT, peer, secret, io_key))
    assert secret == backend.exchange(ec.ECDH(), public_key(bench.run(bench.element.public_key(SLOT))))
    assert bytes(secret) not in carried
    with pytest.raises(frames.CommandRefused):
        bench.run(bench.element.ecdh_ephemeral(peer, secret))  # in the clear


def test_point_that_is_not_on_the_curve_is_refused():
    bench = Bench()
    with pytest.raises(frames.EccFault):
        bench.run(bench.element.ecdh_ephemeral(bytes(63) + b"\x01", bytearray(32)))
    assert bench.chip._volatile == chips.Volatile(), "the fresh key is still there"


def test_counters_rise_by_one_and_end():
    bench = Bench()
    assert bench.run(bench.element.counter(1)) == 0
    assert [bench.run(bench.element.increment(1)) for _ in range(3)] == [1, 2, 3]
    assert bench.run(bench.element.counter(0)) == 0
    bench.chip.memory.counters[1] = 2_097_150
    assert bench.run(bench.element.increment(1)) == 2_097_151
    with pytest.raises(frames.CounterExhausted):
        bench.run(bench.element.increment(1))
    assert bench.run(bench.element.counter(1)) == 2_097_151


def test_random_numbers_of_a_chip_that_is_not_configured_are_refused():
    assert len(Bench().run(Bench().element.random())) == 32
    bench = Bench(Memory())
    with pytest.raises(frames.NotConfigured):
        bench.run(bench.element.random())


def test_slots_are_written_and_read():
    bench = Bench()
    certificate = bytes(range(256)) + bytes(160)
    bench.run(bench.element.write_slot(config.CERTIFICATE, certificate))
    assert bench.run(bench.element.read_slot(config.CERTIFICATE, 416)) == certificate
    with pytest.raises(frames.CommandRefused):
        bench.run(bench.element.write_slot(config.FIRMWARE_KEY, bytes(64)))
    with pytest.raises(frames.CommandRefused):
        bench.run(bench.element.read_slot(SLOT, 32))


def test_two_tasks_do_not_mix_their_digests():
    bench = Bench()
    public = bench.run(bench.element.public_key(SLOT))
    digests = [hashlib.sha256(bytes((number,))).digest() for number in range(4)]

    async def all_at_once() -> list[bytes]:
        return await asyncio.gather(*[bench.element.sign(SLOT, digest) for digest in digests])

    signatures = bench.run(all_at_once())
    for digest, signature in zip(digests, signatures, strict=True):
        assert is_signature(public, digest, signature)


def test_cancelled_in_the_middle_the_next_operation_works():
    bench = Bench()
    public = bench.run(bench.element.public_key(SLOT))

    async def story(turns: int) -> bytes:
        task = asyncio.create_task(bench.element.sign(SLOT, DIGEST))
        for _ in range(turns):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        return await bench.element.sign(SLOT, DIGEST)

    for turns in range(1, 40):
        assert is_signature(public, DIGEST, bench.run(story(turns)))
    assert not bench.chip.complaints


# --- provisioning


def test_blank_chip_is_configured_locked_and_used():
    bench = Bench(Memory())
    element = bench.element

    async def provision() -> None:
        assert await element.revision() == bytes.fromhex("00006003")
        zone = await element.read_config()
        await element.write_config(config.wanted(zone))
        zone = await element.read_config()
        assert config.differences(zone) == []
        await element.lock_config(zone, config.serial(zone))
        for slot in (config.IDENTITY, config.INTERNAL, SLOT):
            await element.generate_key(slot)
        await element.write_slot(config.FIRMWARE_KEY, bytes(range(64)))
        await element.lock_data(config.serial(zone))

    bench.run(provision())
    zone = bench.run(element.read_config())
    assert config.is_config_locked(zone)
    assert config.is_data_locked(zone)
    public = bench.run(element.public_key(SLOT))
    assert is_signature(public, DIGEST, bench.run(element.sign(SLOT, DIGEST)))
    bench.run(element.lock_slot(SLOT, config.serial(zone)))
    with pytest.raises(frames.CommandRefused):
        bench.run(element.generate_key(SLOT))
    assert not bench.chip.complaints


def test_locks_need_this_chips_serial_number():
    bench = Bench(Memory())
    zone = bench.run(bench.element.read_config())
    other = bytes(9)
    for work in (
        bench.element.lock_config(zone, other),
        bench.element.lock_data(other),
        bench.element.lock_slot(SLOT, other),
    ):
        with pytest.raises(frames.NotConfirmed):
            bench.run(work)
    assert chips.LOCK not in bench.chip.log


def test_configuration_is_not_locked_when_it_is_another_than_was_looked_at():
    bench = Bench(Memory())
    zone = bench.run(bench.element.read_config())
    bench.chip.memory.config[24] ^= 1
    with pytest.raises(frames.CommandRefused):
        bench.run(bench.element.lock_config(zone, config.serial(zone)))
    assert not config.is_config_locked(bytes(bench.chip.memory.config))


# --- one fault at a time

OF_THE_BUS = ("answer-crc", "nack", "stuck", "wake-garbled", "wake-lost")
OF_A_COMMAND = sorted(FAULTS - {*OF_THE_BUS, "self-test", "wrong-signature"})
ONE_FAULT = [
    *((kind, None, skip) for kind in OF_THE_BUS for skip in range(1 if kind.startswith("wake") else 4)),
    *((kind, opcode, 0) for kind in OF_A_COMMAND for opcode in (chips.RANDOM, chips.NONCE, chips.SIGN)),
]


@pytest.mark.parametrize(("kind", "opcode", "skip"), ONE_FAULT)
def test_signature_comes_in_spite_of_one_fault(kind: str, opcode: int | None, skip: int):
    bench = Bench()
    public = bench.run(bench.element.public_key(SLOT))
    bench.chip.faults.append(Fault(kind, opcode, skip))
    assert is_signature(public, DIGEST, bench.run(bench.element.sign(SLOT, DIGEST)))
    assert not bench.chip.faults, "it never struck"


LASTING = {
    "answer-crc": frames.ElementSilent,  # not even the wake-up is understood
    "answer-length": frames.AnswerMalformed,
    "answers-crc": frames.AnswerMalformed,
    "asleep": frames.ElementSilent,
    "brown-out": frames.ElementLate,
    "brown-out-after": frames.ElementLate,
    "command-crc": frames.CommandLost,
    "ecc": frames.EccFault,
    "mute": frames.ElementLate,
    "nack": frames.ElementSilent,
    "self-test": frames.SelfTestFailed,
    "stuck": frames.ElementBusFault,
    "wake-garbled": frames.ElementSilent,
    "wake-lost": frames.ElementSilent,
    "watchdog": frames.CommandLost,
    "woken": frames.ElementRestarted,
}


@pytest.mark.parametrize("kind", sorted(FAULTS - {"late", "wrong-signature"}))
def test_lasting_fault_ends_by_its_name_and_within_seconds(kind: str):
    bench = Bench()
    bench.chip.faults.append(Fault(kind, times=10**9))

    async def sign() -> None:
        with pytest.raises(frames.ElementError) as caught:
            await bench.element.sign(SLOT, DIGEST)
        assert type(caught.value) is LASTING[kind]

    assert bench.took_ms(sign()) < 5000


def test_slow_chip_is_waited_for():
    bench = Bench()
    public = bench.run(bench.element.public_key(SLOT))
    bench.chip.faults.append(Fault("late", chips.SIGN, times=10**9))
    assert is_signature(public, DIGEST, bench.run(bench.element.sign(SLOT, DIGEST)))


def test_wrong_signature_is_never_released():
    bench = Bench()
    signer = bench.run(ElementSigner.open(bench.element, SLOT))
    bench.chip.faults.append(Fault("wrong-signature"))
    public = b"".join(part.to_bytes(32, "big") for part in signer.point)
    assert is_signature(public, DIGEST, bench.run(signer.sign_digest(DIGEST)))
    bench.chip.faults.append(Fault("wrong-signature", times=10**9))
    with pytest.raises(ElementFault, match="do not fit"):
        bench.run(signer.sign_digest(DIGEST))


def test_another_chip_in_its_place_signs_nothing():
    bench = Bench()
    signer = bench.run(ElementSigner.open(bench.element, SLOT))
    bench.chip.memory = ready_memory()
    with pytest.raises(ElementFault, match="do not fit"):
        bench.run(signer.sign_digest(DIGEST))


@pytest.mark.parametrize("kind", ["answers-crc", "brown-out-after", "mute", "woken"])
def test_increment_is_not_repeated_when_it_may_have_happened(kind: str):
    bench = Bench()
    bench.chip.faults.append(Fault(kind, chips.COUNTER))
    with pytest.raises(frames.ElementError):
        bench.run(bench.element.increment(0))
    assert bench.chip.log.count(chips.COUNTER) <= 1


NOT_BEGUN = [
    *((kind, chips.COUNTER, 0) for kind in ("asleep", "command-crc", "watchdog")),
    *((kind, None, 0) for kind in ("wake-lost", "wake-garbled", "nack", "answer-crc")),
    ("answer-crc", None, 1),  # begun and done, but the answer can be read again
]


@pytest.mark.parametrize(("kind", "opcode", "skip"), NOT_BEGUN)
def test_increment_comes_once_where_the_chip_had_not_begun_or_its_answer_is_to_be_had(
    kind: str, opcode: int | None, skip: int
):
    bench = Bench()
    bench.chip.faults.append(Fault(kind, opcode, skip))
    assert bench.run(bench.element.increment(0)) == 1
    assert not bench.chip.faults
    assert bench.chip.memory.counters == [1, 0]


def test_loop_that_was_busy_past_the_watchdog_begins_anew():
    bench = Bench()
    public = bench.run(bench.element.public_key(SLOT))
    sleep = bench.time.sleep
    naps = 0

    async def slow_sleep(seconds: float) -> None:
        nonlocal naps
        naps += 1
        await sleep(2 if naps == 8 else seconds)  # between Nonce and Sign

    bench.element.link._sleep = slow_sleep
    assert is_signature(public, DIGEST, bench.run(bench.element.sign(SLOT, DIGEST)))


def test_chip_that_other_traffic_woke_is_at_hand_at_once_and_for_its_whole_time():
    bench = Bench()
    bench.chip.write(0, b"\x00")
    bench.time.pass_s(1.25)
    bench.run(bench.element.sign(SLOT, DIGEST))
    assert bench.chip.log == [chips.RANDOM, chips.NONCE, chips.SIGN]  # not begun twice


def test_chip_that_fails_its_self_test_is_not_asked_again():
    bench = Bench()
    bench.chip.faults.append(Fault("self-test", times=10**9))

    async def sign() -> None:
        with pytest.raises(frames.SelfTestFailed):
            await bench.element.sign(SLOT, DIGEST)

    assert bench.took_ms(sign()) < 20


def test_bus_too_fast_for_the_wake_pulse_is_an_element_that_is_silent():
    bench = Bench(bus_hz=400_000)
    with pytest.raises(frames.ElementSilent):
        bench.run(bench.element.random())


# --- many at once


def test_a_thousand_mixtures_of_faults_end_in_the_right_thing_or_a_named_error():
    print("seed", SEED)
    draw = random.Random(SEED)
    memory = ready_memory()
    bench = Bench(memory)
    signer = bench.run(ElementSigner.open(bench.element, SLOT))
    backend = ec.generate_private_key(ec.SECP256R1())
    numbers = backend.public_key().public_numbers()
    peer = numbers.x.to_bytes(32, "big") + numbers.y.to_bytes(32, "big")
    outcomes: Counter[str] = Counter()

    async def work(kind: str) -> None:
        before = memory.counters[0]
        if kind == "sign":
            digest = draw.randbytes(32)
            public = b"".join(part.to_bytes(32, "big") for part in signer.point)
            assert is_signature(public, digest, await signer.sign_digest(digest))
        elif kind == "ecdh":
            secret = bytearray(32)
            ephemeral = await bench.element.ecdh_ephemeral(peer, secret)
            assert secret == backend.exchange(ec.ECDH(), public_key(ephemeral))
        elif kind == "increment":
            try:
                assert await bench.element.increment(0) == before + 1
            finally:
                bench.chip.power_cut()
                assert memory.counters[0] in (before, before + 1)
        else:
            assert len(set(await bench.element.random())) > 8

    for run in range(RUNS):
        bench.chip.faults = [
            Fault(draw.choice(sorted(FAULTS)), skip=draw.randrange(12), times=draw.choice((1, 1, 1, 2, 5, 40)))
            for _ in range(draw.choice((1, 1, 2, 3, 5)))
        ]
        kind = draw.choice(("sign", "sign", "sign", "ecdh", "increment", "random"))
        before_s = bench.time.now_s
        try:
            bench.run(work(kind))
            outcomes["right"] += 1
        except (frames.ElementError, ElementFault) as error:
            outcomes[type(error).__name__] += 1
        assert bench.time.now_s - before_s < 12, f"run {run} hangs"
        bench.chip.faults = []
        bench.time.pass_s(draw.random() * 2)
        bench.run(work("sign"))  # whatever it was, it is over
    print(dict(outcomes))
    assert outcomes["right"] > RUNS // 2
    assert not [complaint for complaint in bench.chip.complaints if not complaint.startswith("read past")]


# --- which slot's key counts


def test_first_slot_counts_until_a_rotation_names_the_other_whose_old_key_then_goes(tmp_path: Path):
    bench = Bench()
    path = tmp_path / "attest.slot"
    first = bench.run(of_terminal(bench.element, SLOT, str(path)))
    assert first.kid == bench.run(ElementSigner.open(bench.element, SLOT)).kid
    public = bench.run(bench.element.generate_key(SLOT + 1))
    path.write_bytes(bytes([SLOT + 1, 1]))
    bench.chip.faults.append(Fault("mute", chips.GENKEY, times=10**9))
    with pytest.raises(ElementFault):
        bench.run(of_terminal(bench.element, SLOT, str(path)))
    assert path.read_bytes() == bytes([SLOT + 1, 1]), "it is tried again at the next start"
    bench.chip.faults.clear()
    second = bench.run(of_terminal(bench.element, SLOT, str(path)))
    assert b"".join(part.to_bytes(32, "big") for part in second.point) == public
    assert path.read_bytes() == bytes([SLOT + 1])
    assert bench.run(ElementSigner.open(bench.element, SLOT)).kid != first.kid, "replaced"
    kept = bench.run(bench.element.public_key(SLOT))
    bench.run(of_terminal(bench.element, SLOT, str(path)))
    assert bench.run(bench.element.public_key(SLOT)) == kept, "and only once"


@pytest.mark.parametrize("content", [bytes([SLOT - 1]), bytes([SLOT + 2]), b"\xff\x01"])
def test_slot_that_is_none_of_the_attestation_keys_is_refused(tmp_path: Path, content: bytes):
    path = tmp_path / "attest.slot"
    path.write_bytes(content)
    with pytest.raises(ElementFault, match="no slot"):
        bench = Bench()
        bench.run(of_terminal(bench.element, SLOT, str(path)))
