"""A forged receipt in an exported bundle."""

from host_agent.bundle import BACKEND_RECEIPT
from tests.attacks.bench import Attack, Bench
from tests.host_agent.custody_bench import codes
from tests.host_agent.test_custody import Exported, other_receipt

ATTACK = Attack(
    has="a bundle, and the agent's key",
    does="makes the backend say that it has taken something",
    code="custody-backend-receipt-invalid",
    check="host_agent/custody.py:_examine_receipt",
)


def test_bundle_receipt_forged(bench: Bench) -> None:
    exported = Exported(bench)
    forged = other_receipt(exported, bench.sign_as_agent, "backend")
    exported.replace(exported.parts | {BACKEND_RECEIPT: forged})
    status, answer = exported.verify()
    assert (status, codes(answer)) == (1, {"backend-receipt": ATTACK.code})
