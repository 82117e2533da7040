"""Of many inputs the few that reach what the others do not. CPython.

By line arcs: libFuzzer's own merge starts its program again by name, which a Python module has not.
"""

import sys
from collections.abc import Callable, Iterable
from types import FrameType
from typing import Any

Arc = tuple[str, int, int]
Tracer = Callable[[FrameType, str, Any], Any]
_WATCHED = ("/firmware/terminal/", "/host_agent/")


def smallest(check: Callable[[bytes], None], seeds: Iterable[bytes], inputs: Iterable[bytes]) -> list[bytes]:
    """Those that together reach every arc which the seeds do not; the one with the most new ones first."""
    reached: set[Arc] = set()
    for data in seeds:
        reached |= _arcs(check, data)
    found = {data: _arcs(check, data) for data in inputs}
    kept = []
    while found:
        best = max(found, key=lambda data: (len(found[data] - reached), -len(data), data))
        if not found[best] - reached:
            break
        reached |= found.pop(best)
        kept.append(best)
    return kept


def _arcs(check: Callable[[bytes], None], data: bytes) -> set[Arc]:
    arcs: set[Arc] = set()

    def enter(frame: FrameType, event: str, argument: Any) -> Tracer | None:
        file = frame.f_code.co_filename
        if not any(part in file for part in _WATCHED):
            return None
        before = 0

        def step(frame: FrameType, event: str, argument: Any) -> Tracer:
            nonlocal before
            if event == "line":
                arcs.add((file, before, frame.f_lineno))
                before = frame.f_lineno
            return step

        return step

    sys.settrace(enter)
    try:
        check(data)
    finally:
        sys.settrace(None)
    return arcs
