"""A receipt that answers one token twice."""

import time
from dataclasses import replace

import pytest

from host_agent import cbor
from host_agent.attestation import RECEIPT_PROFILE, Verdict
from tests.attacks.bench import Attack, Bench
from tests.attacks.counter import Counter

ATTACK = Attack(
    has="the agent's signing key",
    does="says of one registration that it is stored and that it is refused, to be able to show either later",
    code="receipt-invalid",
    check="firmware/terminal/agent_messages.py:parse_receipt",
)


def test_receipt_answers_twice(counter: Counter, bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    stored = bench.stored(counter.store())
    refused = replace(stored, verdict=Verdict.REFUSED, reason="nonce-unknown")
    answers = [
        [stored.token_sha256, stored.cti, int(stored.verdict)],
        [refused.token_sha256, refused.cti, int(refused.verdict), refused.reason],
    ]
    claims = {1: "agent", 6: int(time.time()), 256: counter.double.ueid, 265: RECEIPT_PROFILE, -70021: answers}
    counter.receives(("down/rcpt", counter.sign(cbor.encode(claims))))
    assert len(counter.queue) == 1
    assert f"uplink: {ATTACK.code}" in capsys.readouterr().out
