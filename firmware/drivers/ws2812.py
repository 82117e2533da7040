"""A row of WS2812 lights showing one colour: the light beside the place for the card. Worldsemi data sheet WS2812B.

Quirks: the order is green, red, blue; ports without a peripheral for it write it with interrupts off, 30 us a light,
which the UART's own FIFO bridges.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

TIMING_NS = (400, 850, 800, 450)  # high and low of a 0, high and low of a 1
DIM_SHIFT = 2  # a quarter: 8 lights at full white draw 480 mA and blind the clerk


class Ws2812:
    """`bitstream` is machine.bitstream; `pin` is an output."""

    def __init__(self, pin: "Any", bitstream: "Callable[..., object]", lights: int) -> None:
        self._pin = pin
        self._bitstream = bitstream
        self._lights = lights
        self.set(0)

    def set(self, rgb: int) -> None:
        red, green, blue = rgb >> 16 & 0xFF, rgb >> 8 & 0xFF, rgb & 0xFF
        pixel = bytes((green >> DIM_SHIFT, red >> DIM_SHIFT, blue >> DIM_SHIFT))
        self._bitstream(self._pin, 0, TIMING_NS, pixel * self._lights)
