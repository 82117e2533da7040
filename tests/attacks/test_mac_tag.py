"""A message authenticated with a shared secret instead of signed."""

from host_agent import cbor
from tests.attacks.bench import STORED, Attack, Bench

ATTACK = Attack(
    has="a terminal's key",
    does="sends the same content under tag 17 (COSE_Mac0), for which a public key could be taken as the secret",
    code="token-malformed",
    check="host_agent/cbor.py:_refuse_tag",
)


def test_mac_tag(bench: Bench) -> None:
    payload = cbor.encode(bench.claims())
    assert bench.both_say(bench.assemble(payload, tag=17)) == {ATTACK.code}
    assert bench.agent_says(bench.assemble(payload)) == STORED
