"""For tests/hardware/test_boards.py, under MicroPython: builds a board's hardware over fakes and uses all of it.

`micropython story.py BOARD SETTINGS`; the last line of output is JSON: results, and what the hardware saw.
"""

import asyncio
import json
import os
import sys

HERE = __file__.rsplit("/", 1)[0]
BOARD = sys.argv[1]
FIRMWARE = HERE + "/../../../firmware"
sys.path[:0] = [HERE, FIRMWARE, FIRMWARE + "/boards/" + BOARD]

import vfs

import hw
import machine
import pins
import pyb

BLOCK_BYTES = 4096


class RamFlash:
    def __init__(self, blocks):
        self._data = bytearray(blocks * BLOCK_BYTES)

    def readblocks(self, block, buffer, offset=0):
        at = block * BLOCK_BYTES + offset
        buffer[:] = self._data[at : at + len(buffer)]

    def writeblocks(self, block, buffer, offset=0):
        at = block * BLOCK_BYTES + offset
        self._data[at : at + len(buffer)] = buffer

    def ioctl(self, operation, argument):
        return {4: len(self._data) // BLOCK_BYTES, 5: BLOCK_BYTES, 6: 0}.get(operation, 0)


def take_root(settings):
    """The board's file system in place of the PC's, where the port puts it."""
    pyb.device = RamFlash(64)
    vfs.VfsLfs2.mkfs(pyb.device)
    place = "/flash" if BOARD == "openmv_n6" else "/"
    vfs.umount("/")
    vfs.mount(vfs.VfsLfs2(pyb.device), place)
    os.chdir(place)
    with open("config.json", "w") as file:
        file.write(settings)
    os.mkdir("secret")
    with open("secret/wifi.password", "w") as file:
        file.write("correct horse\n")


async def look(camera):
    await camera.start()
    first, again = await camera.take(), await camera.take()
    shown = bytes(again[2][:4])
    camera.stop()
    return first[0], again[0], len(again[2]), shown.hex(), any(first[2]) or any(again[2])


async def use(hardware):
    said = {}
    stream = await hardware.open_reader(115200)
    stream.write(b"\xaa\xaa\xaa\x96\x69")
    await stream.drain()
    said["read"] = (await asyncio.wait_for(stream.read(256), 2)).hex()
    await hardware.open_reader(9600)
    try:
        await asyncio.wait_for(hardware.network_up(), 5)
        said["network"] = "up"
    except OSError as error:
        said["network"] = "errno %d" % error.errno
    band = bytearray(320 * 16 * 2)
    hardware.display.blit(224, memoryview(band))
    hardware.display.present()
    said["size"] = (hardware.display.width, hardware.display.height)
    hardware.light.set(0xFF8000)
    hardware.buzzer.tone(2700)
    hardware.buzzer.tone(0)
    said["idle"] = hardware.buttons.held()
    machine.Pin.pressed = {7, 15}  # cancel and language on one board
    machine.I2C.inputs = 0xF9  # and on the other
    said["held"] = hardware.buttons.held()
    hardware.power_reader(False)
    hardware.power_reader(True)
    hardware.watchdog.feed()  # before it is started: nothing to feed
    hardware.watchdog.start(8000)
    hardware.watchdog.feed()
    hardware.watchdog.release()
    said["now"] = hardware.clock.now()
    said["source"] = hardware.clock.source
    hardware.clock.set(1795000000, 4)
    said["source after"] = hardware.clock.source
    said["random"] = len(hardware.random(16))
    said["free"] = hardware.free_bytes()
    said["camera"] = await look(hardware.camera) if hardware.camera else None
    said["about"] = (hardware.board, hardware.boot_cause, hardware.unique_id.hex(), hardware.assets, hardware.root)
    said["has reader power"] = hardware.has_reader_power
    said["opened"] = [hardware.is_opened()]
    machine.Pin.pressed = {pins.TAMPER}
    said["opened"].append(hardware.is_opened())
    said["files"] = sorted(os.listdir("/"))
    hardware.tell("fault", "reader-timeout", 3)
    hardware.reset()
    return said


take_root(sys.argv[2])
hardware = hw.build()
built = len(machine.log)
said = asyncio.run(use(hardware))
print(json.dumps({"said": said, "built": machine.log[:built], "used": machine.log[built:]}, separators=(",", ":")))
