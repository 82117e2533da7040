"""The number of one attestation on another."""

from tests.attacks.bench import Attack, Bench
from tests.host_agent.terminal_double import identity

ATTACK = Attack(
    has="a terminal's key, and the cti of a registration that was accepted",
    does="signs other claims under it, so that whoever asks for that number finds two",
    code="cti-reused",
    check="host_agent/policy.py:_foreign_code",
)


def test_cti_reuse(bench: Bench) -> None:
    cti, _ = bench.complete()
    claims = bench.claims() | {7: bytes.fromhex(cti)}
    bench.terminal.seal(claims, person())
    assert bench.both_say(bench.terminal.sign(claims)) == {ATTACK.code}
    assert bench.custody(cti)[0] == 0, "the first is unharmed"


def person() -> dict:
    return identity(e1="另一人")
