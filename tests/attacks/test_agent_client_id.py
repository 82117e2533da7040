"""A terminal in the agent's place."""

from tests.attacks.bench import Attack
from tests.attacks.line import Line

ATTACK = Attack(
    has="a terminal's certificate",
    does="connects under the agent's client id, whose session is waiting with everybody's evidence",
    code="not-authorised",
    check="host_agent/broker.py:_Gate._admit",
)


def test_agent_client_id(line: Line) -> None:
    for clean_session in (True, False):
        assert line.come("t-0002", "agent", clean_session=clean_session).code == 0x87
    assert set(line.refusals()) == {ATTACK.code}
    line.come("t-0001").publish("rnr/v1/demo/t-0001/up/evi", b"for the agent")
    assert line.agent.wait_for("/t-0001/up/evi") == [b"for the agent"]
