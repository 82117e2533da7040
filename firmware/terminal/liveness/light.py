"""Does the colour of the face follow the colour that the terminal shines? A score of its own, from -1000 to 1000.

Tint is the share of red and of blue in the face's colour: the level of light and the turn of the head hardly change it.
Only steps from one colour to the next count, so that daylight may change. White balance of the camera must be fixed.
"""

from collections import namedtuple
from math import sqrt

from terminal.liveness import plan
from terminal.ticks import ticks_diff

LATENCY_MS = 250  # a display, an exposure and a sensor's pipeline: until then the picture may show the colour before
STEPS_MIN = 6  # fewer say nothing

# One colour that was shone: its number in the attempt, its shares and those that the face showed, of 10 000
_Spell = namedtuple("_Spell", ("number", "red", "blue", "seen_red", "seen_blue"))


class LightTrail:
    """The colours of one attempt, from `since_ms` on."""

    def __init__(self, script: plan.Plan, since_ms: int) -> None:
        self._plan = script
        self._since_ms = since_ms
        self._number = -1  # of the colour being measured
        self._red = self._blue = self._count = 0  # sums over its pictures
        self._before = None
        self._steps = 0
        self._shone_power = self._seen_power = self._common = 0.0

    def colour(self, now_ms: int) -> int:
        """0xRRGGBB to shine"""
        return plan.colour_at(self._plan, self._number_at(now_ms))

    def add(self, taken_ms: int, tint: "tuple[int, int, int] | None") -> None:
        """`tint` is the face's red, green and blue; only their proportion counts."""
        shone_ms = ticks_diff(taken_ms, self._since_ms)
        if shone_ms < 0:
            return
        number = self._number_at(taken_ms)
        if number != self._number:
            self._end_spell()
            self._number = number
        total = sum(tint) if tint else 0
        if tint and total and shone_ms % plan.COLOUR_MS >= LATENCY_MS:
            self._red += 10_000 * tint[0] // total
            self._blue += 10_000 * tint[2] // total
            self._count += 1

    def swing(self) -> int:
        """How far the tint goes from colour to colour, in thousandths."""
        return int(sqrt(self._seen_power / (2 * self._steps)) / 10) if self._steps else 0

    def score(self, swing_min: int) -> "int | None":
        """None where nothing can be said: too few colours, or a room so bright that the face does not change."""
        self._end_spell()
        if self._steps < STEPS_MIN or self._seen_power == 0 or self.swing() < swing_min:
            return None
        return int(1000 * self._common / sqrt(self._shone_power * self._seen_power))

    def _number_at(self, ms: int) -> int:
        return ticks_diff(ms, self._since_ms) // plan.COLOUR_MS

    def _end_spell(self) -> None:
        if self._count == 0:
            return
        red, blue = _shares(plan.colour_at(self._plan, self._number))
        spell = _Spell(self._number, red, blue, self._red / self._count, self._blue / self._count)
        self._red = self._blue = self._count = 0
        before, self._before = self._before, spell
        if before is None or spell.number != before.number + 1:
            return
        red, blue = spell.red - before.red, spell.blue - before.blue
        seen_red, seen_blue = spell.seen_red - before.seen_red, spell.seen_blue - before.seen_blue
        self._steps += 1
        self._shone_power += float(red * red + blue * blue)
        self._seen_power += seen_red * seen_red + seen_blue * seen_blue
        self._common += red * seen_red + blue * seen_blue


def _shares(rgb: int) -> "tuple[int, int]":
    red, green, blue = rgb >> 16, rgb >> 8 & 255, rgb & 255
    total = red + green + blue
    return 10_000 * red // total, 10_000 * blue // total
