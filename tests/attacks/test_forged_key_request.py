"""A request for a new key that the agent has not signed."""

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from host_agent import cbor, envelope
from tests.attacks.bench import Attack, Bench
from tests.attacks.counter import Counter, Restarted

ATTACK = Attack(
    has="the broker, or the line behind it, and any key but the agent's",
    does="has the terminal make new keys and restart, again and again",
    code="key-message-invalid",
    check="firmware/terminal/rotation.py:take",
)


def test_forged_key_request(counter: Counter, bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    request = counter.key_request()
    own_key = ec.generate_private_key(ec.SECP256R1())
    forged = [
        envelope.sign(request, bench.registry.agent.kid, own_key),
        counter.sign(request, by="backend"),
        bench.terminal.sign(cbor.decode(request), None),
        counter.sign(cbor.encode(cbor.decode(request) | {256: bench.terminal_of("t-0002").ueid})),
    ]
    for message in forged:
        assert counter.hears_of_its_key(message) is None
    assert counter.key_files() == ["attest.key"]
    assert capsys.readouterr().out.count(f"rotation: {ATTACK.code}") == len(forged)
    with pytest.raises(Restarted):
        counter.hears_of_its_key(counter.sign(request))
