"""Two tokens after the same one."""

from tests.attacks.bench import Attack, Bench

ATTACK = Attack(
    has="a terminal's key, on the terminal and on a machine of his own",
    does="goes on from the same token twice, with numbers that do not meet",
    code="chain-fork",
    check="host_agent/policy.py:_chain_code",
)


def test_chain_fork(bench: Bench) -> None:
    bench.complete()
    head = bench.terminal.prev
    bench.complete()
    bench.terminal.seq, bench.terminal.prev = 4, head
    assert bench.both_say(bench.token()) == {ATTACK.code}
