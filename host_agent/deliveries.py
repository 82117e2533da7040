"""Whether a terminal's messages and our receipts get through, from what does get through. Times are monotonic seconds.

The broker may acknowledge a record and drop it. A terminal then sends it again every ten seconds and writes that into
its flight log, which has a topic of its own. One that gets nothing through at all is seen by its `online`: after it, a
terminal sends at least its log. One that gets no receipts sends us what we have.
"""

import logging
import time
from collections.abc import Iterable
from dataclasses import dataclass

from host_agent.alarms import Standing
from host_agent.attestation import Verdict
from host_agent.ingest import Outcome

log = logging.getLogger("shiming.deliveries")

EVIDENCE, RECEIPTS = "evidence-not-arriving", "receipts-not-arriving"
SILENCE_S = 60.0  # from online to the first signed message
SPAN_S = 60.0  # what has piled up at a broker comes within seconds, and is no sign of what is so now
REPEATS_MIN = 3


@dataclass(slots=True)
class _Terminal:
    online_at: float | None = None  # None: offline, or it has sent something since
    resent_since: float | None = None  # the first log that tells of it, since there was evidence
    repeated_since: float | None = None
    repeated_at: float = 0.0
    repeats: int = 0


class Deliveries:
    """Used by one thread; `alarms` are read by any."""

    def __init__(self, silence_s: float = SILENCE_S, span_s: float = SPAN_S) -> None:
        self._silence_s = silence_s
        self._span_s = span_s
        self._terminals: dict[str, _Terminal] = {}
        self.alarms: tuple[Standing, ...] = ()  # replaced, not changed

    def came_online(self, device: str, now: float) -> None:
        self._terminal(device).online_at = now

    def went_offline(self, device: str) -> None:
        self._terminal(device).online_at = None

    def take(self, outcomes: Iterable[Outcome], now: float) -> None:
        for outcome in outcomes:
            if outcome.publisher is not None:
                self._take_one(outcome.publisher.id, outcome, now)

    def wait(self, now: float) -> None:
        """Nothing can come just now, from nobody: no link, or the store is full."""
        for one in self._terminals.values():
            if one.online_at is not None:
                one.online_at = now

    def look(self, now: float) -> None:
        """Once in a while: for what does not come."""
        for device, one in self._terminals.items():
            if one.online_at is not None and now - one.online_at > self._silence_s:
                self._raise(device, EVIDENCE, "nothing has come after online")
            if one.repeated_since is not None and now - one.repeated_at > self._span_s:
                one.repeated_since = None
                self._clear(device, RECEIPTS)

    def _take_one(self, device: str, outcome: Outcome, now: float) -> None:
        one = self._terminal(device)
        one.online_at = None
        if outcome.verdict is Verdict.DUPLICATE:
            self._count_repeat(device, one, now)
        if outcome.resent is None:
            one.resent_since = None
        elif outcome.resent and one.resent_since is None:
            one.resent_since = now
        elif outcome.resent and one.resent_since is not None and now - one.resent_since >= self._span_s:
            self._raise(device, EVIDENCE, "sent again, and none has come")
        if one.resent_since is None:
            self._clear(device, EVIDENCE)

    def _count_repeat(self, device: str, one: _Terminal, now: float) -> None:
        if one.repeated_since is None or now - one.repeated_at > self._span_s:
            one.repeated_since, one.repeats = now, 0
        one.repeated_at = now
        one.repeats += 1
        if one.repeats >= REPEATS_MIN and now - one.repeated_since >= self._span_s:
            self._raise(device, RECEIPTS, "what we have comes again and again")

    def _terminal(self, device: str) -> _Terminal:
        return self._terminals.setdefault(device, _Terminal())

    def _raise(self, device: str, code: str, reason: str) -> None:
        if not any((one.place, one.code) == (device, code) for one in self.alarms):
            self.alarms += (Standing(device, code, reason, int(time.time())),)
            log.error("messages are lost on the way: %s", reason, extra={"device": device, "code": code})

    def _clear(self, device: str, code: str) -> None:
        left = tuple(one for one in self.alarms if (one.place, one.code) != (device, code))
        if left != self.alarms:
            self.alarms = left
            log.warning("messages arrive again", extra={"device": device, "code": code})
