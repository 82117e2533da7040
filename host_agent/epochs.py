"""Publishes the epoch: a random number with the time of its making, signed, retained at the broker for every terminal.

Evidence that names it was made after it, also where the order was given out days before. Published again after each new
connection: the broker may have forgotten it.
"""

import asyncio
import logging
import os
import time
from typing import Protocol

from host_agent import freshness
from host_agent.attestation import EPOCH_BYTES
from host_agent.freshness import Epoch
from host_agent.ingest import Signer
from host_agent.registry import Registry
from host_agent.store import Store, StoreFault

log = logging.getLogger("shiming.epochs")

LOOK_S = 1  # between two looks at the link


class Publisher(Protocol):
    """What is needed of the link."""

    connections: int

    def publish(self, topic: str, payload: bytes, *, retain: bool = False) -> None: ...


class Epochs:
    def __init__(self, store: Store, registry: Registry, signer: Signer, link: Publisher, interval_s: int) -> None:
        self._store = store
        self._registry = registry
        self._signer = signer
        self._link = link
        self._interval_s = interval_s
        self._current = b""

    async def run(self) -> None:
        loop = asyncio.get_running_loop()
        due = loop.time()
        connections = -1
        while True:
            is_due = loop.time() >= due
            if is_due and await asyncio.to_thread(self._renew):
                due = loop.time() + self._interval_s
            if self._current and (is_due or self._link.connections != connections):
                connections = self._link.connections
                self._publish()
            await asyncio.sleep(LOOK_S)

    def _renew(self) -> bool:
        """In the store before anybody hears of it: evidence may come back at once."""
        epoch = Epoch(int(time.time()), os.urandom(EPOCH_BYTES))
        try:
            with self._store.transaction():
                self._store.add_epoch(epoch.id, epoch.iat)
        except StoreFault as fault:
            log.error("no new epoch: %s", fault, extra={"code": fault.code})
            return False
        self._current = self._signer.sign(freshness.build_epoch(epoch))
        return True

    def _publish(self) -> None:
        for tenant in self._registry.tenants:
            self._link.publish(f"rnr/v1/{tenant}/epoch", self._current, retain=True)
