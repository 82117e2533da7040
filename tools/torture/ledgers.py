"""The three books after a run, and what the customers saw, compared record by record. Pure.

A discrepancy is (kind of scenario.KINDS, words). `lost`: what a customer saw kept, or a token of a chain, is missing
somewhere; `doubled`: an order with two records; `seq-reused`, `prev-reused`: two tokens at one place of a chain.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from host_agent.attestation import Verdict

QUEUED, REFUSED = "queued", "refused"
CLOCK_CODES = ("clock-implausible", "nonce-expired", "key-not-valid")
GENESIS = bytes(32)

Discrepancy = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Placed:
    """An order. `wanted`: the code with which the script has this customer refused, or None. `is_clock_off`: somebody
    has stepped the terminal's clock meanwhile."""

    order_id: str
    wanted: str | None = None
    is_clock_off: bool = False


@dataclass(frozen=True, slots=True)
class Sight:
    """The terminal's word to a customer."""

    terminal: str
    order_id: str
    outcome: str
    code: str | None
    seq: int


@dataclass(frozen=True, slots=True)
class Flash:
    """The terminal's queue: records without a receipt by seq, and the end of its chain."""

    next_seq: int
    head: bytes
    pending: Mapping[int, bytes] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Entry:
    """A token at the agent or in the backend's books. `reason`: why the terminal refused the customer, None if not."""

    device: str
    seq: int
    prev: bytes
    sha256: bytes
    cti: bytes
    order_id: str
    reason: str | None
    code: str | None = None  # why the agent refused the token
    receipt: tuple[int, str | None] | None = None  # of the backend, as the agent has it: verdict and code


@dataclass(frozen=True, slots=True)
class Order:
    state: str
    code: str | None


@dataclass(frozen=True, slots=True)
class Ledgers:
    """`orders`: all that were placed, as the agent has them. `registered`: (cti, order id) of the backend."""

    flash: Mapping[str, Flash]
    agent: Sequence[Entry]
    orders: Mapping[str, Order]
    outbox: int
    alarms: Sequence[str]
    backend: Sequence[Entry]
    registered: Sequence[tuple[bytes, str]]
    rejected: Mapping[bytes, str]  # by SHA-256, why


def compare(sights: Sequence[Sight], orders: Iterable[Placed], ledgers: Ledgers) -> list[Discrepancy]:
    placed = {order.order_id: order for order in orders}
    found = [
        *_chains(ledgers),
        *_customers(sights, placed, ledgers),
        *_orders(placed, ledgers),
        *_deliveries(placed, ledgers),
    ]
    return sorted(set(found))


def clock_refusals(ledgers: Ledgers) -> int:
    """Registrations that the agent refused for their time: explained where a clock was stepped, and nowhere else."""
    return sum(entry.code in CLOCK_CODES for entry in ledgers.agent)


# --- the chain of each terminal, wherever its tokens are


def _chains(ledgers: Ledgers) -> Iterator[Discrepancy]:
    by_seq: defaultdict[tuple[str, int], set[bytes]] = defaultdict(set)
    by_prev: defaultdict[tuple[str, bytes], set[bytes]] = defaultdict(set)
    for entry in (*ledgers.agent, *ledgers.backend):
        by_seq[entry.device, entry.seq].add(entry.sha256)
        by_prev[entry.device, entry.prev].add(entry.sha256)
    for device, flash in ledgers.flash.items():
        for seq, sha256 in flash.pending.items():
            by_seq[device, seq].add(sha256)
    for (device, seq), tokens in by_seq.items():
        if len(tokens) > 1:
            yield "seq-reused", f"{device} has signed {len(tokens)} tokens with number {seq}"
    for (device, prev), tokens in by_prev.items():
        if len(tokens) > 1:
            yield "prev-reused", f"{device} has signed {len(tokens)} tokens that follow {prev.hex()[:16]}"
    for device, flash in ledgers.flash.items():
        own = {entry.seq: entry for entry in ledgers.agent if entry.device == device}
        yield from _chain(device, flash, own)


def _chain(device: str, flash: Flash, own: Mapping[int, Entry]) -> Iterator[Discrepancy]:
    last = max(own, default=0)
    head = GENESIS
    for seq in range(1, last + 1):
        entry = own.get(seq)
        if entry is None:
            yield "lost", f"{device}: token {seq} is not at the agent, though {last} is"
        elif (seq == 1 or seq - 1 in own) and entry.prev != head:
            yield "unexplained", f"{device}: token {seq} does not follow token {seq - 1}"
        head = entry.sha256 if entry else b""
    for seq in flash.pending:
        if seq not in own:
            yield "lost", f"{device}: token {seq} is still on flash, and nowhere else"
    if flash.next_seq <= last:
        yield "seq-reused", f"{device}: the next number is {flash.next_seq}, and {last} is used"
    elif flash.next_seq > last + 1:
        yield "lost", f"{device}: the next number is {flash.next_seq}, the last token at the agent {last}"
    elif flash.head != head:
        yield "prev-reused", f"{device}: the next token would not follow token {last}"


# --- what the customers saw


def _customers(sights: Sequence[Sight], placed: Mapping[str, Placed], ledgers: Ledgers) -> Iterator[Discrepancy]:
    own = {(entry.device, entry.seq): entry for entry in ledgers.agent}
    registered = {cti for cti, _ in ledgers.registered}
    for sight in sights:
        order = placed[sight.order_id]
        who = f"{sight.terminal}: the customer of {sight.order_id} saw '{sight.outcome}' (token {sight.seq})"
        entry = own.get((sight.terminal, sight.seq))
        if entry is None:
            yield "lost", f"{who}, which is not at the agent"
        elif entry.order_id != sight.order_id:
            yield "unexplained", f"{who}, which is of order {entry.order_id}"
        elif sight.outcome == REFUSED:
            if entry.reason != sight.code:
                yield "unexplained", f"{who} for {sight.code}, which says {entry.reason}"
            if entry.cti in registered:
                yield "unexplained", f"{who}, and is registered"
        elif entry.reason is not None:
            yield "unexplained", f"{who}, which is a refusal: {entry.reason}"
        elif entry.cti not in registered and not (order.is_clock_off and entry.code in CLOCK_CODES):
            yield "lost", f"{who}, and is not registered"
        if not order.is_clock_off and sight.code != order.wanted:
            yield "unexplained", f"{who}: {sight.code or 'accepted'}, the script says {order.wanted or 'accepted'}"


# --- orders


def _orders(placed: Mapping[str, Placed], ledgers: Ledgers) -> Iterator[Discrepancy]:
    registrations = Counter(order_id for _, order_id in ledgers.registered)
    answers = Counter(entry.order_id for entry in ledgers.agent if entry.code is None)
    entries = Counter(entry.order_id for entry in ledgers.backend)
    for order_id, mine in placed.items():
        for what, count in (("registrations", registrations), ("answers at the agent", answers), ("entries", entries)):
            if count[order_id] > 1:
                yield "doubled", f"order {order_id} has {count[order_id]} {what}"
        order = ledgers.orders.get(order_id)
        if order is None:
            yield "lost", f"the agent has no order {order_id}"
        elif order.state not in ("accepted", "refused"):
            yield "lost", f"order {order_id} has no end: {order.state}"
        elif (order.state == "accepted") != (registrations[order_id] == 1):
            yield "unexplained", f"order {order_id} is {order.state}, with {registrations[order_id]} registrations"
        elif order.state == "refused" and not entries[order_id] and not mine.is_clock_off:
            yield "unexplained", f"order {order_id} is refused ({order.code}), and the backend knows nothing of it"


# --- from the agent to the backend


def _deliveries(placed: Mapping[str, Placed], ledgers: Ledgers) -> Iterator[Discrepancy]:
    off = {order.order_id for order in placed.values() if order.is_clock_off}
    at_backend = {entry.sha256: entry for entry in ledgers.backend}
    at_agent = {entry.sha256 for entry in ledgers.agent}
    for entry in ledgers.agent:
        what = f"token {entry.seq} of {entry.device}"
        if entry.code is not None:
            if not (entry.code in CLOCK_CODES and entry.order_id in off):
                yield "unexplained", f"{what}: the agent refuses it, {entry.code}"
        elif entry.sha256 not in at_backend:
            yield "lost", f"{what} is at the agent, and not at the backend"
        elif at_backend[entry.sha256].reason != entry.reason:
            yield (
                "unexplained",
                f"{what}: {entry.reason} at the agent, {at_backend[entry.sha256].reason} at the backend",
            )
        elif entry.receipt is None:
            yield "lost", f"{what}: the agent has no receipt of the backend"
        elif entry.receipt not in ((Verdict.STORED, None), (Verdict.DUPLICATE, None)):
            yield "unexplained", f"{what}: the backend's receipt says {entry.receipt}, its books have the token"
    for entry in ledgers.backend:
        if entry.sha256 not in at_agent:
            yield "unexplained", f"the backend has token {entry.seq} of {entry.device}, the agent has not"
    for sha256, code in ledgers.rejected.items():
        yield "unexplained", f"the backend has rejected token {sha256.hex()[:16]}: {code}"
    if ledgers.outbox:
        yield "unexplained", f"{ledgers.outbox} tokens wait at the agent"
    for alarm in ledgers.alarms:
        yield "unexplained", f"alarm at the agent: {alarm}"
