"""The same token again."""

from tests.attacks.bench import Attack, Bench

ATTACK = Attack(
    has="a genuine token that has been taken",
    does="sends it again, to have somebody registered twice",
    code="duplicate",
    check="host_agent/store.py:Store.is_duplicate",
)


def test_token_replay(bench: Bench) -> None:
    _, token = bench.complete()
    assert bench.both_say(token) == {ATTACK.code}
    assert bench.books.counts()["registrations"] == 1
    assert not bench.store.outbox(2**40, 10), "nothing goes to the backend a second time"
