"""OpenMV N6 (STM32N657): wiring in hardware/openmv_n6.toml, flash in the README beside this.

Quirks: P15 to P18 belong to the Ethernet PHY, so buttons, panel reset and reader power hang on an I2C expander; the
port mounts its flash at /flash, the application wants its littlefs at /; UART, SPI and I2C have fixed pins.
"""

import asyncio
import errno
import json
import os

import machine
import network
import pins
import pyb
import vfs
from drivers import atecc608_config
from drivers.atecc608 import Atecc608
from drivers.buttons import Buttons
from drivers.hardware_watchdog import HardwareWatchdog
from drivers.network_link import NetworkLink
from drivers.openmv_camera import OpenmvCamera
from drivers.piezo import Piezo
from drivers.rtc_clock import NETWORK, RtcClock
from drivers.sntp import set_clock
from drivers.st7789 import St7789
from drivers.tca9534 import Tca9534
from drivers.uart_stream import RXBUF_BYTES, UartStream
from drivers.ws2812 import Ws2812
from machine import I2C, PWM, SPI, UART, Pin
from terminal.version import BUILD_TIME

try:
    import csi  # pyright: ignore[reportMissingImports] - of OpenMV's firmware
except ImportError:
    csi = None  # MicroPython's own has no driver for the camera

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from terminal.hardware import Stream

DISPLAY_HZ = 26_700_000  # the data sheet promises 15 MHz (66 ns a bit), modules are driven at 24 to 40 by their makers
BUS_HZ = 100_000  # the expander could do 400 kHz; waking the element takes its address 0 as a low of 60 µs
LIGHTS = 8
CAUSES = {
    machine.PWRON_RESET: "power-on",
    machine.HARD_RESET: "hard",
    machine.WDT_RESET: "watchdog",
    machine.DEEPSLEEP_RESET: "deep-sleep",
    machine.SOFT_RESET: "soft",
}


class Hardware:
    board = "openmv_n6"
    root = "/"
    assets = "/rom/assets"
    models = "/rom/models"
    element_slot = atecc608_config.ATTESTATION
    has_reader_power = True
    has_tamper_switch = True

    def __init__(self) -> None:
        _mount_root()
        self._link: NetworkLink | None = None
        self._time_server = ""
        self.unique_id = machine.unique_id()
        self.boot_cause = CAUSES.get(machine.reset_cause(), "unknown")
        bus = I2C(pins.EXPANDER_I2C, freq=BUS_HZ)
        expander = Tca9534(
            bus,
            outputs=1 << pins.READER_POWER | 1 << pins.DISPLAY_RST,
            levels=1 << pins.READER_POWER,
        )
        self._reader_power = expander.line(pins.READER_POWER)
        self._uart: UART | None = None
        self.display = St7789(
            SPI(pins.DISPLAY_SPI, baudrate=DISPLAY_HZ),
            select=Pin(pins.DISPLAY_CS, Pin.OUT, value=1),
            command=Pin(pins.DISPLAY_DC, Pin.OUT),
            reset=expander.line(pins.DISPLAY_RST),
            backlight=Pin(pins.DISPLAY_BACKLIGHT, Pin.OUT, value=0),
        )
        self.light = Ws2812(Pin(pins.LIGHT, Pin.OUT), machine.bitstream, LIGHTS)
        self.buzzer = Piezo(PWM(Pin(pins.BUZZER), freq=2000, duty_u16=0))
        self.buttons = Buttons(
            tuple(expander.line(number) for number in (pins.BUTTON_START, pins.BUTTON_CANCEL, pins.BUTTON_LANGUAGE))
        )
        self.camera = OpenmvCamera(csi) if csi else None
        self.element = Atecc608(bus)
        self._tamper = Pin(pins.TAMPER, Pin.IN, Pin.PULL_UP)  # low while the lid is closed
        self.watchdog = HardwareWatchdog(machine.WDT, machine.Timer(-1))
        self.clock = RtcClock(machine.RTC(), BUILD_TIME, "/clock.last")

    def is_opened(self) -> bool:
        return self._tamper.value() == 1

    def power_reader(self, is_on: bool) -> None:
        try:
            self._reader_power.value(is_on)
        except OSError as error:
            print("hw: reader power not switched, errno", error.errno)  # the next command tells that it is still hung

    async def open_reader(self, baud: int) -> "Stream":
        """The line to the reader module, opened anew."""
        if self._uart:
            self._uart.deinit()
        self._uart = UART(pins.READER_UART, baudrate=baud, rxbuf=RXBUF_BYTES, timeout=0)
        # reader and writer in one here; the stubs have it of CPython's kind
        stream: "Any" = asyncio.StreamReader(UartStream(self._uart))
        return stream

    async def network_up(self) -> None:
        """Returns once there is a network, and a time if the clock had none. Raises OSError."""
        if not self._link:
            self._link = self._make_link()
        await self._link.up()
        if self.clock.source < NETWORK:
            await set_clock(self.clock, self._time_server, self.random, BUILD_TIME)

    def _make_link(self) -> NetworkLink:
        """Settings: the README beside this. Ethernet where no Wi-Fi name is set."""
        try:
            with open("/config.json") as file:
                settings = json.load(file)["network"]
            self._time_server = settings["time_server"]
            name = settings.get("ssid")
        except (KeyError, ValueError, TypeError, AttributeError):
            raise OSError(errno.EINVAL) from None
        if name is None:
            return NetworkLink(network.LAN(), lambda: None)  # its DHCP starts with the link
        with open("/secret/wifi.password") as file:
            password = file.read().strip()
        radio: "Any" = network.WLAN  # the stubs are of a board without one
        wlan = radio(radio.IF_STA)

        def join() -> None:
            wlan.disconnect()
            wlan.connect(name, password)

        return NetworkLink(wlan, join)

    def random(self, size: int) -> bytes:
        return os.urandom(size)

    def free_bytes(self) -> int:
        """Of the flash file system. A full littlefs counts some blocks twice and says that there are 2^32 - 3 free."""
        status = os.statvfs(self.root)
        size, blocks, free = status[0], status[2], status[3]
        return size * free if free <= blocks else 0

    def tell(self, state: str, code: str | None, value: int | None) -> None:
        print("panel " + json.dumps((state, code, value)))

    def reset(self) -> None:
        machine.reset()


def _mount_root() -> None:
    """The littlefs that the technician's tool made on the port's flash. Never formats: that would destroy evidence."""
    if "flash" not in os.listdir("/"):
        return  # mounted here already: main.py was started a second time without a reset
    vfs.umount("/flash")
    vfs.mount(vfs.VfsLfs2(pyb.Flash(start=0)), "/")
    os.chdir("/")


def build() -> Hardware:
    return Hardware()
