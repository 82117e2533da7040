"""ATECC608B: P-256 keys that never leave the chip, random numbers, counters that only rise. Attestation facts 7.2.

Quirks; those of the bus are in `atecc608_link.py`:
- Signatures carry a nonce of the chip's own (not RFC 6979): two over one digest differ.
- Before its configuration is locked, random numbers are FF FF 00 00 ... (ATSHA204A data sheet 8.5.14).
- Idle keeps TempKey, so what leaves a key there ends in sleep.
"""

import asyncio
from hashlib import sha256

from drivers import atecc608_config
from drivers.atecc608_frame import CommandRefused, CounterExhausted, NotConfigured, NotConfirmed, crc16
from drivers.atecc608_link import ADDRESS, SLEEP, Link

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from typing import Any

    from drivers.atecc608_link import Step

COUNTER_MAX = 2_097_151

_READ, _WRITE, _NONCE, _LOCK, _RANDOM = 0x02, 0x12, 0x16, 0x17, 0x1B
_COUNTER, _INFO, _GENKEY, _SIGN, _ECDH = 0x24, 0x30, 0x40, 0x41, 0x43
_CONFIG_ZONE, _DATA_ZONE, _BLOCK = 0, 2, 0x80  # the last: 32 bytes instead of 4
_TO_DIGEST_BUFFER = 0x43
_SIGN_DIGEST_BUFFER = 0xA0
_NEW_KEY, _IN_TEMPKEY = 0x04, 0xFFFF
_TO_OUTPUT, _FROM_TEMPKEY, _MASKED = 0x0C, 0x01, 0x02
_LOCK_DATA_ZONE, _LOCK_SLOT = 0x81, 0x02
_UNSEEDED = b"\xff\xff\x00\x00"


class Atecc608:
    """Everything raises ElementError, which is an OSError with a `code`."""

    def __init__(
        self, i2c: "Any", address: int = ADDRESS, sleep: "Callable[[float], Awaitable[object]]" = asyncio.sleep
    ) -> None:
        self.link = Link(i2c, address, sleep)

    # --- keys

    async def public_key(self, slot: int) -> bytes:
        """x and y, 64 bytes, as everywhere here."""
        public = bytearray(64)
        await self.link.run((_GENKEY, 0, slot, b"", public))
        return bytes(public)

    async def generate_key(self, slot: int) -> bytes:
        """Replaces the slot's key for good. Returns the new public key; after a fault `public_key` tells it."""
        public = bytearray(64)
        await self.link.run((_GENKEY, _NEW_KEY, slot, b"", public), is_repeatable=False)
        return bytes(public)

    async def sign(self, slot: int, digest: bytes) -> bytes:
        """Returns r and s over a SHA-256 digest, 64 bytes. Verify them: a fault inside the chip shows only there."""
        if len(digest) != 32:
            raise ValueError("a SHA-256 digest has 32 bytes")
        signature = bytearray(64)
        await self.link.run(
            _fresh_seed(),
            (_NONCE, _TO_DIGEST_BUFFER, 0, digest, bytearray()),
            (_SIGN, _SIGN_DIGEST_BUFFER, slot, b"", signature),
        )
        return bytes(signature)

    async def ecdh_ephemeral(self, peer: bytes, secret: bytearray, io_key: bytes | None = None) -> bytes:
        """Fills `secret` (32 bytes, the caller wipes it) with a fresh key times `peer`; returns the fresh public key.

        Without `io_key` (the slot that the chip options name), the secret crosses the bus in the clear.
        """
        public = bytearray(64)
        output = bytearray(64) if io_key else secret
        mode = _FROM_TEMPKEY | _TO_OUTPUT | (_MASKED if io_key else 0)
        await self.link.run(
            _fresh_seed(),
            (_GENKEY, _NEW_KEY, _IN_TEMPKEY, b"", public),
            (_ECDH, mode, 0, peer, output),
            ending=SLEEP,
        )
        if io_key:
            _unmask(output, secret, io_key)
        return bytes(public)

    async def ecdh(self, slot: int, peer: bytes, secret: bytearray, io_key: bytes | None = None) -> None:
        """As `ecdh_ephemeral`, with the key of a slot that may be used so."""
        output = bytearray(64) if io_key else secret
        mode = _TO_OUTPUT | (_MASKED if io_key else 0)
        await self.link.run((_ECDH, mode, slot, peer, output), ending=SLEEP)
        if io_key:
            _unmask(output, secret, io_key)

    # --- random numbers and counters

    async def random(self) -> bytes:
        step = _fresh_seed()
        await self.link.run(step)
        if step[-1][:4] == _UNSEEDED:
            raise NotConfigured("random numbers are none")
        return bytes(step[-1])

    async def counter(self, number: int) -> int:
        value = bytearray(4)
        await self.link.run((_COUNTER, 0, number, b"", value))
        return int.from_bytes(value, "little")

    async def increment(self, number: int) -> int:
        """Returns the new value; after a fault `counter` tells whether it rose."""
        value = bytearray(4)
        try:
            await self.link.run((_COUNTER, 1, number, b"", value), is_repeatable=False)
        except CommandRefused:
            if await self.counter(number) < COUNTER_MAX:
                raise
            raise CounterExhausted("counter %d" % number) from None
        return int.from_bytes(value, "little")

    # --- zones

    async def revision(self) -> bytes:
        """Four bytes: 00 00 60 02 a 608A, 00 00 60 03 a 608B."""
        revision = bytearray(4)
        await self.link.run((_INFO, 0, 0, b"", revision))
        return bytes(revision)

    async def read_config(self) -> bytes:
        blocks = [bytearray(32) for _ in range(4)]
        await self.link.run(
            *[(_READ, _CONFIG_ZONE | _BLOCK, index << 3, b"", block) for index, block in enumerate(blocks)]
        )
        return b"".join(blocks)

    async def write_config(self, zone: bytes) -> None:
        """What can be written before the lock: not the first 16 bytes, nor the four with the locks."""
        if len(zone) != atecc608_config.ZONE_BYTES:
            raise ValueError("a configuration zone has 128 bytes")
        for start in range(16, len(zone), 4):
            if start != 84:
                await self.link.run((_WRITE, _CONFIG_ZONE, start >> 2, zone[start : start + 4], bytearray()))

    async def read_slot(self, slot: int, size: int) -> bytes:
        """`size` is a multiple of 32."""
        blocks = [bytearray(32) for _ in range(size // 32)]
        for index, block in enumerate(blocks):
            await self.link.run((_READ, _DATA_ZONE | _BLOCK, index << 8 | slot << 3, b"", block))
        return b"".join(blocks)

    async def write_slot(self, slot: int, data: bytes) -> None:
        """`data` in whole blocks of 32 bytes. A fault in the middle leaves the blocks before it written."""
        if len(data) % 32:
            raise ValueError("not in blocks of 32 bytes")
        for start in range(0, len(data), 32):
            address = start << 3 | slot << 3  # block number from bit 8 on
            await self.link.run((_WRITE, _DATA_ZONE | _BLOCK, address, data[start : start + 32], bytearray()))

    # --- locks: for good. `serial` says that the caller means this very chip.

    async def lock_config(self, zone: bytes, serial: bytes) -> None:
        """The chip itself refuses if its zone is not this one."""
        await self._confirm(serial)
        await self.link.run((_LOCK, 0, crc16(zone), b"", bytearray()), is_repeatable=False)

    async def lock_data(self, serial: bytes) -> None:
        await self._confirm(serial)
        await self.link.run((_LOCK, _LOCK_DATA_ZONE, 0, b"", bytearray()), is_repeatable=False)

    async def lock_slot(self, slot: int, serial: bytes) -> None:
        await self._confirm(serial)
        await self.link.run((_LOCK, _LOCK_SLOT | slot << 2, 0, b"", bytearray()), is_repeatable=False)

    async def _confirm(self, serial: bytes) -> None:
        if serial != atecc608_config.serial(await self.read_config()):
            raise NotConfirmed("serial number of another chip")


def _fresh_seed() -> "Step":
    """Random, which renews the generator's seed where it is due."""
    return (_RANDOM, 0, 0, b"", bytearray(32))


def _unmask(output: bytearray, secret: bytearray, io_key: bytes) -> None:
    """`output` is the secret masked with SHA-256(key, first half of the nonce), then the nonce."""
    mask = sha256(io_key + bytes(output[32:48])).digest()
    for index in range(32):
        secret[index] = output[index] ^ mask[index]
