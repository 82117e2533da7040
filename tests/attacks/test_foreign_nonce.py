"""The order of another terminal."""

from tests.attacks.bench import Attack, Bench

ATTACK = Attack(
    has="the key of t-0001, and an order to t-0002 read on its way",
    does="answers it, in a shop where nobody looks",
    code="order-mismatch",
    check="host_agent/policy.py:_order_code",
)


def test_foreign_nonce(bench: Bench) -> None:
    bench.device = "t-0002"  # for whom the order is made
    claims = bench.claims(order_id="order-1")
    bench.device = "t-0001"
    assert bench.agent_says(bench.terminal.sign(claims)) == ATTACK.code
    order = bench.store.order("order-1")
    assert order is not None and order.state == "waiting"
