"""A backend that denies a registration."""

import sqlite3

from tests.attacks.bench import Attack, Bench

ATTACK = Attack(
    has="the backend's machine",
    does="deletes a registration from the books and says that it has never come",
    code="chain-gap",
    check="host_agent/chain.py:_gaps",
)


def test_backend_denies_one(bench: Bench) -> None:
    bench.complete()
    cti, _ = bench.complete()
    bench.complete()
    with sqlite3.connect(bench.folder / "backend.db") as connection:
        connection.execute("DELETE FROM evidence WHERE cti = ?", (bytes.fromhex(cti),))
    assert bench.backend_chain() == [(ATTACK.code, 2, 2)]
    status, answer = bench.custody(cti)
    assert status == 0 and answer["links"][2]["says"] == "stored", "its own signed receipt says that it came"
