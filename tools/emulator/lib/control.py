"""The board's line to its supervisor (`tools/emulator/board.py`): one message a line, never answered.

`mounted CAUSE`, `flash-invalid REASON`, `panel JSON`, `light RGB`, `tone HZ`, `reader-power 0|1`, `wdt MS` (0: off),
`feed`, and how to end: `reset`, `soft`, `deepsleep [MS]`, `power-cut`.
"""

import os
import time

_pipe = open(int(os.getenv("SHIMING_CONTROL_FD")), "wb", 0)  # kept here for good: collected, it would be closed
lost = 0  # messages that the supervisor was too far behind to take


def send(line: str) -> None:
    """Never blocks, never raises. The pipe takes a line (shorter than PIPE_BUF) whole or not at all."""
    global lost
    try:
        if _pipe.write(line + "\n") is None:
            lost += 1
    except OSError:
        lost += 1


def power_cut() -> None:
    """In the middle of a write: nothing runs on. Allocates nothing: it may be the garbage collector that writes."""
    _pipe.write(b"power-cut\n")
    while True:
        time.sleep(1)
