"""The torn-write model of NOR flash behaves as NOR does, and littlefs on it never sees more than a cut."""

import sys

from harness import ROOT, skip

try:
    import vfs

    sys.path.append(ROOT + "/tools/emulator/lib")
    from nor_flash import BLOCK_BYTES, EIO, GEOMETRY, Cut, Memory, Nor
except ImportError:
    from collections import namedtuple

    vfs = None  # CPython has neither littlefs nor viper
    Cut = namedtuple("Cut", ("operation", "permille", "bits"))

BLOCKS = 16
POINT = "/nor"


def flash(fill: int = 0xFF, cut: "Cut | None" = None) -> tuple:
    """(bytes, device)"""
    if not vfs:
        skip("littlefs and viper are MicroPython's")
    memory = bytearray(bytes([fill]) * (BLOCKS * BLOCK_BYTES))
    return memory, Nor(Memory(memory), BLOCKS, cut)


def test_erase_sets_every_bit_of_its_block_and_no_other() -> None:
    memory, device = flash(0)
    assert device.ioctl(6, 3) == 0
    assert memory == bytes(3 * BLOCK_BYTES) + b"\xff" * BLOCK_BYTES + bytes((BLOCKS - 4) * BLOCK_BYTES)
    assert list(device.erased) == [0, 0, 0, 1] + [0] * (BLOCKS - 4)


def test_program_only_clears_bits_and_says_when_more_was_asked() -> None:
    memory, device = flash()
    assert device.writeblocks(1, b"\xf0" * 256, 256) == 0
    assert device.writeblocks(1, b"\xcc" * 256, 256) == 0
    assert memory[BLOCK_BYTES + 256 : BLOCK_BYTES + 512] == b"\xc0" * 256
    assert device.cleared_bits_set == 256
    assert (memory[BLOCK_BYTES + 255], memory[BLOCK_BYTES + 512]) == (0xFF, 0xFF)


def test_read_gives_what_was_programmed() -> None:
    _, device = flash()
    content = bytes([i & 255 for i in range(1024)])
    device.writeblocks(2, content, 1024)
    buffer = bytearray(32)
    assert device.readblocks(2, buffer, 1024 + 96) == 0
    assert buffer == content[96:128]
    assert device.programmed_bytes == 1024


def test_cut_in_a_program_keeps_a_part_and_some_bits_of_the_next_byte() -> None:
    for permille, whole in ((0, 0), (1, 0), (500, 256), (999, 511), (1000, 512)):
        for bits in (0, 0x0F, 0xFF):
            memory, device = flash(0xFF, Cut(0, permille, bits))
            assert device.writeblocks(0, bytes(512)) == EIO
            torn = bytes([bits]) if whole < 512 else b""
            assert memory[:600] == bytes(whole) + torn + b"\xff" * (600 - whole - len(torn)), (permille, bits)


def test_cut_in_an_erase_leaves_the_rest_as_it_was_or_half_erased() -> None:
    memory, device = flash(0x11, Cut(0, 250, 0x40))
    assert device.ioctl(6, 0) == EIO
    assert memory[:1026] == b"\xff" * 1024 + b"\x51\x11"
    assert memory[1025:BLOCK_BYTES] == b"\x11" * (BLOCK_BYTES - 1025)
    memory, device = flash(0x11, Cut(0, 250, 0x41))
    device.ioctl(6, 0)
    rest = memory[1024:BLOCK_BYTES]
    assert memory[:1024] == b"\xff" * 1024
    assert len(set(rest)) > 8, "each byte has got other bits"
    assert all([byte & 0x11 == 0x11 for byte in rest]), "an erase clears no bit"
    assert memory[BLOCK_BYTES:] == b"\x11" * (len(memory) - BLOCK_BYTES)


def test_power_goes_in_the_operation_that_was_named_and_the_device_stays_dead() -> None:
    memory, device = flash(0xFF, Cut(2, 1000, 0))
    assert (device.writeblocks(0, bytes(256)), device.ioctl(6, 1), device.is_dead) == (0, 0, False)
    assert (device.writeblocks(2, bytes(256)), device.is_dead) == (EIO, True)
    before = bytes(memory)
    buffer = bytearray(b"untouched")
    assert device.readblocks(0, buffer) == EIO
    assert (device.writeblocks(3, bytes(256)), device.ioctl(6, 0)) == (EIO, EIO)
    assert (memory, buffer) == (before, b"untouched")
    again = Nor(Memory(memory), BLOCKS)
    assert again.readblocks(2, buffer) == 0
    assert buffer == bytes(9)


def test_nothing_is_allocated_under_a_locked_heap() -> None:
    memory, device = flash(0xFF, Cut(2, 500, 1))
    page, buffer = bytes(512), bytearray(64)
    import micropython

    micropython.heap_lock()
    try:
        found = [0, 0, 0, 0]
    except MemoryError:
        found = None
    micropython.heap_unlock()
    assert found is None, "the lock holds"
    micropython.heap_lock()
    device.writeblocks(0, page)
    device.readblocks(0, buffer)
    device.ioctl(6, 1)
    device.writeblocks(1, page)
    micropython.heap_unlock()
    assert device.is_dead
    assert memory[BLOCK_BYTES + 300] == 0xFF


def test_littlefs_asks_for_nothing_that_nor_cannot_do() -> None:
    _, device = flash()
    vfs.VfsLfs2.mkfs(device, **GEOMETRY)
    vfs.mount(vfs.VfsLfs2(device, **GEOMETRY), POINT)
    try:
        for i in range(60):
            with open(POINT + "/file-%d" % (i % 5), "ab") as file:
                file.write(bytes(700))
            if i % 7 == 6:
                with open(POINT + "/file-%d" % (i % 5), "wb") as file:
                    file.write(b"anew")
    finally:
        vfs.umount(POINT)
    assert device.cleared_bits_set == 0
    assert device.programs > 100
