"""Messages of the agent to itself, which show that the broker carries evidence and receipts. Pure.

The agent plays a terminal of its own name. What it publishes on `up/canary` needs a terminal's right to write and comes
by the agent's subscription to evidence; `down/canary` needs the agent's right to write and a terminal's to read. So one
that does not come back shows what MQTT 3.1.1 hides behind a PUBACK or a SUBACK. Times are monotonic seconds.
"""

import logging
import os
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum

from host_agent import cbor
from host_agent.alarms import BROKER, Standing

log = logging.getLogger("shiming.canary")

LOST, TOO_SMALL = "broker-canary-lost", "broker-too-small"
NONCE_BYTES = 16
LARGEST_BYTES = cbor.MAX_BYTES  # of a token
DEADLINE_MAX_S = 15.0
BUSY_MAX_S = 300.0  # a canary queues behind the evidence of a broker that catches up
CUTS = 2  # connections that end under the largest canary: one alone may have had any reason


class Kind(StrEnum):
    UP = "up"
    DOWN = "down"
    LARGEST = "largest"


@dataclass(frozen=True, slots=True)
class Packet:
    topic: str
    payload: bytes
    qos: int


@dataclass(slots=True)
class _Flight:
    """One canary, on its way or back; the next of its kind takes its place."""

    nonce: bytes
    at: float
    is_back: bool = False
    is_lost: bool = False
    is_followed: bool = False  # by one of the largest size

    @property
    def is_out(self) -> bool:
        return not (self.is_back or self.is_lost)


class Canary:
    """Used by the link's thread; `alarms`, `back` and `back_at` are read by any."""

    def __init__(
        self,
        agent_id: str,
        tenants: Callable[[], Iterable[str]],
        period_s: float,
        random: Callable[[int], bytes] = os.urandom,
    ) -> None:
        self._agent_id = agent_id
        self._tenants = tenants
        self._period_s = period_s
        self._deadline_s = min(period_s / 2, DEADLINE_MAX_S)
        self._random = random
        self._flights: dict[tuple[Kind, str], _Flight] = {}
        self._next_at: float | None = None  # None: not connected
        self._busy_at = float("-inf")
        self._cuts = 0
        self._largest_from = float("-inf")
        self.alarms: tuple[Standing, ...] = ()  # replaced, not changed
        self.back = 0  # how many came back,
        self.back_at: float | None = None  # and when the last

    def opened(self, now: float) -> None:
        """Connected, and not subscribed yet: if that does not come, the canaries that do not return tell of it."""
        self._next_at = now + self._deadline_s

    def subscribed(self, now: float) -> None:
        self._next_at = now

    def closed(self, now: float) -> None:
        """What is out is not waited for. A broker ends the connection on a packet beyond its `max_packet_size`."""
        largest = [key for key, flight in self._flights.items() if key[0] is Kind.LARGEST and flight.is_out]
        if largest:
            self._cuts += 1
            if self._cuts >= CUTS:
                self._largest_from = now + self._period_s  # not at each connection: it would end them all
                for _, tenant in largest:
                    self._raise(TOO_SMALL, tenant, Kind.LARGEST)
        self._flights.clear()
        self._next_at = None

    def busy(self, now: float) -> None:
        """Evidence comes, or the link does not read just now."""
        self._busy_at = now

    def takes(self, topic: str) -> bool:
        match topic.split("/"):
            case ["rnr", "v1", _, self._agent_id, "up" | "down", "canary"]:
                return True
        return False

    def take(self, topic: str, payload: bytes, now: float) -> None:
        """Only the one that is out counts: nobody knows its nonce before it is sent."""
        kind = Kind.DOWN if topic.endswith("/down/canary") else Kind.UP if len(payload) == NONCE_BYTES else Kind.LARGEST
        tenant = topic.split("/")[2]
        flight = self._flights.get((kind, tenant))
        if flight is None or flight.is_back or payload != _payload(kind, flight.nonce):
            log.info("not a canary that is out", extra={"reason": f"{tenant} {kind}"})
            return
        flight.is_back = True
        self.back += 1
        self.back_at = now
        if kind is Kind.LARGEST:
            self._cuts = 0
            self._clear(TOO_SMALL, tenant, kind)
            return
        self._clear(LOST, tenant, kind)
        largest = self._flights.get((Kind.LARGEST, tenant))
        if kind is Kind.UP and largest is not None and largest.is_out:
            # A small one that was sent a period after it is here: it is the size.
            largest.is_lost = True
            self._raise(TOO_SMALL, tenant, Kind.LARGEST)

    def due(self, now: float) -> list[Packet]:
        """What to publish now; looks for what has not come back as well."""
        if self._next_at is None:
            return []
        for (kind, tenant), flight in self._flights.items():
            if kind is not Kind.LARGEST and flight.is_out and self._is_overdue(flight, now):
                flight.is_lost = True
                self._raise(LOST, tenant, kind)
        packets = self._largest(now)
        if now >= self._next_at:
            self._next_at = now + self._period_s
            packets += self._round(now)
        return packets

    def _largest(self, now: float) -> list[Packet]:
        """Behind each small one that has come back."""
        back = [
            (tenant, flight)
            for (kind, tenant), flight in self._flights.items()
            if kind is Kind.UP and flight.is_back and not flight.is_followed
        ]
        if now < self._largest_from:
            return []
        for _, flight in back:
            flight.is_followed = True
        return [self._send(Kind.LARGEST, tenant, now) for tenant, _ in back]

    def _round(self, now: float) -> list[Packet]:
        tenants = sorted(set(self._tenants()))
        for kind, tenant in [key for key in self._flights if key[1] not in tenants]:
            del self._flights[kind, tenant]
            self._clear(TOO_SMALL if kind is Kind.LARGEST else LOST, tenant, kind)
        small = [(kind, tenant) for tenant in tenants for kind in (Kind.UP, Kind.DOWN)]
        return [self._send(*key, now) for key in small if not self._is_out(*key)]

    def _is_out(self, kind: Kind, tenant: str) -> bool:
        flight = self._flights.get((kind, tenant))
        return flight is not None and flight.is_out

    def _send(self, kind: Kind, tenant: str, now: float) -> Packet:
        flight = self._flights[kind, tenant] = _Flight(self._random(NONCE_BYTES), now)
        # The largest at QoS 0: paho would send it again at each connection, and it may be what ends them.
        direction = "down" if kind is Kind.DOWN else "up"
        topic = f"rnr/v1/{tenant}/{self._agent_id}/{direction}/canary"
        return Packet(topic, _payload(kind, flight.nonce), 0 if kind is Kind.LARGEST else 1)

    def _is_overdue(self, flight: _Flight, now: float) -> bool:
        return now - max(flight.at, self._busy_at) > self._deadline_s or now - flight.at > BUSY_MAX_S

    def _raise(self, code: str, tenant: str, kind: Kind) -> None:
        reason = f"{tenant} {kind}"
        if not any((one.code, one.reason) == (code, reason) for one in self.alarms):
            self.alarms += (Standing(BROKER, code, reason, int(time.time())),)
            log.error("a canary has not come back from the broker", extra={"code": code, "reason": reason})

    def _clear(self, code: str, tenant: str, kind: Kind) -> None:
        reason = f"{tenant} {kind}"
        left = tuple(one for one in self.alarms if (one.code, one.reason) != (code, reason))
        if left != self.alarms:
            self.alarms = left
            log.warning("canaries come back again", extra={"code": code, "reason": reason})


def _payload(kind: Kind, nonce: bytes) -> bytes:
    return nonce.ljust(LARGEST_BYTES, b"\0") if kind is Kind.LARGEST else nonce
