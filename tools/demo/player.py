"""One counter of the shop: customers come one after the other, put their card down, do what the screen says.

They act only on what a person would see: the panel's states, and a card that lies there while nothing happens.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from tools.demo.plant import Terminal
from tools.demo.script import Customer, Plot
from tools.emulator import people
from tools.emulator.board import Button, PanelEvent
from tools.emulator.scenario import Fault, Module, Player, Scenario, Step

HAND_S = 0.15  # putting a card down or taking it up
IMPATIENCE_S = 4.0  # a card that lies there unread for so long is lifted and put down again
PULL_AFTER_BYTES = 600  # somewhere in the photo
PRESS_S = 0.2
POLL_S = 1.0

OrderState = Callable[[str], Awaitable[dict[str, Any] | None]]


@dataclass(slots=True)
class Visit:
    """What happened to one customer; times are seconds on the monotonic clock."""

    customer: Customer
    terminal: str
    steps: dict[str, float] = field(default_factory=dict)
    overhead_ms: int | None = None
    face_ms: int | None = None
    face_overhead_ms: int | None = None
    loop_gap_ms: int | None = None
    heap_free: int | None = None
    is_face_passed: bool = False
    state: str = "waiting"  # at the agent: waiting, attested, accepted, refused, expired
    code: str | None = None

    def step(self, name: str) -> None:
        self.steps.setdefault(name, time.monotonic())

    def seconds(self, first: str, last: str) -> float | None:
        if first in self.steps and last in self.steps:
            return self.steps[last] - self.steps[first]
        return None


class Counter:
    """One terminal's reader, screen and buttons, as its customer sees them. `order_state` asks the agent; None: no
    answer. Who looks at the screen's last word for `look_s` then presses start, so that the next one need not wait."""

    def __init__(
        self,
        terminal: Terminal,
        order_state: OrderState,
        changed: Callable[[Visit], None],
        look_s: float = 0,
        hand_s: float = HAND_S,
    ) -> None:
        self.name = terminal.name
        self._terminal = terminal
        self._reader = terminal.reader
        self._order_state = order_state
        self._changed = changed
        self._look_s = look_s
        self._hand_s = hand_s
        self._events: asyncio.Queue[PanelEvent] = asyncio.Queue()
        self._card_down_at: float | None = None
        self._pressed_at: float | None = None  # cancel, by somebody who still waits

    def on_panel(self, event: PanelEvent) -> None:
        self._events.put_nowait(event)

    async def serve(self, visit: Visit) -> None:
        """Until the terminal, or the agent, says that this order has ended."""
        if fault := visit.customer.fault:
            await Player(_once(fault), self._terminal.server).play()
        try:
            while not await self._next_step(visit):
                self._changed(visit)
        finally:
            await self._lift()
            self._pressed_at = None
            if visit.customer.visitor:
                self._terminal.board.leave()
            self._changed(visit)
        if self._look_s:
            await asyncio.sleep(self._look_s)
            await self._press(Button.START)

    async def _next_step(self, visit: Visit) -> bool:
        """True when this visit is over."""
        try:
            event = await asyncio.wait_for(self._events.get(), POLL_S)
        except TimeoutError:
            return await self._look_around(visit)
        match event.state:
            case "ready" if visit.customer.plot is Plot.CANCELLED:
                await self._cancel()
            case "ready" | "card-lost":
                await self._put_down(visit)
            case "found":
                visit.steps["found"] = time.monotonic()  # the last time counts, when a card was taken away too early
            case "reading":
                visit.step("reading")
                if visit.customer.visitor:
                    self._terminal.board.stand(visit.customer.visitor)
            case "read" | "read-look":
                visit.step("read")
            case "challenge-stay" if visit.customer.plot is Plot.WALKED_OUT:
                await self._press(Button.CANCEL)
            case "passed" | "not-passed":
                visit.step("face")
                visit.is_face_passed = event.state == "passed"
            case "face-ms":
                visit.face_ms = event.value
            case "face-overhead-ms":
                visit.face_overhead_ms = event.value
            case "overhead-ms":
                visit.overhead_ms = event.value
            case "queued" | "refused":
                visit.step("signed")
                visit.code = event.code
            case "loop-gap-ms":
                visit.loop_gap_ms = event.value
            case "heap-free":  # the last word of a session
                visit.heap_free = event.value
                return "signed" in visit.steps
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
        elif self._pressed_at and time.monotonic() - self._pressed_at > IMPATIENCE_S:
            await self._cancel()  # a busy machine may have looked at the button before and after the press
        return False

    async def _put_down(self, visit: Visit) -> None:
        await self._lift()
        await asyncio.sleep(self._hand_s)
        if visit.customer.plot is Plot.PULLED and "card" not in visit.steps:
            self._reader.schedule_lift(PULL_AFTER_BYTES)
        self._reader.place(people.card(visit.customer.person, head=visit.customer.head))
        self._card_down_at = time.monotonic()
        visit.step("card")

    async def _cancel(self) -> None:
        await self._press(Button.CANCEL)
        self._pressed_at = time.monotonic()

    async def _press(self, button: Button) -> None:
        self._terminal.board.press(button)
        await asyncio.sleep(PRESS_S)
        self._terminal.board.release(button)

    async def _lift(self) -> None:
        if self._card_down_at is not None:
            await asyncio.sleep(self._hand_s)
            self._reader.lift()
            self._card_down_at = None


def _once(fault: Fault) -> Scenario:
    return Scenario("demo", (), Module(), 0, {}, {}, (Step("fault", fault=fault),))
