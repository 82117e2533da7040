"""The end of a chain cut off."""

from tests.attacks.bench import Attack, Bench
from tests.host_agent.custody_bench import findings

ATTACK = Attack(
    has="the agent's machine",
    does="deletes the last registrations, after which nothing came that would show a gap",
    code="chain-gap",
    check="host_agent/chain.py:_gaps",
)


def test_chain_truncation(bench: Bench) -> None:
    for _ in range(3):
        bench.complete()
    bench.lose(3)
    assert bench.chain()[0] == 0, "from the store alone it cannot be seen"
    last = bench.terminal.seq - 1  # as the terminal shows it, or its next token
    assert findings(bench.chain("--to", str(last))[1]) == [(ATTACK.code, 3, 3)]
    bench.complete()
    assert findings(bench.chain()[1]) == [(ATTACK.code, 3, 3)]
