"""What the agent knows of its broker beyond "connected": canaries, sessions forgotten, messages dropped.

Called by the link's thread. What has happened stands until somebody takes it off or a day has gone without another; it
is kept in the store, with what tells the next run whether there is anything to expect. What is so now (the canaries)
goes by itself.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import replace

from host_agent.alarms import BROKER, Happened, Standing
from host_agent.canary import Canary, Packet
from host_agent.store import Store, StoreFault

log = logging.getLogger("shiming.broker-watch")

SESSION_LOST, DROPPED = "broker-session-lost", "broker-dropped"
STANDS_S = 86400
# What mosquitto dropped for its queue limits since its start, by its own count. Other brokers say nothing there.
DROPPED_TOPIC = "$SYS/broker/publish/messages/dropped"
COUNT_DIGITS = 15


class BrokerWatch:
    def __init__(
        self,
        store: Store,
        agent_id: str,
        tenants: Callable[[], Iterable[str]],
        *,
        canary_s: float,
        is_embedded: bool,
    ) -> None:
        self.own_filter = f"rnr/v1/+/{agent_id}/down/#"
        self._store = store
        self._canary = Canary(agent_id, tenants, canary_s)
        self._lock = threading.Lock()
        self._happened = store.happened()
        # The embedded broker forgets with the agent; any other has had a session of ours if we have ever seen it.
        self._expects_session = not is_embedded and SESSION_LOST in self._happened
        self.sessions_lost = 0

    def opened(self, *, session_present: bool) -> None:
        self._canary.opened(time.monotonic())
        known = self._happened.get(SESSION_LOST)
        if session_present or not self._expects_session:
            self._expects_session = True
            if known is None:
                self._keep(SESSION_LOST, Happened())
            return
        self.sessions_lost += 1
        self._add(SESSION_LOST, 1, 0)
        log.error(
            "the broker has lost the agent's session, and what waited there: terminals send it again",
            extra={"code": SESSION_LOST, "times": self.sessions_lost},
        )

    def subscribed(self) -> None:
        self._canary.subscribed(time.monotonic())

    def closed(self) -> None:
        self._canary.closed(time.monotonic())

    def busy(self) -> None:
        self._canary.busy(time.monotonic())

    def due(self) -> list[Packet]:
        return self._canary.due(time.monotonic())

    def takes(self, topic: str) -> bool:
        return topic == DROPPED_TOPIC or self._canary.takes(topic)

    def take(self, topic: str, payload: bytes) -> None:
        if topic != DROPPED_TOPIC:
            self._canary.take(topic, payload, time.monotonic())
        elif payload.isdigit() and len(payload) <= COUNT_DIGITS:
            self._note_dropped(int(payload))

    def alarms(self) -> list[Standing]:
        now = int(time.time())
        happened = [
            Standing(BROKER, code, f"{one.times} times, last", one.at)
            for code, one in sorted(self._happened.items())
            if one.at > now - STANDS_S
        ]
        return [*self._canary.alarms, *happened]

    @property
    def canaries(self) -> int:
        return self._canary.back

    @property
    def canary_age_s(self) -> int | None:
        back_at = self._canary.back_at
        return None if back_at is None else int(time.monotonic() - back_at)

    def take_off(self, code: str) -> int:
        """How many alarms there were. What the broker had counted up to then is remembered."""
        with self._lock:
            known = self._happened.get(code)
            if known is None or known.at <= time.time() - STANDS_S:
                return 0
            self._happened |= {code: replace(known, times=0, at=0)}
            self._store.keep_happened(code, self._happened[code])
            return 1

    def _note_dropped(self, count: int) -> None:
        """A count that went back is that of a broker which has been started again."""
        known = self._happened.get(DROPPED, Happened())
        if count == known.mark:
            return
        more = count - known.mark if count > known.mark else count
        if not more:
            self._keep(DROPPED, replace(known, mark=count))
            return
        self._add(DROPPED, more, count)
        log.error("the broker has dropped messages: its queue is full", extra={"code": DROPPED, "times": more})

    def _add(self, code: str, times: int, mark: int) -> None:
        now = int(time.time())
        known = self._happened.get(code, Happened())
        before = known.times if known.at > now - STANDS_S else 0
        self._keep(code, Happened(before + times, mark, now))

    def _keep(self, code: str, happened: Happened) -> None:
        with self._lock:
            self._happened = self._happened | {code: happened}
            try:
                self._store.keep_happened(code, happened)
            except StoreFault as fault:
                log.error("an alarm of the broker is not kept beyond this run: %s", fault, extra={"code": fault.code})
