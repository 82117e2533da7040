"""A terminal whose queue is full, or holds a record for too long, asks no customer for a card."""

import asyncio

import test_queue as bench
from terminal.agent_messages import Order
from terminal.errors import QueueFull
from terminal.queue import AGE_MAX_S, RECORDS_MAX, Queue
from terminal.session import RESERVE_BYTES, Session

ORDER = Order("order-1", bytes(16), "17000000001", "CH-000001", 1, 2, None)


class Clock:
    def __init__(self) -> None:
        self.source = 3
        self.seconds = bench.AT

    def now(self) -> int:
        return self.seconds


class Hardware:
    def __init__(self) -> None:
        self.clock = Clock()
        self.free = RESERVE_BYTES

    def free_bytes(self) -> int:
        return self.free


class Panel:
    def __init__(self) -> None:
        self.shown = []

    def show(self, state: str, code: "str | None" = None, value: "int | None" = None) -> None:
        self.shown.append(state)


def refusal(queue: Queue, hw: Hardware) -> "str | None":
    """The code with which an order is turned away before anything is shown; None when a card is asked for."""
    panel = Panel()
    session = Session(hw, panel, None, None, None, queue, None, None, None)

    async def run() -> None:
        await session.run(ORDER)

    try:
        asyncio.run(run())
    except QueueFull as error:
        assert panel.shown == []
        return error.code
    except AttributeError:
        assert panel.shown[0] == "ready"  # and there is no station in this test
        return None
    raise AssertionError("no end")


def test_there_is_room() -> None:
    assert refusal(bench.filled(3), Hardware()) is None


def test_full_queue() -> None:
    queue = bench.filled(RECORDS_MAX)
    assert refusal(queue, Hardware()) == "queue-full"
    queue.remove(5)
    assert refusal(queue, Hardware()) is None


def test_record_of_more_than_seven_days() -> None:
    queue, hw = bench.filled(2), Hardware()
    hw.clock.seconds += AGE_MAX_S + 2
    assert refusal(queue, hw) == "queue-overdue"
    queue.remove(1)
    assert refusal(queue, hw) is None


def test_full_flash() -> None:
    hw = Hardware()
    hw.free = RESERVE_BYTES - 1
    assert refusal(bench.filled(1), hw) == "queue-full"
