"""The canary alone, with a clock of ours: what it sends, what it takes for a return, what it says without one."""

import itertools
from collections.abc import Callable

import pytest

from host_agent.canary import BUSY_MAX_S, LARGEST_BYTES, Canary, Packet

UP, DOWN = "rnr/v1/demo/agent/up/canary", "rnr/v1/demo/agent/down/canary"
PERIOD_S = 60
LOST, SMALL = "broker-canary-lost", "broker-too-small"

Fate = Callable[[Packet], bool]


class Course:
    """A broker that delivers what `carries` says, at once."""

    def __init__(self, *tenants: str) -> None:
        self.tenants = tenants or ("demo",)
        counter = itertools.count(1)
        self.canary = Canary("agent", lambda: self.tenants, PERIOD_S, lambda size: next(counter).to_bytes(size, "big"))
        self.now = 1000.0
        self.sent: list[Packet] = []

    def connect(self) -> None:
        self.canary.opened(self.now)
        self.canary.subscribed(self.now)

    def run(self, seconds: float, carries: Fate = lambda _: True) -> None:
        end = self.now + seconds
        while self.now < end:
            self.step(carries)
            self.now += 0.5

    def step(self, carries: Fate = lambda _: True) -> list[Packet]:
        packets = self.canary.due(self.now)
        self.sent += packets
        for packet in packets:
            if carries(packet):
                self.canary.take(packet.topic, packet.payload, self.now)
        return packets

    def alarms(self) -> list[tuple[str, str]]:
        return sorted((one.code, one.reason) for one in self.canary.alarms)


@pytest.fixture
def course() -> Course:
    course = Course()
    course.connect()
    return course


def is_small(packet: Packet) -> bool:
    return len(packet.payload) < LARGEST_BYTES


def test_small_ones_go_at_once_and_the_largest_behind_one_that_came_back(course: Course) -> None:
    assert [(p.topic, len(p.payload), p.qos) for p in course.step()] == [(UP, 16, 1), (DOWN, 16, 1)]
    assert [(p.topic, len(p.payload), p.qos) for p in course.step()] == [(UP, 8192, 0)]
    assert course.step() == []
    assert course.canary.back_at == course.now


def test_healthy_broker_gets_three_a_period_and_raises_nothing(course: Course) -> None:
    course.run(10 * PERIOD_S)
    assert len(course.sent) == 30
    assert len({packet.payload for packet in course.sent}) == 30, "no nonce comes twice"
    assert course.alarms() == []


@pytest.mark.parametrize(("topic", "kind"), [(UP, "up"), (DOWN, "down")])
def test_one_that_does_not_come_back_is_told_and_taken_back_when_one_does(
    course: Course, topic: str, kind: str
) -> None:
    course.run(14, lambda packet: packet.topic != topic)
    assert course.alarms() == [], "before the deadline"
    course.run(4, lambda packet: packet.topic != topic)
    assert course.alarms() == [(LOST, f"demo {kind}")]
    course.run(5 * PERIOD_S, lambda packet: packet.topic != topic)
    assert course.alarms() == [(LOST, f"demo {kind}")], "once, not once a period"
    course.run(PERIOD_S)
    assert course.alarms() == []


def test_no_subscription_is_told_as_well(course: Course) -> None:
    course = Course()
    course.canary.opened(course.now)
    course.run(2 * PERIOD_S, lambda _: False)
    assert course.alarms() == [(LOST, "demo down"), (LOST, "demo up")]


def test_size_is_blamed_only_when_small_ones_come_back(course: Course) -> None:
    course.run(PERIOD_S + 2, is_small)
    assert course.alarms() == [(SMALL, "demo largest")]
    course.run(PERIOD_S)
    assert course.alarms() == []
    course.step()
    course.run(2 * PERIOD_S, lambda _: False)
    assert course.alarms() == [(LOST, "demo down"), (LOST, "demo up")]


def test_largest_that_ends_the_connection_is_told_and_does_not_end_each(course: Course) -> None:
    for _ in range(20):
        course.step(is_small)
        if any(not is_small(packet) for packet in course.step(is_small)):
            course.canary.closed(course.now)
            course.connect()
        course.now += 1
    assert course.alarms() == [(SMALL, "demo largest")]
    assert sum(not is_small(packet) for packet in course.sent) == 2
    course.run(2 * PERIOD_S)
    assert course.alarms() == []


def test_one_connection_that_ends_under_the_largest_raises_nothing(course: Course) -> None:
    course.step(is_small)
    assert course.step(is_small)
    course.canary.closed(course.now)
    course.connect()
    course.run(3 * PERIOD_S)
    assert course.alarms() == []


def test_canary_behind_a_queue_of_evidence_is_waited_for_but_not_for_ever(course: Course) -> None:
    waited_s = 0
    while not course.alarms():
        course.canary.busy(course.now)
        course.step(lambda _: False)
        course.now += 1
        waited_s += 1
        assert waited_s < 2 * BUSY_MAX_S
    assert waited_s > BUSY_MAX_S
    assert len(course.sent) == 2, "none is sent while one of its kind is out"


def test_late_one_takes_its_alarm_back(course: Course) -> None:
    late = course.step(lambda _: False)
    course.now += 20
    course.step()
    assert len(course.alarms()) == 2
    for packet in late:
        course.canary.take(packet.topic, packet.payload, course.now)
    assert course.alarms() == []


def test_only_the_one_that_is_out_counts(course: Course) -> None:
    """Nor one of an earlier connection, which waited in the session, nor anything that somebody invents."""
    old = course.step(lambda _: False)
    course.canary.closed(course.now)
    course.connect()
    new = course.step(lambda _: False)
    for packet in (*old, Packet(UP, bytes(16), 1), Packet(UP, b"", 1), Packet(UP, bytes(LARGEST_BYTES), 1)):
        course.canary.take(packet.topic, packet.payload, course.now)
    course.canary.take(DOWN, new[0].payload, course.now)
    assert course.canary.back_at is None


def test_while_disconnected_nothing_is_sent_and_nothing_changes(course: Course) -> None:
    course.run(20, lambda _: False)
    before = course.alarms(), len(course.sent)
    assert before[0]
    course.canary.closed(course.now)
    course.run(5 * PERIOD_S)
    assert (course.alarms(), len(course.sent)) == before


def test_each_tenant_has_its_own_and_one_that_goes_takes_its_alarms_with_it() -> None:
    course = Course("a", "b")
    course.connect()
    course.run(30, lambda packet: not packet.topic.startswith("rnr/v1/b/"))
    assert course.alarms() == [(LOST, "b down"), (LOST, "b up")]
    assert sum(not is_small(packet) for packet in course.sent) == 1
    course.tenants = ("a",)
    course.run(PERIOD_S)
    assert course.alarms() == []


def test_topics_are_its_own_alone() -> None:
    takes = Course().canary.takes
    assert takes(UP) and takes(DOWN) and takes("rnr/v1/other/agent/up/canary")
    for topic in ("rnr/v1/demo/t-0001/up/canary", "rnr/v1/demo/agent/up/evi", "rnr/v1/demo/agent/up/canary/x", ""):
        assert not takes(topic), topic
