"""An agent that closes the gap."""

import sqlite3

from tests.attacks.bench import Attack, Bench
from tests.host_agent.custody_bench import findings

ATTACK = Attack(
    has="the agent's machine",
    does="deletes a token and gives its number to the next",
    code="custody-token-invalid",
    check="host_agent/audit.py:_token",
)


def test_agent_renumbers(bench: Bench) -> None:
    for _ in range(3):
        bench.complete()
    bench.lose(2)
    with sqlite3.connect(bench.folder / "agent.db") as connection:
        connection.execute("UPDATE evidence SET seq = 2 WHERE seq = 3")
    assert (ATTACK.code, 2, 2) in findings(bench.chain()[1])
