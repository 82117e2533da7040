"""One counter of the shop: customers come one after the other, put their card down, do what the screen says.

They act only on what a person would see: the panel's states, and a card that lies there while nothing happens.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from tools.demo.script import Customer, Plot
from tools.emulator import people
from tools.emulator.board import PanelEvent
from tools.emulator.sam_reader import SamReader

HAND_S = 0.15  # putting a card down or taking it up
IMPATIENCE_S = 4.0  # a card that lies there unread for so long is lifted and put down again
PULL_AFTER_BYTES = 600  # somewhere in the photo
POLL_S = 1.0

OrderState = Callable[[str], Awaitable[dict[str, Any] | None]]


@dataclass(slots=True)
class Visit:
    """What happened to one customer; times are seconds on the monotonic clock."""

    customer: Customer
    terminal: str
    steps: dict[str, float] = field(default_factory=dict)
    overhead_ms: int | None = None
    state: str = "waiting"  # at the agent: waiting, attested, accepted, refused, expired
    code: str | None = None

    def step(self, name: str) -> None:
        self.steps.setdefault(name, time.monotonic())

    def seconds(self, first: str, last: str) -> float | None:
        if first in self.steps and last in self.steps:
            return self.steps[last] - self.steps[first]
        return None


class Counter:
    """One terminal's reader and screen, as its customer sees them. `order_state` asks the agent; None: no answer."""

    def __init__(self, name: str, reader: SamReader, order_state: OrderState, changed: Callable[[Visit], None]) -> None:
        self.name = name
        self._reader = reader
        self._order_state = order_state
        self._changed = changed
        self._events: asyncio.Queue[PanelEvent] = asyncio.Queue()
        self._card_down_at: float | None = None

    def on_panel(self, event: PanelEvent) -> None:
        self._events.put_nowait(event)

    async def serve(self, visit: Visit) -> None:
        """Until the terminal, or the agent, says that this order has ended."""
        try:
            while not await self._next_step(visit):
                self._changed(visit)
        finally:
            await self._lift()
            self._changed(visit)

    async def _next_step(self, visit: Visit) -> bool:
        """True when this visit is over."""
        try:
            event = await asyncio.wait_for(self._events.get(), POLL_S)
        except TimeoutError:
            return await self._look_around(visit)
        match event.state:
            case "place-card" | "card-lost":
                await self._put_down(visit)
            case "found" | "reading":
                visit.step(event.state)
            case "overhead-ms":
                visit.overhead_ms = event.value
            case "queued" | "refused":
                visit.step("signed")
                visit.code = event.code
                return True
        return False

    async def _look_around(self, visit: Visit) -> bool:
        """Nothing new on the screen. Perhaps the terminal was cut off after the record was safe: the agent knows."""
        state = await self._order_state(visit.customer.order_id)
        if state is not None and state["state"] != "waiting":
            visit.step("signed")
            return True
        lies = time.monotonic() - self._card_down_at if self._card_down_at else 0.0
        if lies > IMPATIENCE_S:
            await self._put_down(visit)
        return False

    async def _put_down(self, visit: Visit) -> None:
        await self._lift()
        await asyncio.sleep(HAND_S)
        if visit.customer.plot is Plot.PULLED and "card" not in visit.steps:
            self._reader.schedule_lift(PULL_AFTER_BYTES)
        self._reader.place(people.card(visit.customer.person))
        self._card_down_at = time.monotonic()
        visit.step("card")

    async def _lift(self) -> None:
        if self._card_down_at is not None:
            await asyncio.sleep(HAND_S)
            self._reader.lift()
            self._card_down_at = None
