"""Strange characters below a terminal's own topics."""

from host_agent import ingest
from tests.attacks.bench import Attack, Bench
from tests.attacks.line import Line

ATTACK = Attack(
    has="a terminal's certificate, and an MQTT client of his own that sends any bytes",
    does="publishes where he may, under names that the agent could mistake",
    code="topic-invalid",
    check="host_agent/ingest.py:examine",
)


TOPICS = [b"rnr/v1/demo/t-0002/up/evi/", b"rnr/v1/demo/t-0002/up//evi", b"rnr/v1/demo/t-0002/up/other"]
FOREIGN_TENANT = b"rnr/v1/other/t-0002/up/evi"


def test_topic_within_its_own(line: Line, bench: Bench) -> None:
    for topic in [*TOPICS, FOREIGN_TENANT]:
        line.publish_raw("t-0002", topic, b"forged")
    arrived = [topic for topic, payload in line.settled() if payload == b"forged"]
    token = bench.terminal_of("t-0002").next_token()
    said = {topic: ingest.examine(topic, token, bench.registry) for topic in arrived}
    assert {topic.encode() for topic in said} == {*TOPICS, FOREIGN_TENANT}
    assert {said[topic.decode()].content for topic in TOPICS} == {ATTACK.code}
    assert said[FOREIGN_TENANT.decode()].publisher is None, "nobody's: device-mismatch"
