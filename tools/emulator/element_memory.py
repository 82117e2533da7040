"""What an emulated ATECC608 keeps without power: its zones, keys and counters, in a file for its owner only."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec

SLOT_BYTES = (36,) * 8 + (416,) + (72,) * 7

# As it leaves the factory, but for the serial number
BLANK_CONFIG = bytes.fromhex(
    "0123a1b2000060034c5d6e7fee010100c000000083208720"
    "8f20c48f8f8f8f8f9f8faf8f0000000000000000000000000000af8f"
    "ffffffff00000000ffffffff00000000"
    "0000000000000000000000000000000000005555ffff000000000000"
    "3300330033001c001c001c001c001c003c003c003c003c003c003c003c001c00"
)
LOCK_DATA, LOCK_CONFIG, LOCK_SLOTS = 86, 87, 88
_UNLOCKED = 0x55


@dataclass(slots=True)
class Memory:
    config: bytearray = field(default_factory=lambda: bytearray(BLANK_CONFIG))
    slots: list[bytearray] = field(default_factory=lambda: [bytearray(size) for size in SLOT_BYTES])
    keys: dict[int, int] = field(default_factory=dict)  # private ones, by slot
    counters: list[int] = field(default_factory=lambda: [0, 0])

    @classmethod
    def load(cls, path: Path) -> Memory:
        data = json.loads(path.read_text(encoding="ascii"))
        return cls(
            config=bytearray.fromhex(data["config"]),
            slots=[bytearray.fromhex(slot) for slot in data["slots"]],
            keys={int(slot): int(key, 16) for slot, key in data["keys"].items()},
            counters=data["counters"],
        )

    def save(self, path: Path) -> None:
        data = {
            "config": self.config.hex(),
            "slots": [slot.hex() for slot in self.slots],
            "keys": {str(slot): f"{key:064x}" for slot, key in self.keys.items()},
            "counters": self.counters,
        }
        new = path.with_name(path.name + ".new")
        with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="ascii") as file:
            json.dump(data, file)
        new.replace(path)

    def public_key(self, slot: int) -> ec.EllipticCurvePublicKey:
        return ec.derive_private_key(self.keys[slot], ec.SECP256R1()).public_key()

    def is_config_locked(self) -> bool:
        return self.config[LOCK_CONFIG] != _UNLOCKED

    def is_data_locked(self) -> bool:
        return self.config[LOCK_DATA] != _UNLOCKED

    def is_slot_locked(self, slot: int) -> bool:
        return not self.config[LOCK_SLOTS + slot // 8] >> slot % 8 & 1

    def slot_config(self, slot: int) -> int:
        return int.from_bytes(self.config[20 + 2 * slot : 22 + 2 * slot], "little")

    def key_config(self, slot: int) -> int:
        return int.from_bytes(self.config[96 + 2 * slot : 98 + 2 * slot], "little")
