"""`machine` of an emulated board: that of the unix port, and the chip's functions that it lacks.

The watchdog's deadline is the supervisor's, so that a hang in C code is caught as well.
"""

import os
import time

from umachine import *  # noqa: F403

import control

PWRON_RESET = 1
HARD_RESET = 2
WDT_RESET = 3
DEEPSLEEP_RESET = 4
SOFT_RESET = 5

_CAUSES = {
    "power-on": PWRON_RESET,
    "hard": HARD_RESET,
    "watchdog": WDT_RESET,
    "deepsleep": DEEPSLEEP_RESET,
    "soft": SOFT_RESET,
}


def unique_id() -> bytes:
    return bytes.fromhex(os.getenv("SHIMING_UNIQUE_ID"))


def reset_cause() -> int:
    return _CAUSES[os.getenv("SHIMING_RESET_CAUSE")]


def reset() -> None:
    end("reset")


def deepsleep(time_ms: int | None = None) -> None:
    end("deepsleep" if time_ms is None else "deepsleep %d" % time_ms)


def end(line: str) -> None:
    """Have the supervisor end this interpreter."""
    while True:
        control.send(line)
        time.sleep_ms(100)


class WDT:
    def __init__(self, id: int = 0, timeout: int = 5000) -> None:
        control.send("wdt %d" % timeout)

    def feed(self) -> None:
        control.send("feed")
