"""An agent that exchanges a token."""

import sqlite3

from tests.attacks.bench import Attack, Bench
from tests.host_agent.custody_bench import codes

ATTACK = Attack(
    has="the agent's machine",
    does="puts another genuine token in the place of the one that was stored",
    code="custody-token-invalid",
    check="host_agent/custody.py:_examine_token",
)


def test_agent_alters_the_store(bench: Bench) -> None:
    cti, _ = bench.complete()
    other = bench.token()
    with sqlite3.connect(bench.folder / "agent.db") as connection:
        connection.execute("UPDATE tokens SET token = ?", (other,))
    status, answer = bench.custody(cti)
    assert (status, codes(answer)) == (1, {"evidence": ATTACK.code})
