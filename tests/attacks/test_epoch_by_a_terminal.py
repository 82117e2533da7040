"""A terminal that publishes an epoch."""

from tests.attacks.bench import Attack
from tests.attacks.line import Line

ATTACK = Attack(
    has="a terminal's certificate",
    does="publishes an old epoch, retained, for all the others",
    code="topic-refused",
    check="host_agent/broker.py:may",
)


def test_epoch_by_a_terminal(line: Line) -> None:
    line.agent.publish("rnr/v1/demo/epoch", b"of the agent", retain=True)
    line.come("t-0002").publish("rnr/v1/demo/epoch", b"of t-0002", retain=True)
    late = line.come("t-0001")
    late.subscribe("rnr/v1/demo/epoch")
    assert late.wait_for("/epoch") == [b"of the agent"]
    assert line.refusals() == [ATTACK.code]
