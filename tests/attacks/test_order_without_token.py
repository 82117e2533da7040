"""An order from beside the counter."""

from pathlib import Path

from tests.attacks.bench import Attack
from tests.host_agent.rig import Rig

ATTACK = Attack(
    has="a program on the agent's machine that may not read the token",
    does="asks for the registration of a number",
    code="not-authorised",
    check="host_agent/admin.py:Admin._guard",
)


ORDER = {"order_id": "order-1", "device": "t-0001", "msisdn": "17000000001"}


def test_order_without_token(pki: Path, tmp_path: Path) -> None:
    rig = Rig(pki, tmp_path)
    try:
        agent = rig.start_agent()
        for token in ("", "x" * 43, "Bearer"):
            status, answer = agent.ask("POST", "/v1/orders", ORDER, token)
            assert (status, answer["code"]) == (401, ATTACK.code)
        assert agent.ask("GET", "/v1/orders/order-1")[0] == 404, "there is no order"
    finally:
        rig.close()
