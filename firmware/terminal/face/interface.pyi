"""Where a board's accelerator plugs in, for the type checker: a net, or the whole comparison. See `matcher.py`."""

from array import array
from collections.abc import Generator, Sequence
from typing import Protocol

from terminal.face.frame import Frame
from terminal.face.geometry import View

class AnyOutput(Protocol):
    """16-bit signed numbers; a value is number * scale."""

    @property
    def height(self) -> int: ...
    @property
    def width(self) -> int: ...
    @property
    def channels(self) -> int: ...
    @property
    def scale(self) -> float: ...
    @property
    def view(self) -> bytes | memoryview | array[int]: ...
    def numbers(self, first: int, count: int) -> tuple[int, ...]: ...

class AnyNet(Protocol):
    """`take` what is to be seen, work through `steps`, read `outputs`."""

    name: str
    height: int
    width: int
    @property
    def outputs(self) -> Sequence[AnyOutput]: ...
    def take(self, frame: Frame, view: View, is_black_outside: bool = False) -> Generator[None]: ...
    def steps(self) -> Generator[None]: ...

class AnyMatcher(Protocol):
    model_id: str
    thresholds: dict[str, float]
    def compare(self, card: Frame, live: Frame) -> Generator[None, None, float | None]: ...
