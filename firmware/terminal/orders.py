"""Orders waiting at this terminal; without a link, those of the reserve.

The agent repeats an order until it has ended, so a message may come any number of times: each order is run once, and
one that has a record in the queue is never run again.
"""

import asyncio
import hashlib

from terminal.agent_messages import parse_order
from terminal.errors import OrderInvalid

TYPE_CHECKING = False
if TYPE_CHECKING:
    from terminal.agent_messages import Order
    from terminal.config import Config
    from terminal.hardware import Clock
    from terminal.queue import Queue
    from terminal.reserve import Reserve

WAITING = 4  # orders kept in RAM; the agent repeats those that found no room
CLOCK_SLACK_S = 30  # an agent's order within this of our clock confirms it
AUTHENTICATED = 4


class Orders:
    def __init__(self, config: "Config", queue: "Queue", clock: "Clock", reserve: "Reserve") -> None:
        self._config = config
        self._queue = queue
        self._clock = clock
        self._reserve = reserve
        self._waiting = []  # (digest of the message, order), oldest first
        self._running = []  # the one at the counter, likewise
        self._arrived = asyncio.Event()
        self._hurry = False  # somebody wants to work without a link

    def take(self, message: bytes) -> None:
        """A message from down/order. Never raises: a bad one is said and dropped."""
        digest = hashlib.sha256(message).digest()
        known = self._running + self._waiting
        if len(self._waiting) >= WAITING or digest in [entry[0] for entry in known]:
            return  # a repetition costs no verification
        config = self._config
        try:
            order = parse_order(message, config.agent_kid, config.agent_point, config.ueid)
            self._check(order)
        except OrderInvalid as error:
            print("orders:", error.code, error)
            return
        if not self._queue.has_order(order.id) and order.id not in [entry[1].id for entry in known]:
            self._waiting.append((digest, order))
            self._arrived.set()

    def start(self, is_online: bool) -> None:
        """The button. Without a link, and while no customer is served, it asks for an order of the reserve."""
        if not is_online and not self._running:
            self._hurry = True
            self._arrived.set()

    async def next(self, wait_s: float) -> "Order | None":
        """The oldest order that has not run out, then one of the reserve if somebody asked; the one before counts as
        ended. None when none came in time. Raises NoOfflineOrder."""
        self._running = []
        self._arrived.clear()
        if not self._waiting and not self._hurry:
            try:
                await asyncio.wait_for(self._arrived.wait(), wait_s)
            except asyncio.TimeoutError:
                return None
        is_asked, self._hurry = self._hurry, False
        while self._waiting:
            entry = self._waiting.pop(0)
            if entry[1].expires_at > self._clock.now():
                self._running = [entry]
                return entry[1]
            print("orders: an order ran out before its turn")
        if is_asked:
            order = self._reserve.next()
            self._running = [(b"", order)]
            return order
        return None

    def is_idle(self) -> bool:
        """Nobody is at the counter."""
        return not self._running

    def _check(self, order: "Order") -> None:
        if order.channel != self._config.channel:
            raise OrderInvalid("order of another channel")
        now = self._clock.now()
        # A signed time never sets the clock back: an old order played again would revive an expired card.
        if order.issued_at > now + CLOCK_SLACK_S:
            self._clock.set(order.issued_at, AUTHENTICATED)
        elif order.issued_at >= now - CLOCK_SLACK_S and self._clock.source < AUTHENTICATED:
            self._clock.set(now, AUTHENTICATED)
        if order.expires_at <= self._clock.now():
            raise OrderInvalid("order has run out")
