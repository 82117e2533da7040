"""ST7789 panel of 320 x 240 on SPI, lying on its side. Sitronix data sheet ST7789V, section 9.

Quirks: after a reset it takes no command for 120 ms; its memory wakes with snow, so light and picture come on with the
first whole picture; glass of the IPS kind shows colours inverted unless told so.
"""

import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

SWRESET, SLPOUT, NORON, INVON, DISPON = 0x01, 0x11, 0x13, 0x21, 0x29
CASET, RASET, RAMWR, MADCTL, COLMOD = 0x2A, 0x2B, 0x2C, 0x36, 0x3A

MADCTL_LANDSCAPE = b"\x60"  # MV and MX: rows run along the long side; from the top left, the connector to the right
COLMOD_RGB565 = b"\x55"  # 65 K colours, 16 bits a pixel, most significant byte first
RESET_PULSE_MS = 1  # at least 10 us
RESET_MS = 120
SLEEP_OUT_MS = 120


class St7789:
    """`spi` writes; select, command and reset pins are active low, `backlight` is active high."""

    width = 320
    height = 240

    def __init__(self, spi: "Any", select: "Any", command: "Any", reset: "Any", backlight: "Any") -> None:
        self._spi = spi
        self._select = select
        self._command = command
        self._backlight = backlight
        self._rows = bytearray(4)
        self._opcode = bytearray(1)
        self._is_lit = False
        backlight.value(0)
        reset.value(0)
        time.sleep_ms(RESET_PULSE_MS)
        reset.value(1)
        time.sleep_ms(RESET_MS)
        self._send(SWRESET)  # for boards whose reset line is not wired
        time.sleep_ms(RESET_MS)
        self._send(SLPOUT)
        time.sleep_ms(SLEEP_OUT_MS)
        self._send(COLMOD, COLMOD_RGB565)
        self._send(MADCTL, MADCTL_LANDSCAPE)
        self._send(INVON)
        self._send(NORON)
        self._send(CASET, bytes((0, 0, (self.width - 1) >> 8, (self.width - 1) & 0xFF)))

    def blit(self, y: int, band: memoryview) -> None:
        """Whole rows from `y` on. The band is sent when this returns: 16 rows in 3.1 ms at 26.7 MHz."""
        last = y + len(band) // (2 * self.width) - 1
        rows = self._rows
        rows[0], rows[1], rows[2], rows[3] = y >> 8, y & 0xFF, last >> 8, last & 0xFF
        self._send(RASET, rows)
        self._send(RAMWR, band)

    def present(self) -> None:
        if not self._is_lit:
            self._send(DISPON)
            self._backlight.value(1)
            self._is_lit = True

    def _send(self, opcode: int, parameters: "bytes | bytearray | memoryview | None" = None) -> None:
        self._opcode[0] = opcode
        self._select.value(0)
        self._command.value(0)
        self._spi.write(self._opcode)
        if parameters is not None:
            self._command.value(1)
            self._spi.write(parameters)
        self._select.value(1)
