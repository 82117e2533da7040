"""What the tests of the secure element share: a chip on a simulated clock, ready for work, and the driver on it."""

import asyncio
from collections.abc import Coroutine
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed, encode_dss_signature
from drivers import atecc608_config
from drivers.atecc608 import Atecc608

from tools.emulator.element_bus import ChipBus
from tools.emulator.element_memory import BLANK_CONFIG, Memory
from tools.emulator.secure_element import Chip


class Time:
    """Passes only when somebody sleeps or sends."""

    def __init__(self) -> None:
        self.now_s = 1000.0

    def clock(self) -> float:
        return self.now_s

    def pass_s(self, seconds: float) -> None:
        self.now_s += seconds

    async def sleep(self, seconds: float) -> None:
        self.now_s += seconds
        await asyncio.sleep(0)


def ready_memory(zone: bytes = atecc608_config.wanted(BLANK_CONFIG)) -> Memory:
    """Configured, locked, with keys in the slots that hold some."""
    config = bytearray(zone)
    config[86] = config[87] = 0
    keys = {
        slot: ec.generate_private_key(ec.SECP256R1()).private_numbers().private_value
        for slot in (atecc608_config.IDENTITY, atecc608_config.INTERNAL, atecc608_config.ATTESTATION)
    }
    return Memory(config=config, keys=keys)


class Bench:
    def __init__(self, memory: Memory | None = None, **options: Any) -> None:
        self.time = Time()
        self.chip = Chip(clock=self.time.clock, **options)
        self.chip.memory = memory or ready_memory()
        self.bus = ChipBus(self.chip, self.time.pass_s)
        self.element = Atecc608(self.bus, sleep=self.time.sleep)

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run(work)

    def took_ms(self, work: Coroutine[Any, Any, Any]) -> float:
        """In simulated time."""
        before = self.time.now_s
        asyncio.run(work)
        return (self.time.now_s - before) * 1000


def public_key(public: bytes) -> ec.EllipticCurvePublicKey:
    return ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), b"\x04" + public)


def is_signature(public: bytes, digest: bytes, signature: bytes) -> bool:
    der = encode_dss_signature(int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big"))
    try:
        public_key(public).verify(der, digest, ec.ECDSA(Prehashed(hashes.SHA256())))
    except InvalidSignature:
        return False
    return True
