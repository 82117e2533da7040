"""An agent that loses a token on purpose."""

from tests.attacks.bench import Attack, Bench
from tests.host_agent.custody_bench import findings

ATTACK = Attack(
    has="the agent's machine",
    does="lets one registration disappear from his store before it goes to the backend",
    code="chain-gap",
    check="host_agent/chain.py:_gaps",
)


def test_agent_drops_one(bench: Bench) -> None:
    bench.complete()
    bench.take(bench.token())
    bench.lose(2)
    bench.complete()
    status, answer = bench.chain()
    assert (status, findings(answer)) == (1, [(ATTACK.code, 2, 2)])
    assert bench.backend_chain() == [(ATTACK.code, 2, 2)], "the backend sees it without asking the agent"
