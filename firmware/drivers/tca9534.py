"""TCA9534: eight slow lines on I2C, for boards with too few pins. TI data sheet SCPS197.

Quirks: every line is an input after power-on and has no pull-up of its own, so resistors on the board say what a line
means until this driver has run.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

INPUT, OUTPUT, CONFIGURATION = 0, 1, 3  # registers; a 1 in the last is an input
ADDRESS = 0x20  # A0 to A2 low


class Tca9534:
    """`outputs` and `levels`: bit masks, which lines drive and what at first. Raises OSError when nobody answers."""

    def __init__(self, i2c: "Any", outputs: int, levels: int, address: int = ADDRESS) -> None:
        self._i2c = i2c
        self._address = address
        self._levels = levels
        self._byte = bytearray(1)
        self._write(OUTPUT, levels)  # before the lines drive, so that none of them twitches
        self._write(CONFIGURATION, ~outputs & 0xFF)

    def line(self, number: int) -> "Line":
        return Line(self, number)

    def read(self, number: int) -> int:
        try:
            self._i2c.readfrom_mem_into(self._address, INPUT, self._byte)
        except OSError:  # once more: a static discharge on a button's wire spoils one transfer
            self._i2c.readfrom_mem_into(self._address, INPUT, self._byte)
        return self._byte[0] >> number & 1

    def drive(self, number: int, level: int) -> None:
        self._levels = self._levels | 1 << number if level else self._levels & ~(1 << number)
        self._write(OUTPUT, self._levels)

    def _write(self, register: int, value: int) -> None:
        self._byte[0] = value
        try:
            self._i2c.writeto_mem(self._address, register, self._byte)
        except OSError:
            self._i2c.writeto_mem(self._address, register, self._byte)


class Line:
    """One of its lines, used like a machine.Pin."""

    def __init__(self, expander: Tca9534, number: int) -> None:
        self._expander = expander
        self._number = number

    def value(self, level: int | None = None) -> int | None:
        if level is None:
            return self._expander.read(self._number)
        self._expander.drive(self._number, level)
        return None
