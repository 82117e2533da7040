"""Alarms without a place in a flight log: of the broker, and of messages that do not arrive."""

import time
from dataclasses import dataclass

BROKER = "broker"  # the place of what is nobody's in particular


@dataclass(frozen=True, slots=True)
class Standing:
    place: str  # "broker", or a terminal
    code: str
    reason: str
    since: int

    def __str__(self) -> str:
        at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(self.since))
        return f"{self.place} {self.code} {self.reason} since {at}"


@dataclass(frozen=True, slots=True)
class Happened:
    """What the broker did to us, kept in the store. `mark` is the broker's own count as we last saw it."""

    times: int = 0
    mark: int = 0
    at: int = 0  # the last time; 0: never, or taken off
