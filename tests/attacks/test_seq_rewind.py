"""An old state of the flash put back."""

from tests.attacks.bench import Attack, Bench

ATTACK = Attack(
    has="a terminal, and a copy of its flash from before its last registration",
    does="puts the copy back and registers somebody under a number that has been used",
    code="seq-replayed",
    check="host_agent/policy.py:_chain_code",
)


def test_seq_rewind(bench: Bench) -> None:
    bench.complete()
    before = bench.terminal.seq, bench.terminal.prev
    bench.complete()
    bench.terminal.seq, bench.terminal.prev = before
    assert bench.both_say(bench.token()) == {ATTACK.code}
    assert bench.chain()[0] == 1, "and the auditor sees it"
