"""Plays the script on the plant, and makes up the account: who was registered, who was refused, what was lost."""

import asyncio
import time
from collections import Counter as Tally
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from tools.demo.gallery import Gallery
from tools.demo.plant import Plant, Terminal
from tools.demo.player import Counter, Visit
from tools.demo.script import Customer
from tools.demo.view import View

DELIVERY_S = 120  # after the last customer has left, until the backend has everything
POLL_S = 0.2
FINAL = ("accepted", "refused", "expired")


@dataclass(frozen=True, slots=True)
class Account:
    """What came of all customers.

    `attested`: signed records of a card that passed. `lost`: customers whose order has no end at the agent, or no
    record at the backend. `p50_s`, `p95_s`: from the card put down to the signed record on flash. `overhead_p95_ms`:
    from the card found to the record on flash, without the time spent waiting for the reader's answers.
    `on_screen_p95_s`: from the card found to what was read of it on the screen. `faces_passed`: who was found alive and
    the one on the card. `face_p95_s`: from "look at the camera" to the decision; `face_overhead_max_ms`: what was added
    to the pace of the moves and of the camera. `loop_gap_max_ms`: the longest time for which a terminal's event loop
    did not come round. `heap_free_min`: of the sessions' ends, after collection.
    """

    customers: int
    attested: int
    accepted: int
    refused: dict[str, int]
    duplicates_at_backend: int
    lost: int
    p50_s: float | None
    p95_s: float | None
    overhead_p95_ms: int | None
    on_screen_p95_s: float | None
    faces_passed: int
    face_p95_s: float | None
    face_overhead_max_ms: int | None
    loop_gap_max_ms: int | None
    heap_free_min: int | None
    surprises: tuple[str, ...]  # customers that did not end as the script says

    @property
    def is_as_scripted(self) -> bool:
        return not (self.lost or self.duplicates_at_backend or self.surprises)

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


async def play(
    plant: Plant, script: list[Customer], view: View, gallery: Gallery | None = None, look_s: float = 0
) -> Account:
    """Customers stand in one line in front of all terminals, and look for so long at what the screen says at the end.

    `gallery` keeps what the screens show.
    """
    line: asyncio.Queue[Customer] = asyncio.Queue()
    for customer in script:
        line.put_nowait(customer)
    visits: list[Visit] = []
    try:
        async with asyncio.TaskGroup() as group:
            watchers = [group.create_task(plant.watch()), group.create_task(_watch(plant, visits, view.changed))]
            if gallery:
                watchers.append(group.create_task(gallery.watch(plant)))
            await asyncio.wait(
                [group.create_task(_serve(plant, terminal, line, visits, view, look_s)) for terminal in plant.terminals]
            )
            await _until_delivered(plant, visits)
            for watcher in watchers:
                watcher.cancel()
    except ExceptionGroup as failures:
        raise failures.exceptions[0] from failures  # the first is what went wrong; the others are its consequences
    return account(visits, await plant.books())


async def _serve(
    plant: Plant, terminal: Terminal, line: asyncio.Queue[Customer], visits: list[Visit], view: View, look_s: float
) -> None:
    counter = Counter(terminal, plant.order_state, view.changed, look_s)
    plant.watch_panel(terminal.name, counter.on_panel)
    while not line.empty():
        customer = line.get_nowait()
        visit = Visit(customer, terminal.name)
        visits.append(visit)
        visit.step("order")
        view.changed(visit)
        await plant.place_order(customer.order_id, terminal.name, customer.msisdn)
        await counter.serve(visit)


async def _watch(plant: Plant, visits: list[Visit], changed: Callable[[Visit], None]) -> None:
    """Follows every order to its end at the agent, which is the backend's signed receipt."""
    while True:
        for visit in visits:
            if visit.state in FINAL or "signed" not in visit.steps:
                continue
            state = await plant.order_state(visit.customer.order_id)
            if state is None:
                continue
            visit.state, visit.code = state["state"], state["code"]
            if visit.state in FINAL:
                visit.step("final")
                changed(visit)
        await asyncio.sleep(POLL_S)


async def _until_delivered(plant: Plant, visits: list[Visit]) -> None:
    """Every order has its end, and the backend has everything: a refusal ends its order before it is forwarded."""
    deadline = time.monotonic() + DELIVERY_S
    while time.monotonic() < deadline:
        if all(visit.state in FINAL for visit in visits):
            status = await plant.agent_status()
            if status and status["outbox"] == 0:
                return
        await asyncio.sleep(POLL_S)


def account(visits: list[Visit], books: dict[str, Any]) -> Account:
    """The agent's word for each order against the backend's own books."""
    accepted = sum(visit.state == "accepted" for visit in visits)
    refused = Tally(visit.code or "unknown" for visit in visits if visit.state == "refused")
    at_backend = books["registrations"] + sum(books["refusals"].values())
    open_orders = len(visits) - accepted - refused.total()
    seconds = [s for visit in visits if (s := visit.seconds("card", "signed")) is not None]
    overheads = [float(visit.overhead_ms) for visit in visits if visit.overhead_ms is not None]
    overhead = percentile(overheads, 95)
    on_screen = [s for visit in visits if (s := visit.seconds("found", "read")) is not None]
    return Account(
        customers=len(visits),
        attested=sum(visit.state in ("accepted", "attested") for visit in visits),
        accepted=accepted,
        refused=dict(sorted(refused.items())),
        duplicates_at_backend=books["duplicate_registrations"],
        lost=max(open_orders, len(visits) - at_backend, 0),
        p50_s=_rounded(percentile(seconds, 50)),
        p95_s=_rounded(percentile(seconds, 95)),
        overhead_p95_ms=None if overhead is None else round(overhead),
        on_screen_p95_s=_rounded(percentile(on_screen, 95)),
        faces_passed=sum(visit.is_face_passed for visit in visits),
        face_p95_s=_rounded(percentile([v.face_ms / 1000 for v in visits if v.face_ms is not None], 95)),
        face_overhead_max_ms=max((v.face_overhead_ms for v in visits if v.face_overhead_ms is not None), default=None),
        loop_gap_max_ms=max((v.loop_gap_ms for v in visits if v.loop_gap_ms is not None), default=None),
        heap_free_min=min((v.heap_free for v in visits if v.heap_free is not None), default=None),
        surprises=tuple(surprise for visit in visits if (surprise := _surprise(visit))),
    )


def percentile(values: list[float], percent: int) -> float | None:
    """Nearest rank; None of nothing."""
    if not values:
        return None
    ordered = sorted(values)
    return ordered[max(0, -(-len(ordered) * percent // 100) - 1)]


def _surprise(visit: Visit) -> str | None:
    expected = visit.customer.expected_refusal
    wanted = ("refused", expected) if expected else ("accepted", None)
    if (visit.state, visit.code) == wanted:
        return None
    return f"customer {visit.customer.number}: {visit.state} {visit.code or ''}, expected {wanted[0]} {wanted[1] or ''}"


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 3)
