"""Between the MQTT link and the store: a bounded queue and one writer thread.

The writer takes what has come while its last commit ran, verifies it on a small pool, stores it in one transaction, and
only then lets the link acknowledge it and send receipts. With a full disk it waits: nothing is acknowledged or dropped.
"""

import logging
import os
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Protocol

from host_agent import ingest
from host_agent.ingest import Examined, Outcome, Signer
from host_agent.policy import ANY_FIRMWARE, ANY_RESERVE, FacePolicy, FirmwarePolicy, ReservePolicy
from host_agent.registry import Registry
from host_agent.store import Store, StoreFault, StoreFull

log = logging.getLogger("shiming.intake")

BATCH_ITEMS = 512
GATHER_ITEMS, GATHER_S = 8, 0.003  # fewer, and none for so long: no more is coming that would fit into one receipt
QUEUE_ITEMS = 2048
QUEUE_BYTES = 16 * 1024 * 1024
INLINE_ITEMS = 4  # fewer are verified at once rather than handed to the pool
RETRY_MIN_S, RETRY_MAX_S = 0.2, 5.0
STOP_TIMEOUT_S = 15


@dataclass(frozen=True, slots=True)
class Message:
    """As it came in; `generation` counts connections, `mid` is the packet id, reused by each of them."""

    generation: int
    mid: int
    topic: str
    payload: bytes


class Courier(Protocol):
    """What the writer needs of the link."""

    def acknowledge(self, messages: Sequence[Message]) -> None: ...
    def publish(self, topic: str, payload: bytes) -> None: ...
    def wake(self) -> None: ...


class Intake:
    def __init__(
        self,
        store: Store,
        registry: Registry,
        signer: Signer,
        courier: Courier,
        *,
        is_production: bool,
        face: FacePolicy,
        on_stored: Callable[[Sequence[Outcome]], None],
        on_failure: Callable[[], None],
        firmware: FirmwarePolicy = ANY_FIRMWARE,
        reserve: ReservePolicy = ANY_RESERVE,
    ) -> None:
        self._store = store
        self._registry = registry
        self._signer = signer
        self._courier = courier
        self._is_production = is_production
        self._face = face
        self._firmware = firmware
        self._reserve = reserve
        self._on_stored = on_stored
        self._on_failure = on_failure
        self._workers = os.cpu_count() or 1
        self._pool = ThreadPoolExecutor(self._workers, "verify")
        self._thread = threading.Thread(target=self._run, name="writer", daemon=True)
        self._changed = threading.Condition()
        self._queue: deque[Message] = deque()
        self._queued_bytes = 0
        self._stopping = threading.Event()
        self.trouble: str | None = None  # the code of what keeps the store from taking anything

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """What is not committed stays unacknowledged and comes again."""
        self._stopping.set()
        with self._changed:
            self._changed.notify()
        self._thread.join(STOP_TIMEOUT_S)
        self._pool.shutdown()

    def __len__(self) -> int:
        return len(self._queue)

    def has_room(self) -> bool:
        return len(self._queue) < QUEUE_ITEMS and self._queued_bytes < QUEUE_BYTES

    def offer(self, message: Message) -> None:
        with self._changed:
            self._queue.append(message)
            self._queued_bytes += len(message.payload)
            self._changed.notify()

    def _run(self) -> None:
        try:
            while batch := self._take():
                self._store_all(batch, self._examine(batch))
        except Exception:  # the last line of an important thread: it says why it ends, and the agent ends with it
            log.exception("the writer has failed")
            self._on_failure()

    def _take(self) -> list[Message]:
        """All that is there, at most a batch; empty when it is time to stop."""
        with self._changed:
            self._changed.wait_for(lambda: self._queue or self._stopping.is_set())
            if self._stopping.is_set():
                return []
            self._gather()
            was_full = not self.has_room()
            batch = [self._queue.popleft() for _ in range(min(BATCH_ITEMS, len(self._queue)))]
            self._queued_bytes -= sum(len(message.payload) for message in batch)
        if was_full:
            self._courier.wake()
        return batch

    def _gather(self) -> None:
        """Terminals send several at once: one transaction for them, one receipt, one batch for the backend."""
        seen = 0
        while seen < len(self._queue) < GATHER_ITEMS and not self._stopping.is_set():
            seen = len(self._queue)
            self._changed.wait(GATHER_S)

    def _examine(self, batch: list[Message]) -> list[Examined]:
        if len(batch) <= INLINE_ITEMS:
            return self._examine_some(batch)
        size = -(-len(batch) // self._workers)
        chunks = [batch[start : start + size] for start in range(0, len(batch), size)]
        return [examined for some in self._pool.map(self._examine_some, chunks) for examined in some]

    def _examine_some(self, messages: list[Message]) -> list[Examined]:
        return [ingest.examine(message.topic, message.payload, self._registry) for message in messages]

    def _store_all(self, batch: list[Message], examined: list[Examined]) -> None:
        """Halves what does not fit, so that the last room is used before the store counts as full."""
        done, size = 0, len(batch)
        delay_s = RETRY_MIN_S
        while done < len(batch) and not self._stopping.is_set():
            try:
                outcomes, receipts = self._store_some(examined[done : done + size])
            except StoreFault as fault:
                if size > 1:
                    size //= 2
                elif not self._make_room(fault):
                    self._stopping.wait(delay_s)
                    delay_s = min(2 * delay_s, RETRY_MAX_S)
                continue
            self._recovered()
            delay_s = RETRY_MIN_S
            self._courier.acknowledge(batch[done : done + len(outcomes)])
            self._note_refused(outcomes)
            self._note_alarms(outcomes)
            for receipt in receipts:
                self._courier.publish(*receipt)
            self._on_stored(outcomes)
            done += len(outcomes)

    def _store_some(self, examined: list[Examined]) -> tuple[list[Outcome], list[tuple[str, bytes]]]:
        """With what was stored go our receipts, signed in the same transaction and sent once it is committed."""
        now = int(time.time())
        with self._store.transaction(is_intake=True):
            outcomes = [
                ingest.settle(
                    self._store,
                    one,
                    is_production=self._is_production,
                    face=self._face,
                    now=now,
                    firmware=self._firmware,
                    reserve=self._reserve,
                )
                for one in examined
            ]
            receipts = ingest.keep_receipts(self._store, outcomes, self._signer, now)
        return outcomes, receipts

    def _note_refused(self, outcomes: list[Outcome]) -> None:
        # One line for all of a kind: a flood must not fill the disk with words either.
        refused = Counter((one.publisher.id if one.publisher else "unknown", one.code) for one in outcomes if one.code)
        for (device, code), times in refused.items():
            log.warning("evidence refused", extra={"device": device, "code": code, "times": times})

    def _note_alarms(self, outcomes: list[Outcome]) -> None:
        for alarm in (alarm for one in outcomes for alarm in one.alarms):
            log.error(
                "flight log: numbers %d to %d",
                *(alarm.first, alarm.last),
                extra={"device": alarm.device, "code": alarm.code},
            )

    def _make_room(self, fault: StoreFault) -> bool:
        if self.trouble != fault.code:
            self.trouble = fault.code
            log.error("no more evidence is taken: %s", fault, extra={"code": fault.code})
        if not isinstance(fault, StoreFull):
            return False
        try:
            return self._store.release() > 0
        except StoreFault as again:
            log.debug("no room could be made: %s", again)
            return False

    def _recovered(self) -> None:
        if self.trouble is not None:
            self.trouble = None
            log.warning("evidence is taken again")
