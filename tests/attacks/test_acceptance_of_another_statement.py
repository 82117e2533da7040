"""The agent's word about one statement in the place of another."""

import hashlib

import pytest

from host_agent import key_messages
from tests.attacks.bench import Attack
from tests.attacks.counter import Counter, Restarted

ATTACK = Attack(
    has="a genuine word of the agent about an earlier statement of the same terminal",
    does="delivers it once the terminal has made another statement, which nobody has taken over",
    code="key-message-invalid",
    check="firmware/terminal/rotation.py:take",
)


def test_acceptance_of_another_statement(counter: Counter, capsys: pytest.CaptureFixture[str]) -> None:
    def word_of(statement: bytes) -> bytes:
        sha256 = hashlib.sha256(statement).digest()
        return counter.sign(key_messages.build_acceptance(counter.settings.ueid, sha256, counter.clock.now()))

    key = (counter.secret / "attest.key").read_bytes()
    earlier = counter.states_a_key()
    counter.clock.at += 1000  # it has lapsed
    later = counter.states_a_key()
    assert later != earlier
    assert counter.hears_of_its_key(word_of(earlier)) is None
    assert (counter.secret / "attest.key").read_bytes() == key
    assert capsys.readouterr().out.count(f"rotation: {ATTACK.code}") == 1
    with pytest.raises(Restarted):
        counter.hears_of_its_key(word_of(later))
