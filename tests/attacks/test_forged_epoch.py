"""An epoch that the agent has not signed."""

import time

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from host_agent import cbor, envelope, freshness
from host_agent.freshness import Epoch
from tests.attacks.bench import Attack, Bench
from tests.attacks.counter import Counter

ATTACK = Attack(
    has="the broker, and any key but the agent's",
    does="publishes an epoch of his own: evidence that names it would be refused, or prove nothing",
    code="epoch-invalid",
    check="firmware/terminal/agent_messages.py:epoch",
)


def test_forged_epoch(counter: Counter, bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    now = int(time.time())
    epoch = freshness.build_epoch(Epoch(now, b"\x01" * 16))
    forged = [
        envelope.sign(epoch, bench.registry.agent.kid, ec.generate_private_key(ec.SECP256R1())),
        counter.sign(epoch, by="backend"),
        bench.terminal.sign(cbor.decode(epoch), None),
        counter.signed_order("order-1"),
    ]
    counter.receives(*[("epoch", message) for message in forged])
    assert counter.reserve.epoch is None
    assert capsys.readouterr().out.count(f"orders: {ATTACK.code}") == len(forged)
    counter.receives(("epoch", counter.sign(epoch)))
    assert counter.reserve.epoch == b"\x01" * 16
    counter.receives(("epoch", counter.sign(freshness.build_epoch(Epoch(now - 1, b"\x02" * 16)))))
    assert counter.reserve.epoch == b"\x01" * 16, "nor does an older one of the agent's own take its place"
