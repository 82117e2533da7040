"""The nonce of one order under the id of another."""

from tests.attacks.bench import Attack, Bench

ATTACK = Attack(
    has="a terminal's key, and two orders",
    does="lets the registration of one customer count as that of another",
    code="order-mismatch",
    check="host_agent/policy.py:_order_code",
)


def test_order_id_swap(bench: Bench) -> None:
    bench.claims(order_id="order-1")
    claims = bench.claims(order_id="order-2")
    claims[-70003][9] = "order-1"
    assert bench.agent_says(bench.terminal.sign(claims)) == ATTACK.code
