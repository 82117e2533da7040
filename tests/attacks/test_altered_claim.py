"""A claim altered after it was signed."""

from host_agent import cbor
from tests.attacks.bench import STORED, Attack, Bench

ATTACK = Attack(
    has="a genuine token, on its way",
    does="changes a single bit of the claims",
    code="signature-invalid",
    check="host_agent/envelope.py:check_signature",
)


def test_altered_claim(bench: Bench) -> None:
    token = bench.token()
    protected, unprotected, payload, signature = cbor.decode(token).value
    boot_count = payload.index(b"\x19\x01\x0b\x01") + 3
    altered = payload[:boot_count] + b"\x02" + payload[boot_count + 1 :]
    assert bench.both_say(cbor.encode(cbor.Tag(18, [protected, unprotected, altered, signature]))) == {ATTACK.code}
    assert bench.agent_says(token) == STORED
