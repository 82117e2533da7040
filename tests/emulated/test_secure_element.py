"""The terminal's own code under MicroPython, on the emulated chip over its bus: signing, sealing, faults, times."""

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import cbor2
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from drivers import atecc608_config
from pycose.keys import EC2Key
from pycose.keys.curves import P256
from pycose.messages import Sign1Message

from tests.element_bench import is_signature, public_key, ready_memory
from tools.emulator.element_bus import ElementServer
from tools.emulator.secure_element import Chip, Fault

ROOT = Path(__file__).parents[2]
MICROPYTHON = os.environ.get("MICROPYTHON") or str(Path(sys.executable).parent / "micropython")
TIMEOUT_S = 60  # against a hang only
SLOT = atecc608_config.ATTESTATION

HEAD = f"""
import asyncio, json, os, sys, time
sys.path[:0] = [{str(ROOT / "firmware")!r}, {str(ROOT / "tools" / "emulator" / "lib")!r}]
from i2c import I2C
from drivers.atecc608 import Atecc608
from terminal.element_signer import ElementFault, ElementSigner

element = Atecc608(I2C(int(os.getenv("SHIMING_I2C_PORT"))))

"""


def play(chip: Chip, story: str, heap: str = "192K") -> dict:
    """Runs the story's `async def main()`, which returns what is to be looked at."""
    with ElementServer(chip) as server:
        result = subprocess.run(
            [MICROPYTHON, "-X", f"heapsize={heap}", "-c", HEAD + story + "\nprint(json.dumps(asyncio.run(main())))\n"],
            capture_output=True,
            text=True,
            timeout=TIMEOUT_S,
            check=False,
            env={**os.environ, "SHIMING_I2C_PORT": str(server.port)},
        )
    assert result.returncode == 0, result.stdout + result.stderr
    return json.loads(result.stdout)


def ready_chip(pace: float = 0.05) -> Chip:
    chip = Chip(pace=pace)
    chip.memory = ready_memory()
    return chip


SIGN = """
async def main():
    signer = await ElementSigner.open(element, 2)
    digest = bytes.fromhex("DIGEST")
    return {
        "public": signer.point[0].to_bytes(32, "big").hex() + signer.point[1].to_bytes(32, "big").hex(),
        "kid": signer.kid.hex(),
        "signature": (await signer.sign_digest(digest)).hex(),
    }
"""


def test_token_signed_in_the_chip_verifies_under_two_other_libraries():
    chip = ready_chip()
    payload = cbor2.dumps({6: 1_790_000_000}, canonical=True)
    protected = cbor2.dumps({1: -7}, canonical=True)
    digest = hashlib.sha256(cbor2.dumps(["Signature1", protected, b"", payload])).digest()
    signed = play(chip, SIGN.replace("DIGEST", digest.hex()))
    public, signature = bytes.fromhex(signed["public"]), bytes.fromhex(signed["signature"])
    assert is_signature(public, digest, signature)
    message = Sign1Message.from_cose_obj([protected, {}, payload, signature], allow_unknown_attributes=True)
    message.key = EC2Key(crv=P256, x=public[:32], y=public[32:])
    assert message.verify_signature()
    assert not chip.complaints


def test_sealing_secret_of_the_chip_is_that_of_openssl():
    backend = ec.generate_private_key(ec.SECP256R1())
    numbers = backend.public_key().public_numbers()
    peer = numbers.x.to_bytes(32, "big") + numbers.y.to_bytes(32, "big")
    story = f"""
async def main():
    secret = bytearray(32)
    public = await element.ecdh_ephemeral(bytes.fromhex("{peer.hex()}"), secret)
    return {{"public": public.hex(), "secret": bytes(secret).hex(), "left": any(element.link._answer)}}
"""
    made = play(ready_chip(), story)
    ephemeral = public_key(bytes.fromhex(made["public"]))
    assert bytes.fromhex(made["secret"]) == backend.exchange(ec.ECDH(), ephemeral)
    assert not made["left"]


def test_counters_random_numbers_and_configuration():
    story = """
from drivers import atecc608_config

async def main():
    zone = await element.read_config()
    return {
        "differences": atecc608_config.differences(zone),
        "counts": [await element.increment(0), await element.increment(0), await element.counter(0)],
        "random": len(set(await element.random())) > 8,
    }
"""
    assert play(ready_chip(), story) == {"differences": [], "counts": [1, 2, 2], "random": True}


@pytest.mark.parametrize(
    "kind", ["answer-crc", "asleep", "brown-out", "command-crc", "stuck", "watchdog", "wrong-signature"]
)
def test_one_fault_is_survived(kind: str):
    chip = ready_chip()
    chip.faults.append(Fault(kind, skip=2 if kind in ("answer-crc", "stuck") else 0))
    digest = hashlib.sha256(kind.encode()).digest()
    signed = play(chip, SIGN.replace("DIGEST", digest.hex()))
    assert is_signature(bytes.fromhex(signed["public"]), digest, bytes.fromhex(signed["signature"]))
    assert not chip.faults


FAULT = """
async def main():
    try:
        signer = await ElementSigner.open(element, 2)
        return [(await signer.sign_digest(bytes(32))).hex()]
    except ElementFault as fault:
        return [fault.code, str(fault)]
"""


@pytest.mark.parametrize(
    ("kind", "word"),
    [
        ("stuck", "element-bus"),
        ("wake-lost", "element-silent"),
        ("ecc", "element-ecc"),
        ("wrong-signature", "signatures do not fit the key"),
    ],
)
def test_lasting_fault_is_one_error_of_the_terminal(kind: str, word: str):
    chip = ready_chip()
    chip.faults.append(Fault(kind, times=10**9))
    assert play(chip, FAULT) == ["element-fault", word]


def test_no_chip_at_all_is_the_same_error():
    with ElementServer(Chip()) as server:
        port = server.port
    env = {**os.environ, "SHIMING_I2C_PORT": str(port)}
    command = [MICROPYTHON, "-c", HEAD + FAULT + "\nprint(json.dumps(asyncio.run(main())))\n"]
    result = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_S, check=False, env=env)
    assert json.loads(result.stdout) == ["element-fault", "element-bus"], result.stderr


TIMES = """
gap_ms = 0
async def watch():
    global gap_ms
    last = time.ticks_us()
    while True:
        await asyncio.sleep_ms(1)
        now = time.ticks_us()
        gap_ms = max(gap_ms, time.ticks_diff(now, last) / 1000)
        last = now

async def took(work):
    start = time.ticks_us()
    await work
    return time.ticks_diff(time.ticks_us(), start) / 1000

async def main():
    signer = await ElementSigner.open(element, 2)
    digest = bytes(range(32))
    peer = signer.point[0].to_bytes(32, "big") + signer.point[1].to_bytes(32, "big")
    beside = asyncio.create_task(watch())
    times = {
        "revision": await took(element.revision()),
        "random": await took(element.random()),
        "sign": await took(element.sign(2, digest)),
        "gap of sign": gap_ms,
        "sign and verify": await took(signer.sign_digest(digest)),
        "ecdh": await took(element.ecdh_ephemeral(peer, bytearray(32))),
        "increment": await took(element.increment(0)),
        "config": await took(element.read_config()),
    }
    beside.cancel()
    return times
"""


def test_times_with_the_longest_execution_times_of_the_chip():
    """At the chip's own pace, with a bus of 100 kHz. The limits are against hanging; the figures are printed."""
    chip = ready_chip(pace=1)
    times = play(chip, TIMES)
    print({name: round(ms, 1) for name, ms in times.items()})
    assert times["sign"] >= 23 + 20 + 115
    assert times["ecdh"] >= 23 + 115 + 75
    assert all(ms < 2000 for ms in times.values())
    assert not chip.complaints
