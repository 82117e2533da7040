"""ESP32-S3-WROOM-1-N16R8 on a DevKitC-1: wiring in hardware/esp32s3.toml, flash in partitions.csv beside this.

Quirks: `os.urandom` is only random while the radio is on, so it is switched on before anything else; the RTC has no
battery; SPI(1) takes GPIO13 as its input unless it is told that there is none.
"""

import asyncio
import errno
import json
import os

import machine
import network
import pins
from drivers import atecc608_config
from drivers.atecc608 import Atecc608
from drivers.buttons import Buttons
from drivers.hardware_watchdog import HardwareWatchdog
from drivers.network_link import NetworkLink
from drivers.piezo import Piezo
from drivers.rtc_clock import NETWORK, RtcClock
from drivers.sntp import set_clock
from drivers.st7789 import St7789
from drivers.uart_stream import RXBUF_BYTES, UartStream
from drivers.ws2812 import Ws2812
from machine import I2C, PWM, SPI, UART, Pin
from terminal.version import BUILD_TIME

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from terminal.hardware import Stream

CPU_HZ = 240_000_000  # the port starts at 160 MHz; signing takes half a second longer there
DISPLAY_HZ = 26_700_000  # the data sheet promises 15 MHz (66 ns a bit), modules are driven at 24 to 40 by their makers
ELEMENT_HZ = 100_000  # no faster: waking the chip takes its address 0 as a low of 60 µs
LIGHTS = 8
CAUSES = {
    machine.PWRON_RESET: "power-on",
    machine.HARD_RESET: "hard",
    machine.WDT_RESET: "watchdog",
    machine.DEEPSLEEP_RESET: "deep-sleep",
    machine.SOFT_RESET: "soft",
}


class Hardware:
    board = "esp32s3"
    root = "/"
    assets = "/rom/assets"
    models = ""
    camera = None  # it wants 12 pins, there are 6; and the port has no driver (hardware/README.md)
    element_slot = atecc608_config.ATTESTATION
    has_reader_power = True
    has_tamper_switch = True

    def __init__(self) -> None:
        machine.freq(CPU_HZ)
        self._wlan = network.WLAN(network.WLAN.IF_STA)
        self._wlan.active(True)
        self._link: NetworkLink | None = None
        self._time_server = ""
        self.unique_id = machine.unique_id()
        self.boot_cause = CAUSES.get(machine.reset_cause(), "unknown")
        self._reader_power = Pin(pins.READER_POWER, Pin.OUT, value=1)
        self._uart: UART | None = None
        self.display = St7789(
            SPI(
                pins.DISPLAY_SPI,
                baudrate=DISPLAY_HZ,
                sck=Pin(pins.DISPLAY_SCK),
                mosi=Pin(pins.DISPLAY_MOSI),
                miso=None,
            ),
            select=Pin(pins.DISPLAY_CS, Pin.OUT, value=1),
            command=Pin(pins.DISPLAY_DC, Pin.OUT),
            reset=Pin(pins.DISPLAY_RST, Pin.OUT),
            backlight=Pin(pins.DISPLAY_BACKLIGHT, Pin.OUT, value=0),
        )
        self.light = Ws2812(Pin(pins.LIGHT, Pin.OUT), machine.bitstream, LIGHTS)
        self.buzzer = Piezo(PWM(Pin(pins.BUZZER), freq=2000, duty_u16=0))
        self.buttons = Buttons(
            tuple(
                Pin(number, Pin.IN, Pin.PULL_UP)
                for number in (pins.BUTTON_START, pins.BUTTON_CANCEL, pins.BUTTON_LANGUAGE)
            )
        )
        self.element = Atecc608(I2C(pins.SECURE_I2C, scl=Pin(pins.I2C_SCL), sda=Pin(pins.I2C_SDA), freq=ELEMENT_HZ))
        self._tamper = Pin(pins.TAMPER, Pin.IN, Pin.PULL_UP)  # low while the lid is closed
        self.watchdog = HardwareWatchdog(machine.WDT, machine.Timer(0))
        self.clock = RtcClock(machine.RTC(), BUILD_TIME, "/clock.last")

    def is_opened(self) -> bool:
        return self._tamper.value() == 1

    def power_reader(self, is_on: bool) -> None:
        self._reader_power.value(is_on)

    async def open_reader(self, baud: int) -> "Stream":
        """The line to the reader module, opened anew."""
        if self._uart:
            self._uart.deinit()
        self._uart = UART(
            pins.READER_UART,
            baudrate=baud,
            tx=Pin(pins.READER_TX),
            rx=Pin(pins.READER_RX),
            rxbuf=RXBUF_BYTES,
            timeout=0,
        )
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
        """Settings: the README beside this."""
        try:
            with open("/config.json") as file:
                settings = json.load(file)["network"]
            with open("/secret/wifi.password") as file:
                password = file.read().strip()
            name = settings["ssid"]
            self._time_server = settings["time_server"]
        except (KeyError, ValueError, TypeError):
            raise OSError(errno.EINVAL) from None

        def join() -> None:
            self._wlan.disconnect()  # an attempt that the port still repeats by itself would make connect() fail
            self._wlan.connect(name, password)

        return NetworkLink(self._wlan, join)

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


def build() -> Hardware:
    return Hardware()
