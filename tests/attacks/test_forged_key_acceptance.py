"""A terminal told to change to its next key by somebody else than the agent."""

import hashlib

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from host_agent import cbor, envelope, key_messages
from tests.attacks.bench import Attack, Bench
from tests.attacks.counter import Counter, Restarted

ATTACK = Attack(
    has="the broker, and a statement that he has seen go by",
    does="has the terminal change to a key that nobody has registered: it would register nobody any more",
    code="key-message-invalid",
    check="firmware/terminal/rotation.py:take",
)


def test_forged_key_acceptance(counter: Counter, bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    statement = counter.states_a_key()
    key = (counter.secret / "attest.key").read_bytes()
    word = key_messages.build_acceptance(counter.settings.ueid, hashlib.sha256(statement).digest(), counter.clock.now())
    own_key = ec.generate_private_key(ec.SECP256R1())
    forged = [
        statement,
        envelope.sign(word, bench.registry.agent.kid, own_key),
        counter.sign(word, by="backend"),
        bench.terminal.sign(cbor.decode(word), None),
        counter.sign(cbor.encode(cbor.decode(word) | {256: bench.terminal_of("t-0002").ueid})),
    ]
    for message in forged:
        assert counter.hears_of_its_key(message) is None
    assert (counter.secret / "attest.key").read_bytes() == key
    assert capsys.readouterr().out.count(f"rotation: {ATTACK.code}") == len(forged)
    with pytest.raises(Restarted):
        counter.hears_of_its_key(counter.sign(word))
    assert (counter.secret / "attest.key").read_bytes() != key
