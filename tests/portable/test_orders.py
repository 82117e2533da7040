"""Which order is run, and that none is run twice."""

import asyncio

import test_agent_messages as messages
from terminal.agent_messages import Order
from terminal.errors import NoOfflineOrder
from terminal.orders import AUTHENTICATED, WAITING, Orders

NOW = 1500  # between iat and exp of the specimen


class Settings:
    agent_kid = messages.AGENT.kid
    agent_point = messages.AGENT.point
    ueid = messages.UEID
    channel = "CH-000001"


class Recorded:
    """The queue's memory of orders that have a record."""

    def __init__(self, *order_ids: str) -> None:
        self._ids = order_ids

    def has_order(self, order_id: str) -> bool:
        return order_id in self._ids


class Clock:
    def __init__(self, now: int, source: int = 2) -> None:
        self.seconds = now
        self.source = source

    def now(self) -> int:
        return self.seconds

    def set(self, seconds: int, source: int) -> None:
        self.seconds, self.source = seconds, source


class NoReserve:
    def next(self) -> None:
        raise NoOfflineOrder("nothing in reserve")


def orders_of(queue: object, clock: object, reserve: object = None) -> Orders:
    return Orders(Settings, queue, clock, reserve or NoReserve())


def message(order_id: str = "order-1", **other: object) -> bytes:
    claims = messages.changed(messages.ORDER, -70010, order_id)
    for name, value in other.items():
        claims = messages.changed(claims, {"iat": 6, "exp": 4, "channel": -70012}[name], value)
    return messages.signed(claims)


def drained(orders: Orders) -> list:
    """Ids of all orders that wait, each run to its end at once."""

    async def drain() -> list:
        found = []
        order = await orders.next(0)
        while order:
            found.append(order.id)
            order = await orders.next(0)
        return found

    return asyncio.run(drain())


def test_orders_come_in_their_turn() -> None:
    orders = orders_of(Recorded(), Clock(NOW))
    orders.take(message("order-1"))
    orders.take(message("order-2"))
    assert drained(orders) == ["order-1", "order-2"]


def test_repeated_order_is_run_once() -> None:
    orders = orders_of(Recorded(), Clock(NOW))
    orders.take(message())
    orders.take(message())
    orders.take(message(exp=1999))  # the same order, signed anew
    assert drained(orders) == ["order-1"]


def test_order_at_the_counter_is_not_taken_again() -> None:
    orders = orders_of(Recorded(), Clock(NOW))
    repeated = message()
    orders.take(repeated)

    async def story() -> None:
        assert (await orders.next(0)).id == "order-1"
        orders.take(repeated)

    asyncio.run(story())
    assert drained(orders) == []


def test_recorded_order_is_not_run_again() -> None:
    orders = orders_of(Recorded("order-1"), Clock(NOW))
    orders.take(message())
    assert drained(orders) == []


def test_order_that_has_run_out_is_dropped() -> None:
    orders = orders_of(Recorded(), Clock(2000))
    orders.take(message())
    assert drained(orders) == []


def test_order_that_runs_out_in_the_line_is_dropped() -> None:
    clock = Clock(NOW)
    orders = orders_of(Recorded(), clock)
    orders.take(message())
    clock.seconds = 2000
    assert drained(orders) == []


def test_order_of_another_channel_is_dropped() -> None:
    orders = orders_of(Recorded(), Clock(NOW))
    orders.take(message(channel="CH-000002"))
    assert drained(orders) == []


class Stock:
    """A reserve of so many orders."""

    def __init__(self, *order_ids: str) -> None:
        self._ids = list(order_ids)

    def next(self) -> Order:
        if not self._ids:
            raise NoOfflineOrder("nothing in reserve")
        return Order(self._ids.pop(0), bytes(16), "1", "CH-000001", 1, 2, (1, 0))


def test_start_without_a_link_brings_one_order_of_the_reserve() -> None:
    orders = orders_of(Recorded(), Clock(NOW), Stock("r-1", "r-2"))
    assert drained(orders) == [], "nobody has asked"
    orders.start(True)
    assert drained(orders) == [], "there is a link: the agent has not sent any"
    orders.start(False)
    assert drained(orders) == ["r-1"]


def test_start_while_a_customer_is_served_asks_for_no_other() -> None:
    orders = orders_of(Recorded(), Clock(NOW), Stock("r-1", "r-2"))

    async def story() -> None:
        orders.start(False)
        assert (await orders.next(0)).id == "r-1"
        orders.start(False)
        assert await orders.next(0) is None

    asyncio.run(story())


def test_order_that_was_sent_comes_before_the_reserve() -> None:
    orders = orders_of(Recorded(), Clock(NOW), Stock("r-1"))
    orders.take(message())
    orders.start(False)
    assert drained(orders) == ["order-1"]


def test_nothing_in_reserve_is_an_error_for_the_counter() -> None:
    orders = orders_of(Recorded(), Clock(NOW))
    orders.start(False)

    async def story() -> str:
        try:
            await orders.next(0)
        except NoOfflineOrder as error:
            return error.code
        return ""

    assert asyncio.run(story()) == "no-offline-order"
    assert drained(orders) == []


def test_line_is_bounded() -> None:
    orders = orders_of(Recorded(), Clock(NOW))
    for i in range(WAITING + 1):
        orders.take(message("order-%d" % i))
    assert len(drained(orders)) == WAITING


def test_garbage_is_dropped() -> None:
    orders = orders_of(Recorded(), Clock(NOW))
    for garbage in (b"", b"\x00", bytes(4096)):
        orders.take(garbage)
    assert drained(orders) == []


def test_signed_time_confirms_a_clock_near_it() -> None:
    clock = Clock(1010)
    orders_of(Recorded(), clock).take(message())
    assert (clock.seconds, clock.source) == (1010, AUTHENTICATED)


def test_signed_time_sets_the_clock_forward() -> None:
    clock = Clock(500, source=0)
    orders_of(Recorded(), clock).take(message())
    assert (clock.seconds, clock.source) == (1000, AUTHENTICATED)


def test_old_signed_time_does_not_set_the_clock_back() -> None:
    clock = Clock(1900)
    orders_of(Recorded(), clock).take(message())
    assert (clock.seconds, clock.source) == (1900, 2)
