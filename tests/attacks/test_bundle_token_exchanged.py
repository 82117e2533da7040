"""Another token in an exported bundle."""

from host_agent.bundle import TOKEN
from tests.attacks.bench import Attack, Bench
from tests.host_agent.custody_bench import codes
from tests.host_agent.test_custody import Exported

ATTACK = Attack(
    has="a bundle on its way to a court",
    does="puts another genuine token into it",
    code="custody-token-invalid",
    check="host_agent/custody.py:_examine_token",
)


def test_bundle_token_exchanged(bench: Bench) -> None:
    exported = Exported(bench)
    assert exported.verify()[0] == 0
    exported.replace(exported.parts | {TOKEN: bench.token()})
    status, answer = exported.verify()
    assert (status, codes(answer)) == (1, {"evidence": ATTACK.code})
