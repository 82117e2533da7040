"""The reserve on a real file system: each order once and in its turn, whatever is repeated, damaged or cut off."""

import os
import sys

import test_agent_messages as messages
import test_queue as files
from harness import ROOT, raises, scratch, skip
from terminal import agent_messages, cbor, log_record
from terminal.errors import NoOfflineOrder, OrderInvalid
from terminal.queue import Queue
from terminal.reserve import AGE_MAX_S, PAGES_MAX, REPEAT_MS, WAIT_MAX_S, Reserve

try:
    import vfs

    sys.path.append(ROOT + "/tools/emulator/lib")
    from nor_flash import BLOCK_BYTES, GEOMETRY, Cut, Memory, Nor
except ImportError:
    vfs = None  # CPython has no littlefs

FOLDER = scratch("reserve-under-test")
AT = 1_790_000_000
WEEK_S = 604_800
SHEET = {
    4: AT + WEEK_S,
    6: AT,
    256: messages.UEID,
    265: "tag:shiming.example,2026:order-sheet#1",
    -70012: "CH-000001",
    -70013: 5,
}
EPOCH = {6: AT, 265: "tag:shiming.example,2026:epoch#1", -70015: b"\x01" * 16}


class Settings:
    agent_kid = messages.AGENT.kid
    agent_point = messages.AGENT.point
    ueid = messages.UEID
    channel = "CH-000001"


class Clock:
    source = 2

    def __init__(self) -> None:
        self.seconds = AT + 10

    def now(self) -> int:
        return self.seconds


class Log:
    def __init__(self) -> None:
        self.noted = []

    def note(self, kind: int, code: str, *numbers: int) -> None:
        self.noted.append((kind, code) + numbers)


class Recorded:
    """The queue's memory of orders that have a record."""

    def __init__(self, *order_ids: str) -> None:
        self.order_ids = list(order_ids)

    def has_order(self, order_id: str) -> bool:
        return order_id in self.order_ids


class Bench:
    def __init__(self, is_fresh: bool = True) -> None:
        if is_fresh:
            files.wiped(FOLDER)
        self.queue, self.clock, self.log = Recorded(), Clock(), Log()
        self.restart()

    def restart(self) -> None:
        self.reserve = Reserve(Settings, self.queue, self.clock, self.log, FOLDER)
        self.reserve.open()

    def register(self) -> str:
        order = self.reserve.next()
        self.queue.order_ids.append(order.id)
        self.reserve.remove(order)
        return order.id

    def empty(self) -> list:
        """Ids of all orders that are left, each run to its end."""
        found = []
        try:
            while True:
                found.append(self.register())
        except NoOfflineOrder:
            return found


def entry(order_id: str, msisdn: str = "17000000001") -> bytes:
    return cbor.encode([order_id, bytes(16), msisdn])


def sheet(*order_ids: str, **other: object) -> bytes:
    claims = messages.changed(SHEET, -70014, [entry(one) for one in order_ids])
    for name, value in other.items():
        claims = messages.changed(claims, {"iat": 6, "exp": 4, "channel": -70012, "number": -70013}[name], value)
    return messages.signed(claims)


def epoch(at: int, first: int = 1) -> bytes:
    return messages.signed(messages.changed(messages.changed(EPOCH, 6, at), -70015, bytes([first]) * 16))


# --- sheets


def test_orders_come_in_the_order_of_their_sheets_also_after_a_restart() -> None:
    bench = Bench()
    bench.reserve.take(sheet("c", "d", number=6))
    bench.reserve.take(sheet("a", "b"))
    assert bench.register() == "a"
    bench.restart()
    assert bench.empty() == ["b", "c", "d"]
    bench.restart()
    assert bench.empty() == []
    assert [name for name in os.listdir(FOLDER) if name.isdigit()] == []


def test_order_says_what_it_is_and_gives_the_customer_a_while() -> None:
    bench = Bench()
    bench.reserve.take(sheet("a"))
    order = bench.reserve.next()
    assert order == ("a", bytes(16), "17000000001", "CH-000001", AT, AT + 10 + WAIT_MAX_S, (5, 0))
    assert bench.reserve.next() == order, "until it is removed"
    bench.clock.seconds = AT + WEEK_S - 5
    assert bench.reserve.next().expires_at == AT + WEEK_S


def test_sheet_that_is_kept_is_said_in_the_log_once_in_a_while() -> None:
    bench, kept = Bench(), (log_record.SHEET, "sheet-stored", 5, 2)
    first = sheet("a", "b")
    bench.reserve.take(first)
    bench.reserve.take(first)
    assert bench.log.noted == [kept]
    bench.restart()
    bench.empty()
    bench.reserve.take(first)
    assert bench.log.noted == [kept, kept], "used up, but the agent does not know that it was ever here"
    bench.reserve._sent[5] -= REPEAT_MS + 1
    bench.reserve.take(first)
    assert len(bench.log.noted) == 3
    assert bench.empty() == []


def test_sheet_that_runs_out_is_given_up() -> None:
    bench = Bench()
    bench.reserve.take(sheet("a", exp=AT + 100))
    bench.reserve.take(sheet("b", number=6))
    bench.clock.seconds = AT + 100
    assert bench.empty() == ["b"]
    bench.reserve.take(sheet("c", number=7, exp=AT + 50))
    assert len(bench.log.noted) == 2, "one that has run out is not kept"


def test_sheet_of_another_channel_is_dropped() -> None:
    bench = Bench()
    bench.reserve.take(sheet("a", channel="CH-000002"))
    assert (bench.empty(), bench.log.noted) == ([], [])


def test_malformed_sheets_are_dropped() -> None:
    bench = Bench()
    good = messages.changed(SHEET, -70014, [entry("a")])
    for key, value in (
        (-70013, 0),
        (-70013, None),
        (-70014, []),
        (-70014, [entry("a")] * 33),
        (-70014, ["a"]),
        (-70014, [1]),
        (-70014, [cbor.encode(["a", bytes(16)])]),
        (-70014, [cbor.encode(["a", bytes(15), "1"])]),
        (-70014, [cbor.encode(["a b", bytes(16), "1"])]),
        (-70014, [cbor.encode(["a", bytes(16), "x"])]),
        (-70014, [cbor.encode([1, bytes(16), "1"])]),
        (-70014, [cbor.encode(1)]),
        (-70014, [b"\x9f"]),
        (256, b"\x01" + bytes(15) + b"\x01"),
        (265, "tag:shiming.example,2026:registration-order#1"),
    ):
        bench.reserve.take(messages.signed(messages.changed(good, key, value)))
    bench.reserve.take(b"")
    assert (bench.empty(), bench.log.noted) == ([], [])


def test_line_of_sheets_is_bounded_and_one_that_has_run_out_makes_room() -> None:
    bench = Bench()
    bench.reserve.take(sheet("a", exp=AT + 100))
    for number in range(1000, 1000 + PAGES_MAX - 1):  # as if they had come: verifying each takes its time
        bench.reserve._pages.append(number)
    bench.reserve.take(sheet("b", number=5000))
    assert [noted[2] for noted in bench.log.noted] == [5]
    bench.reserve.take(sheet("b", number=5000, iat=AT + 100))
    assert [noted[2] for noted in bench.log.noted] == [5, 5000], "its iat says that the oldest has run out"


def test_order_with_a_record_is_not_run_again() -> None:
    bench = Bench()
    bench.queue.order_ids.append("a")
    bench.reserve.take(sheet("a", "b"))
    assert bench.empty() == ["b"]


def test_damaged_state_costs_what_is_here_and_not_what_comes() -> None:
    bench = Bench()
    bench.reserve.take(sheet("a", "b"))
    bench.register()
    with open(FOLDER + "/state", "r+b") as file:
        file.write(b"\xff")
    bench.restart()
    assert bench.empty() == []
    bench.reserve.take(sheet("c", number=6))
    assert bench.empty() == ["c"]


# --- epochs


def test_only_a_younger_epoch_takes_the_place() -> None:
    bench = Bench()
    assert bench.reserve.epoch is None
    bench.reserve.update(epoch(AT, 1))
    bench.reserve.update(epoch(AT, 2))
    bench.reserve.update(epoch(AT - 1, 3))
    assert bench.reserve.epoch == b"\x01" * 16
    bench.reserve.update(epoch(AT + 1, 4))
    assert bench.reserve.epoch == b"\x04" * 16


def test_epoch_is_there_after_a_restart_and_is_not_written_all_the_time() -> None:
    bench = Bench()
    bench.reserve.update(epoch(AT, 1))
    bench.reserve.update(epoch(AT + AGE_MAX_S - 1, 2))
    bench.restart()
    assert bench.reserve.epoch == b"\x01" * 16
    bench.reserve.update(epoch(AT + AGE_MAX_S, 3))
    bench.restart()
    assert bench.reserve.epoch == b"\x03" * 16


def test_malformed_epochs_are_dropped() -> None:
    point, kid = messages.AGENT.point, messages.AGENT.kid
    for token in (
        messages.signed(messages.changed(EPOCH, -70015, bytes(15))),
        messages.signed(messages.changed(EPOCH, 6, None)),
        messages.signed(messages.changed(EPOCH, 265, SHEET[265])),
        messages.signed(EPOCH, messages.STRANGER),
        b"",
    ):
        raises(OrderInvalid, agent_messages.epoch, token, kid, point)


# --- power cuts on littlefs over NOR flash


class Life:
    """A terminal with two sheets, and the agent, which sends what is not confirmed; in the queue, what was done."""

    POINT = "/torn-reserve"
    BLOCKS = 24
    SHEETS = (("a", "b"), ("c",))

    def __init__(self) -> None:
        self.memory = bytearray(b"\xff" * (self.BLOCKS * BLOCK_BYTES))
        vfs.VfsLfs2.mkfs(Nor(Memory(self.memory), self.BLOCKS), **GEOMETRY)
        self.messages = [sheet(*ids, number=number) for number, ids in enumerate(self.SHEETS, 5)]
        self.log = Log()

    def boot(self, cut: "Cut | None" = None) -> None:
        self.device = Nor(Memory(self.memory), self.BLOCKS, cut)
        vfs.mount(vfs.VfsLfs2(self.device, **GEOMETRY), self.POINT)
        self.queue = Queue(self.POINT + "/queue")
        self.queue.open()
        self.reserve = Reserve(Settings, self.queue, Clock(), self.log, self.POINT + "/reserve")
        self.reserve.open()

    def play(self) -> None:
        """Until nothing is left, or the power goes."""
        confirmed = [noted[2] for noted in self.log.noted]
        for number, message in enumerate(self.messages, 5):
            if number not in confirmed and not self.device.is_dead:
                self.reserve.take(message)
        while not self.device.is_dead:
            try:
                order = self.reserve.next()
                self.queue.append(order.id, order.id.encode(), AT)
            except NoOfflineOrder:
                return
            except Exception:
                if self.device.is_dead:
                    return
                raise
            self.reserve.remove(order)

    def registered(self) -> list:
        return [self.queue.read(seq).order_id for seq in self.queue.pending()]

    def off(self) -> None:
        vfs.umount(self.POINT)


def test_power_cut_at_every_write_uses_each_order_once_and_loses_none() -> None:
    if not vfs:
        skip("littlefs and viper are MicroPython's")
    whole = Life()
    whole.boot()
    whole.play()
    assert whole.registered() == ["a", "b", "c"]
    whole.off()
    for operation in range(whole.device.operations):
        for permille, bits in ((0, 0xFF), (500, 0x0F), (1000, 0)):
            cut_life(Cut(operation, permille, bits))


def cut_life(cut: "Cut") -> None:
    life, where = Life(), str(tuple(cut))
    try:
        life.boot(cut)
        life.play()
    except Exception as error:  # noqa: BLE001 - while the power goes, anything may fail
        assert life.device.is_dead, where + repr(error)
    life.off()
    assert life.device.is_dead, where
    life.boot()
    life.play()
    found = life.registered()
    life.off()
    assert found == ["a", "b", "c"], where + repr(found)
