"""What a broker does behind an acknowledgement, each told as an alarm: real brokers, misconfigured like real ones."""

import json
import re
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest
from typer.testing import CliRunner

from host_agent import cli, ingest
from host_agent.broker_watch import STANDS_S, BrokerWatch
from host_agent.deliveries import Deliveries
from host_agent.intake import Message
from host_agent.link import Link
from host_agent.policy import FacePolicy
from host_agent.store import Store
from tests.host_agent.log_double import LogDouble
from tests.host_agent.rig import AgentProcess, Part, Rig, wait_until
from tests.host_agent.shop import Shop
from tests.host_agent.terminal_double import TerminalDouble
from tests.host_agent.test_delivery import needs_mosquitto, start_broker, start_mosquitto

LOST, SMALL = "broker-canary-lost", "broker-too-small"
SESSION_LOST, DROPPED = "broker-session-lost", "broker-dropped"
EVI, LOG = "rnr/v1/demo/t-0001/up/evi", "rnr/v1/demo/t-0001/up/log"


@dataclass
class Ear:
    """The agent's link and watch at a broker, without the rest of the agent; a short period instead of a minute."""

    rig: Rig
    canary_s: float = 1.0

    def __post_init__(self) -> None:
        self.store = Store(self.rig.folder / "agent.db", 2**30, 0)
        self.messages: list[Message] = []
        self.open()

    def open(self) -> None:
        """Also again: the same store, as after a restart of the agent."""
        self.watch = BrokerWatch(
            self.store, "agent", lambda: self.rig.registry.tenants, canary_s=self.canary_s, is_embedded=False
        )
        self.link = Link(
            "agent",
            "localhost",
            self.rig.settings["broker"]["port"],
            self.rig.tls("agent"),
            on_evidence=self._hear,
            watch=self.watch,
            on_state=lambda *_: None,
            on_failure=lambda: None,
            has_room=lambda: True,
        )
        self.link.start()
        wait_until(self.link.is_subscribed.is_set, "the subscription")

    def _hear(self, message: Message) -> None:
        self.messages.append(message)
        self.link.acknowledge([message])

    def close(self) -> None:
        self.link.stop()
        self.store.close()

    def alarms(self) -> set[tuple[str, str]]:
        return {(one.code, one.reason) for one in self.watch.alarms()}

    def wait_for(self, *alarms: tuple[str, str]) -> None:
        wait_until(lambda: self.alarms() == set(alarms), f"the alarms {alarms}")

    def wait_well(self) -> None:
        """Two rounds, and nothing stands."""
        enough = self.watch.canaries + 6
        wait_until(lambda: self.watch.canaries >= enough and not self.alarms(), "two rounds of canaries, and no alarm")


@pytest.fixture
def listen(rig: Rig) -> Iterator[Callable[[], Ear]]:
    ears: list[Ear] = []

    def build() -> Ear:
        ears.append(Ear(rig))
        return ears[-1]

    yield build
    for ear in ears:
        ear.close()


def replaced(old: str, new: str = "") -> Callable[[str], str]:
    """Of mosquitto's two files, that which has it."""
    return lambda text: text.replace(old, new)


def hang_up(broker: Part | None) -> None:
    assert broker is not None
    broker.process.send_signal(signal.SIGHUP)


def said(agent: AgentProcess, code: str) -> list[str]:
    lines = [json.loads(line) for line in agent.log().splitlines() if line.startswith("{")]
    return [line["event"] for line in lines if line.get("code") == code]


@pytest.mark.parametrize(
    "kind",
    [
        "embedded",
        pytest.param("alone", marks=pytest.mark.proof),
        pytest.param("mosquitto", marks=needs_mosquitto),
    ],
)
def test_healthy_broker_raises_nothing(rig: Rig, kind: str) -> None:
    rig.settings["mqtt"]["canary_s"] = 4
    start_broker(rig, kind)
    shop = Shop(rig)
    shop.agent.order("order-1")
    token = shop.evidence("order-1")
    shop.send(token)
    shop.receipt_for(token)
    wait_until(lambda: shop.agent.status()["broker_canaries"] >= 6, "two rounds of canaries")
    status = wait_until(lambda: (now := shop.agent.status())["alarms"] == [] and now, "no alarm")
    assert not [code for code in status["troubles"] if code != "backend-unreachable"]
    assert status["broker_canary_age_s"] <= 4
    assert status["refused"] == {}, "a canary is no evidence"


@needs_mosquitto
def test_denied_publish_is_told_by_status_and_log_and_taken_back_when_it_is_allowed(rig: Rig) -> None:
    rig.settings["mqtt"]["canary_s"] = 4
    right = "pattern write rnr/v1/+/%u/up/#"
    broker = start_broker(rig, "mosquitto", replaced(right, "# " + right))
    shop = Shop(rig)
    shop.client.publish(EVI, b"acknowledged, and gone")
    wait_until(lambda: shop.agent.status()["alarms"], "the alarm")
    status = shop.agent.status()
    assert re.fullmatch(rf"broker {LOST} demo up since \d{{4}}-\d\d-\d\dT\d\d:\d\d:\d\dZ", *status["alarms"])
    assert LOST in status["troubles"] and status["broker_connected"] is True
    assert said(shop.agent, LOST) == ["a canary has not come back from the broker"]
    access = rig.folder / "mosquitto" / "mosquitto.acl"
    access.write_text(access.read_text().replace("# ", ""))
    hang_up(broker)
    wait_until(lambda: not shop.agent.status()["alarms"], "the alarm to go")
    assert said(shop.agent, LOST)[1:] == ["canaries come back again"]


@needs_mosquitto
@pytest.mark.parametrize(
    ("right", "reasons"),
    [
        pytest.param("pattern write rnr/v1/+/%u/up/#", ["up"], id="terminals-may-not-publish"),
        pytest.param("topic read rnr/v1/+/+/up/#", ["up"], id="agent-may-not-read"),
        pytest.param("topic write rnr/v1/+/+/down/#", ["down"], id="agent-may-not-publish"),
        pytest.param("pattern read rnr/v1/+/%u/down/#", ["down"], id="terminals-may-not-read"),
    ],
)
def test_right_that_is_missing_is_told(rig: Rig, listen: Callable[[], Ear], right: str, reasons: list[str]) -> None:
    """Of publishing: acknowledged and dropped. Of reading: the subscription is granted, and nothing comes."""
    start_mosquitto(rig, replaced(right))
    listen().wait_for(*((LOST, f"demo {reason}") for reason in reasons))


@needs_mosquitto
@pytest.mark.parametrize(
    "limit",
    [
        pytest.param("message_size_limit 8191", id="drops-it"),
        pytest.param("max_packet_size 8192", id="ends-the-connection"),
    ],
)
def test_limit_below_the_largest_record_is_told_before_there_is_one(
    rig: Rig, listen: Callable[[], Ear], limit: str
) -> None:
    start_mosquitto(rig, replaced("max_packet_size 65536", limit))
    ear = listen()
    ear.wait_for((SMALL, "demo largest"))
    small = ear.watch.canaries
    wait_until(lambda: ear.watch.canaries >= small + 2, "the small ones go on")


@needs_mosquitto
def test_limit_that_just_fits_raises_nothing(rig: Rig, listen: Callable[[], Ear]) -> None:
    start_mosquitto(rig, replaced("max_packet_size 65536", "message_size_limit 8192"))
    listen().wait_well()


@needs_mosquitto
def test_full_queue_of_an_absent_agent_is_told_at_its_return_and_only_once(rig: Rig, listen: Callable[[], Ear]) -> None:
    start_mosquitto(rig, replaced("max_queued_messages 20000", "max_queued_messages 5\nsys_interval 1"))
    ear = listen()
    ear.link.stop()
    terminal = rig.client("t-0001", rig.settings["broker"]["port"]).connect()
    for number in range(20):
        terminal.publish(EVI, b"%d" % number)  # each has its PUBACK
    ear.open()
    wait_until(lambda: DROPPED in {code for code, _ in ear.alarms()}, "the alarm")
    assert len(ear.messages) <= 5, "what the queue held"
    assert ear.watch.take_off(DROPPED) == 1
    ear.link.stop()
    ear.open()
    ear.wait_well()


@needs_mosquitto
def test_lost_session_is_told_at_once(rig: Rig, listen: Callable[[], Ear]) -> None:
    broker = start_mosquitto(rig)
    ear = listen()
    broker.kill()
    for stored in (rig.folder / "mosquitto").glob("*.db"):
        stored.unlink()
    start_mosquitto(rig)
    ear.wait_for((SESSION_LOST, "1 times, last"))


@pytest.mark.proof
@needs_mosquitto
def test_lost_session_is_told_also_to_an_agent_that_was_away_until_it_is_taken_off(rig: Rig) -> None:
    broker = start_broker(rig, "mosquitto")
    assert broker is not None
    shop = Shop(rig)
    assert shop.agent.status()["alarms"] == [], "the first session of all is none that was lost"
    shop.agent.kill()
    broker.kill()
    for stored in (rig.folder / "mosquitto").glob("*.db"):
        stored.unlink()
    start_broker(rig, "mosquitto")
    shop.restart()
    shop.agent.kill()
    shop.restart()
    status = shop.agent.status()
    assert re.fullmatch(rf"broker {SESSION_LOST} 1 times, last since \S+Z", *status["alarms"])
    assert SESSION_LOST in status["troubles"]
    assert len(said(shop.agent, SESSION_LOST)) == 1
    rig.settings["orders"]["port"] = shop.agent.orders_port
    arguments = ["take-off-alarm", "broker", SESSION_LOST, "--config", str(rig.write_config()), "--json"]
    assert json.loads(CliRunner().invoke(cli.app, arguments).stdout)["taken_off"] == 1
    assert shop.agent.status()["alarms"] == []
    assert getattr(CliRunner().invoke(cli.app, arguments).exception, "code", None) == "alarm-unknown"


def test_restart_of_an_agent_with_its_own_broker_loses_no_session(rig: Rig) -> None:
    shop = Shop(rig)
    shop.agent.kill()
    shop.restart()
    assert shop.agent.status()["alarms"] == []


def test_what_happened_stands_for_a_day(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    store = Store(rig.folder / "agent.db", 2**30, 0)
    watch = BrokerWatch(store, "agent", set[str], canary_s=60, is_embedded=False)
    for session_present in (False, True, False, False):
        watch.opened(session_present=session_present)
    assert [str(one).split(" since")[0] for one in watch.alarms()] == [f"broker {SESSION_LOST} 2 times, last"]
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + STANDS_S + 2)
    assert watch.alarms() == []
    watch.opened(session_present=False)
    assert [one.reason for one in watch.alarms()] == ["1 times, last"]
    store.close()


def test_count_of_a_broker_that_was_started_again_begins_anew(rig: Rig) -> None:
    store = Store(rig.folder / "agent.db", 2**30, 0)
    watch = BrokerWatch(store, "agent", set[str], canary_s=60, is_embedded=False)
    topic = "$SYS/broker/publish/messages/dropped"
    for count in (b"0", b"7", b"7", b"0", b"3", b"x", b"-5", b"9" * 40):
        watch.take(topic, count)
    assert [one.reason for one in watch.alarms()] == ["10 times, last"]
    store.close()


class Desk:
    """What the agent makes of messages: judged, stored, and watched for what does not come."""

    def __init__(self, rig: Rig, store: Store, span_s: float = 60) -> None:
        self.rig = rig
        self.store = store
        self.deliveries = Deliveries(span_s=span_s)
        self.terminal = TerminalDouble(rig.pki, "t-0001")
        self.log = LogDouble(self.terminal)

    def take(self, topic: str, token: bytes, now: float) -> None:
        examined = ingest.examine(topic, token, self.rig.registry)
        with self.store.transaction():
            outcome = ingest.settle(self.store, examined, is_production=False, face=FacePolicy(), now=int(time.time()))
        self.deliveries.take([outcome], now)
        self.deliveries.look(now)

    def resent(self) -> bytes:
        return self.log.statement("evidence-resent", kind=4)

    def alarms(self) -> list[str]:
        return [one.code for one in self.deliveries.alarms]


@pytest.fixture
def desk(rig: Rig) -> Iterator[Desk]:
    store = Store(rig.folder / "agent.db", 2**30, 0)
    yield Desk(rig, store)
    store.close()


def test_evidence_sent_again_and_again_without_any_that_comes_is_told(desk: Desk) -> None:
    desk.take(LOG, desk.resent(), 0)
    desk.take(LOG, desk.log.statement("online", kind=9), 200)
    assert desk.alarms() == []
    desk.take(LOG, desk.resent(), 300)
    assert desk.alarms() == ["evidence-not-arriving"]
    desk.take(LOG, desk.log.statement("online", kind=9), 400)
    assert desk.alarms() == ["evidence-not-arriving"], "a log is no evidence"
    desk.take(EVI, desk.terminal.next_token(), 500)
    assert desk.alarms() == []


def test_log_of_an_absence_is_no_sign_of_what_is_so_now(desk: Desk) -> None:
    """The agent was away: what was sent again meanwhile comes at once, and before or behind it the log of that time."""
    token = desk.terminal.next_token()
    for now in (0, 1, 2):
        desk.take(LOG, desk.resent(), now)
    for now in (3, 4, 5):
        desk.take(EVI, token, now)
    desk.take(LOG, desk.resent(), 6)
    desk.deliveries.look(600)
    assert desk.alarms() == []


def test_terminal_that_comes_online_and_sends_nothing_is_told(desk: Desk) -> None:
    for now in (0, 30, 59):
        desk.deliveries.came_online("t-0001", 0)
        desk.deliveries.look(now)
        assert desk.alarms() == []
    desk.deliveries.look(61)
    assert desk.alarms() == ["evidence-not-arriving"]
    desk.take(LOG, desk.log.statement("online", kind=9), 70)
    assert desk.alarms() == []
    desk.deliveries.came_online("t-0001", 100)
    desk.deliveries.went_offline("t-0001")
    desk.deliveries.look(300)
    assert desk.alarms() == [], "it has gone again"
    desk.deliveries.came_online("t-0001", 400)
    desk.deliveries.wait(500)
    desk.deliveries.look(501)
    assert desk.alarms() == [], "nothing could come"


def test_terminal_that_gets_no_receipts_is_told_until_it_stops_repeating(desk: Desk) -> None:
    token = desk.terminal.next_token()
    for now in range(0, 61, 10):
        desk.take(EVI, token, now)
        assert desk.alarms() == []
    desk.take(EVI, token, 70)
    assert desk.alarms() == ["receipts-not-arriving"]
    desk.take(EVI, desk.terminal.next_token(), 75)
    assert desk.alarms() == ["receipts-not-arriving"], "another one that arrives says nothing of receipts"
    desk.deliveries.look(131)
    assert desk.alarms() == []


@needs_mosquitto
def test_one_terminal_whose_evidence_mosquitto_drops_is_told_by_its_log(rig: Rig, listen: Callable[[], Ear]) -> None:
    """The canaries come back: it is a right of that terminal alone."""
    deny = "user t-0001\ntopic deny rnr/v1/demo/t-0001/up/evi\n\nuser agent\n"
    start_mosquitto(rig, replaced("user agent\n", deny))
    ear = listen()
    desk = Desk(rig, ear.store, span_s=0.5)
    terminal = rig.client("t-0001", rig.settings["broker"]["port"]).connect()
    token = desk.terminal.next_token()

    def take_all() -> bool:
        terminal.publish(EVI, token)
        terminal.publish(LOG, desk.resent())
        while ear.messages:
            message = ear.messages.pop(0)
            desk.take(message.topic, message.payload, time.monotonic())
        return bool(desk.alarms())

    wait_until(take_all, "the alarm")
    assert desk.alarms() == ["evidence-not-arriving"]
    ear.wait_well()
    assert ear.store.figures(0)["evidence"] == 0
