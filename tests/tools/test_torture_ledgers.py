"""Each kind of discrepancy is found in the books when it is planted, and nothing in books that agree."""

import hashlib
from collections.abc import Callable
from dataclasses import replace

import pytest

from host_agent.attestation import Verdict
from tools.torture.ledgers import GENESIS, Entry, Flash, Ledgers, Order, Placed, Sight, clock_refusals, compare
from tools.torture.scenario import KINDS

DEVICE = "terminal-1"
STORED = (int(Verdict.STORED), None)


def sha(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()


def entry(seq: int, reason: str | None = None, **changes: object) -> Entry:
    prev = sha(f"token-{seq - 1}") if seq > 1 else GENESIS
    made = Entry(DEVICE, seq, prev, sha(f"token-{seq}"), sha(f"cti-{seq}")[:16], f"order-{seq}", reason)
    return replace(made, receipt=STORED, **changes)


AGENT = [entry(1), entry(2, "card-expired"), entry(3)]
SIGHTS = [
    Sight(DEVICE, "order-1", "queued", None, 1),
    Sight(DEVICE, "order-2", "refused", "card-expired", 2),
    Sight(DEVICE, "order-3", "queued", None, 3),
]
PLACED = [Placed("order-1"), Placed("order-2", "card-expired"), Placed("order-3")]
GOOD = Ledgers(
    flash={DEVICE: Flash(4, sha("token-3"), {3: sha("token-3")})},  # its receipt is not marked yet: sent once more
    agent=AGENT,
    orders={"order-1": Order("accepted", None), "order-2": Order("refused", "card-expired"),
            "order-3": Order("accepted", None)},
    outbox=0,
    alarms=[],
    backend=[replace(one, receipt=None) for one in AGENT],
    registered=[(AGENT[0].cti, "order-1"), (AGENT[2].cti, "order-3")],
    rejected={},
)  # fmt: skip


def flash(next_seq: int, head: str, *pending: int) -> dict[str, Flash]:
    return {DEVICE: Flash(next_seq, sha(head), {seq: sha(f"token-{seq}") for seq in pending})}


def with_agent(*entries: Entry) -> Ledgers:
    return replace(GOOD, agent=[*AGENT[:2], *entries])


def with_orders(order_id: str, state: str, code: str | None = None) -> Ledgers:
    return replace(GOOD, orders={**GOOD.orders, order_id: Order(state, code)})


# What is wrong, the books with it, and how it must be called.
PLANTED: dict[str, tuple[Callable[[], Ledgers], str, str]] = {
    "a token that the customer saw is nowhere": (
        lambda: replace(with_agent(), flash=flash(3, "token-2"), backend=GOOD.backend[:2]), "lost", "not at the agent"),
    "a token is still on flash": (
        lambda: replace(GOOD, flash=flash(5, "token-4", 4)), "lost", "still on flash"),
    "the terminal has counted a token that nobody has": (
        lambda: replace(GOOD, flash=flash(5, "token-4")), "lost", "next number is 5"),
    "a gap at the agent": (
        lambda: replace(GOOD, agent=[AGENT[0], AGENT[2]]), "lost", "token 2 is not at the agent"),
    "a token did not reach the backend": (
        lambda: replace(GOOD, backend=GOOD.backend[:2]), "lost", "not at the backend"),
    "a registration is missing": (
        lambda: replace(GOOD, registered=GOOD.registered[:1]), "lost", "is not registered"),
    "the agent has no receipt of the backend": (
        lambda: with_agent(replace(AGENT[2], receipt=None)), "lost", "no receipt"),
    "an order without an end": (lambda: with_orders("order-3", "attested"), "lost", "no end"),
    "an order that the agent forgot": (
        lambda: replace(GOOD, orders={"order-1": Order("accepted", None)}), "lost", "no order order-3"),
    "an order registered twice": (
        lambda: replace(GOOD, registered=[*GOOD.registered, (sha("other")[:16], "order-3")]),
        "doubled", "registrations"),
    "an order answered twice": (
        lambda: replace(GOOD, agent=[*AGENT, entry(4, order_id="order-3")]), "doubled", "answers"),
    "two tokens with one number": (
        lambda: with_agent(AGENT[2], entry(3, sha256=sha("twin"), cti=sha("twin")[:16])), "seq-reused", "number 3"),
    "a number on flash that another token has": (
        lambda: replace(GOOD, flash={DEVICE: Flash(4, sha("token-3"), {3: sha("twin")})}), "seq-reused", "number 3"),
    "the terminal would count on from a used number": (
        lambda: replace(GOOD, flash=flash(3, "token-2")), "seq-reused", "next number is 3"),
    "two tokens behind one": (
        lambda: with_agent(AGENT[2], entry(4, prev=sha("token-2"))), "prev-reused", "follow"),
    "the next token would fork the chain": (
        lambda: replace(GOOD, flash=flash(4, "token-2")), "prev-reused", "would not follow"),
    "a token that follows another one": (
        lambda: with_agent(replace(AGENT[2], prev=sha("elsewhere"))), "unexplained", "does not follow"),
    "the agent refused a token": (
        lambda: with_agent(replace(AGENT[2], code="chain-broken")), "unexplained", "chain-broken"),
    "a refused customer is registered": (
        lambda: replace(GOOD, registered=[*GOOD.registered, (AGENT[1].cti, "order-2")]),
        "unexplained", "is registered"),
    "the refusal says another reason": (
        lambda: replace(GOOD, agent=[AGENT[0], entry(2, "cancelled"), AGENT[2]]), "unexplained", "says cancelled"),
    "the backend has another reason": (
        lambda: replace(GOOD, backend=[GOOD.backend[0], entry(2, "cancelled"), GOOD.backend[2]]),
        "unexplained", "cancelled at the backend"),
    "the backend's receipt contradicts its books": (
        lambda: with_agent(replace(AGENT[2], receipt=(int(Verdict.REFUSED), "cti-reused"))), "unexplained", "receipt"),
    "the backend has a token from elsewhere": (
        lambda: replace(GOOD, backend=[*GOOD.backend, entry(9)]), "unexplained", "the agent has not"),
    "the backend has rejected a token": (
        lambda: replace(GOOD, rejected={sha("x"): "order-mismatch"}), "unexplained", "rejected"),
    "an order accepted without a registration": (
        lambda: with_orders("order-2", "accepted"), "unexplained", "with 0 registrations"),
    "an order refused without evidence": (
        lambda: replace(with_orders("order-3", "refused", "nonce-expired"), agent=AGENT[:2],
                        registered=GOOD.registered[:1], backend=GOOD.backend[:2]), "unexplained", "knows nothing"),
    "tokens wait at the agent": (lambda: replace(GOOD, outbox=1), "unexplained", "wait at the agent"),
    "an alarm": (lambda: replace(GOOD, alarms=["terminal-1 log-fork 3 3"]), "unexplained", "log-fork"),
}  # fmt: skip


def test_books_that_agree_have_no_discrepancy() -> None:
    assert compare(SIGHTS, PLACED, GOOD) == []


@pytest.mark.parametrize("wrong", PLANTED)
def test_discrepancy_is_found(wrong: str) -> None:
    make, kind, words = PLANTED[wrong]
    found = compare(SIGHTS, PLACED, make())
    assert any(is_kind == kind and words in said for is_kind, said in found), found
    assert {kind for kind, _ in found} <= set(KINDS)


def test_every_kind_is_planted() -> None:
    assert {kind for _, kind, _ in PLANTED.values()} == set(KINDS)


def test_customer_whose_outcome_is_not_the_scripts_is_found() -> None:
    found = compare(SIGHTS, [Placed("order-1", "cancelled"), *PLACED[1:]], GOOD)
    assert [kind for kind, words in found if "the script says cancelled" in words] == ["unexplained"]


def test_refusal_for_a_stepped_clock_is_explained_and_counted_and_without_a_step_it_is_not() -> None:
    books = replace(
        with_agent(replace(AGENT[2], code="clock-implausible", receipt=None)),
        orders={**GOOD.orders, "order-3": Order("refused", "clock-implausible")},
        backend=GOOD.backend[:2],
        registered=GOOD.registered[:1],
    )
    stepped = [*PLACED[:2], Placed("order-3", is_clock_off=True)]
    assert compare(SIGHTS, stepped, books) == []
    assert clock_refusals(books) == 1
    assert {kind for kind, _ in compare(SIGHTS, PLACED, books)} == {"lost", "unexplained"}
