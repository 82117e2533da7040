"""The table of slots: what it makes of a blank chip, and that every difference is named."""

from drivers import atecc608_config as config

from tools.emulator.element_memory import BLANK_CONFIG

# Two bytes each, slots then keys, worked out by hand from the meaning of the bits
SLOTS = bytes.fromhex("8100 8200 8120 8120 8f8f 8f8f 8f8f 8f8f 0000 0080 8f8f 8f8f 8f8f 8f8f 8f8f 8f8f")
KEYS = bytes.fromhex("1300 5300 3300 3300 1c00 1c00 1c00 1c00 3c00 1000 1c00 1c00 1c00 1c00 1c00 1c00")


def test_wanted_zone_is_the_table_worked_out_by_hand():
    zone = config.wanted(BLANK_CONFIG)
    assert zone[20:52] == SLOTS
    assert zone[96:128] == KEYS
    assert config.differences(zone) == []


def test_serial_number_counters_and_locks_are_the_chips_own():
    zone = bytearray(BLANK_CONFIG)
    zone[52:68] = bytes(range(16))
    zone[86:90] = bytes(4)
    wanted = config.wanted(bytes(zone))
    assert wanted[:16] == zone[:16]
    assert wanted[52:68] == zone[52:68]
    assert wanted[86:90] == zone[86:90]
    assert config.serial(wanted) == bytes.fromhex("0123a1b24c5d6e7fee")


def test_every_changed_byte_of_the_table_is_named():
    good = config.wanted(BLANK_CONFIG)
    covered = {*range(20, 52), *range(96, 128), 16, 18, 19, 68, 69, 70, 71, 90, 91}
    for at in range(128):
        changed = bytearray(good)
        changed[at] ^= 0x01
        names = config.differences(bytes(changed))
        assert len(names) == (at in covered), at
    changed = bytearray(good)
    changed[24] ^= 1  # low byte of slot 2
    changed[97] ^= 1  # high byte of key 0
    changed[19] ^= 4
    assert config.differences(bytes(changed)) == ["chip mode", "key 0", "slot 2"]


def test_locks_are_read():
    zone = bytearray(BLANK_CONFIG)
    assert not config.is_config_locked(zone)
    assert not config.is_data_locked(zone)
    assert not config.is_slot_locked(zone, 2)
    zone[86] = zone[87] = 0
    zone[88] = 0xFB
    assert config.is_config_locked(zone)
    assert config.is_data_locked(zone)
    assert [slot for slot in range(16) if config.is_slot_locked(zone, slot)] == [2]
