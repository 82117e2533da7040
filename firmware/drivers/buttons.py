"""Push buttons to ground, each with a pull-up. No debouncing: whoever asks every few ms sees a bounce as one press."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class Buttons:
    """`lines`: start, cancel, language; whatever has `value()`."""

    def __init__(self, lines: "tuple[Any, ...]") -> None:
        self._lines = lines

    def held(self) -> int:
        mask = 0
        for bit, line in enumerate(self._lines):
            if not line.value():
                mask |= 1 << bit
        return mask
