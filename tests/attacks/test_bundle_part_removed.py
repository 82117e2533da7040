"""A part of an exported bundle left out."""

from host_agent.bundle import BACKEND_RECEIPT
from tests.attacks.bench import Attack, Bench
from tests.host_agent.custody_bench import codes
from tests.host_agent.test_custody import Exported

ATTACK = Attack(
    has="a bundle with a refusal in it that somebody does not like",
    does="leaves the receipt out, as if there had never been one",
    code="bundle-part-exchanged",
    check="host_agent/bundle.py:_compare",
)


def test_bundle_part_removed(bench: Bench) -> None:
    exported = Exported(bench)
    parts = exported.parts
    del parts[BACKEND_RECEIPT]
    exported.replace(parts)
    status, answer = exported.verify()
    assert (status, codes(answer)) == (1, {"backend-receipt": ATTACK.code})
