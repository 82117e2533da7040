"""Plays a pattern on the light or the buzzer: (value, ms, value, ms, ...).

0 ms stands for good. After the last step there is 0, dark or silent; a pattern of odd length starts again instead.
"""

from terminal.ticks import ticks_add, ticks_diff

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable


class Player:
    """`emit` is called with a value only when it differs from the one before."""

    def __init__(self, emit: "Callable[[int], None]") -> None:
        self._emit = emit
        self._value = 0
        self._pattern = ()
        self._next = 0  # place of the next step in the pattern
        self._due = None  # ticks at which it comes; None: never

    def start(self, pattern: tuple, now: int) -> None:
        """In place of the one that plays."""
        self._pattern = pattern
        self._next = 0
        self._due = now
        self.step(now)

    def step(self, now: int) -> None:
        while self._due is not None and ticks_diff(now, self._due) >= 0:
            pattern, i = self._pattern, self._next
            if i == len(pattern) - 1:
                self._next = i = 0
            if i == len(pattern):
                self._due = None
                self._set(0)
                return
            self._next = i + 2
            self._due = ticks_add(self._due, pattern[i + 1]) if pattern[i + 1] else None
            self._set(pattern[i])

    def _set(self, value: int) -> None:
        if value != self._value:
            self._value = value
            self._emit(value)
