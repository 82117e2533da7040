"""How Shiming's ATECC608 is configured: one table, and what a chip's configuration zone has otherwise. Pure.

Locking is for good and the full data sheet is under NDA: prove the table on a spare chip first (attestation facts 7.3).
Slots 2 and 3 hold attestation keys in turn, so that the old key can sign the new one and goes on until that is known.
"""

ZONE_BYTES = 128
_SLOTS, _KEYS = 20, 96  # two bytes a slot, low byte first
_LOCK_DATA, _LOCK_CONFIG, _LOCK_SLOTS = 86, 87, 88
_UNLOCKED = 0x55

IDENTITY, INTERNAL, ATTESTATION, ATTESTATION_NEXT, CERTIFICATE, FIRMWARE_KEY = 0, 1, 2, 3, 8, 9

# SlotConfig: 0 external signatures, 1 internal ones, 2 ECDH, 7 secret, 13 GenKey allowed, 15 never written
_SIGNS, _SIGNS_INTERNAL, _SECRET, _GENERATED, _NEVER_WRITTEN = 0x0001, 0x0002, 0x0080, 0x2000, 0x8000
# KeyConfig: 0 private, 1 public key may be asked for, 2-4 type (4 P-256, 7 other), 5 lockable, 6 random nonce required
_P256_PRIVATE, _P256_PUBLIC, _OTHER, _LOCKABLE, _RANDOM_NONCE = 0x0013, 0x0010, 0x001C, 0x0020, 0x0040
_UNUSED = (0x8F8F, _OTHER)

# What each slot may do: SlotConfig, KeyConfig
SLOTS = {
    IDENTITY: (_SECRET | _SIGNS, _P256_PRIVATE),  # made before the data zone is locked, never again
    INTERNAL: (_SECRET | _SIGNS_INTERNAL, _P256_PRIVATE | _RANDOM_NONCE),
    ATTESTATION: (_GENERATED | _SECRET | _SIGNS, _P256_PRIVATE | _LOCKABLE),
    ATTESTATION_NEXT: (_GENERATED | _SECRET | _SIGNS, _P256_PRIVATE | _LOCKABLE),
    CERTIFICATE: (0x0000, _OTHER | _LOCKABLE),
    FIRMWARE_KEY: (_NEVER_WRITTEN, _P256_PUBLIC),
}

# Where, what, and its name in a list of differences
OTHERS = (
    (16, b"\xc0", "I2C address"),
    (18, b"\x00", "count match"),
    (19, b"\x00", "chip mode"),  # fastest clock, watchdog of 1.3 s, inputs fixed
    (68, b"\x00", "use lock"),
    (69, b"\x00", "volatile key permission"),
    (70, b"\x00\x00", "secure boot"),
    (90, b"\x00\x00", "chip options"),  # no self-test at power-on, ECDH output in the clear
)


def wanted(zone: bytes) -> bytes:
    """Returns this chip's zone as it should be: its own serial number, counters and locks, the rest from the table."""
    result = bytearray(zone)
    for slot in range(16):
        slot_config, key_config = SLOTS.get(slot, _UNUSED)
        result[_SLOTS + 2 * slot : _SLOTS + 2 * slot + 2] = slot_config.to_bytes(2, "little")
        result[_KEYS + 2 * slot : _KEYS + 2 * slot + 2] = key_config.to_bytes(2, "little")
    for start, value, _ in OTHERS:
        result[start : start + len(value)] = value
    return bytes(result)


def differences(zone: bytes) -> list[str]:
    """Names what is not as in the table; [] where all is."""
    right = wanted(zone)
    names = [name for start, value, name in OTHERS if zone[start : start + len(value)] != value]
    for slot in range(16):
        for start, name in ((_SLOTS + 2 * slot, "slot %d"), (_KEYS + 2 * slot, "key %d")):
            if zone[start : start + 2] != right[start : start + 2]:
                names.append(name % slot)
    return names


def serial(zone: bytes) -> bytes:
    return zone[:4] + zone[8:13]


def is_config_locked(zone: bytes) -> bool:
    return zone[_LOCK_CONFIG] != _UNLOCKED


def is_data_locked(zone: bytes) -> bool:
    return zone[_LOCK_DATA] != _UNLOCKED


def is_slot_locked(zone: bytes, slot: int) -> bool:
    return not int.from_bytes(zone[_LOCK_SLOTS : _LOCK_SLOTS + 2], "little") >> slot & 1
