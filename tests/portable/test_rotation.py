"""A terminal's half of a key rotation: only the agent's word counts, and a power cut leaves the old key or the new."""

import asyncio
import os
from hashlib import sha256

import test_nor_flash as nor
from harness import scratch, signed1, skip
from terminal import cbor, cose, log_record, next_key, p256, rotation
from terminal.errors import QueueError
from terminal.next_key import OVERLAP_MAX_S, PROFILE
from terminal.queue import GENESIS, Queue
from terminal.signer import SoftwareSigner

AGENT = SoftwareSigner(7)
STRANGER = SoftwareSigner(9)
OLD = int.from_bytes(sha256(b"the old key").digest(), "big")
UEID = b"\x01" + bytes(16)
NOW = 1_790_000_000
BEGINS, ENDS = NOW + 10, NOW + 600
FOLDER = scratch("rotation-under-test")
ORDER = "tag:shiming.example,2026:key-order#1"


class Restarted(Exception):
    """The board's reset does not return."""


class Settings:
    agent_kid, agent_point, ueid = AGENT.kid, AGENT.point, UEID


class Clock:
    def __init__(self) -> None:
        self.seconds = NOW

    def now(self) -> int:
        return self.seconds


class Board:
    element = None

    def __init__(self) -> None:
        self.clock = Clock()
        self._drawn = 0

    def random(self, size: int) -> bytes:
        self._drawn += 1
        return (sha256(b"%d" % self._drawn).digest() * (size // 32 + 1))[:size]

    def reset(self) -> None:
        raise Restarted


class Log:
    def __init__(self) -> None:
        self.entries = []
        self.faults = []

    def note(self, kind: int, code: str, number: "int | None" = None) -> None:
        assert kind == log_record.KEY
        assert log_record.is_code(code)
        self.entries.append(code)

    def take(self, state: str, code: "str | None", value: "int | None") -> None:
        self.faults.append(code)


class Counter:
    is_busy = False

    def is_idle(self) -> bool:
        return not self.is_busy


class Terminal:
    """What is on flash, and one life of what runs on it."""

    def __init__(self, folder: str = FOLDER, is_new: bool = True) -> None:
        self.folder = folder
        self.hw, self.log, self.counter = Board(), Log(), Counter()
        self.starts = 0
        if is_new:
            for name in ("/secret/attest.next.new", "/secret", "/queue", ""):
                empty(folder + name)
            os.mkdir(folder)
            os.mkdir(folder + "/secret")
            self.put("attest.key", OLD.to_bytes(32, "big"))
        self.start()

    def start(self) -> None:
        """As terminal.app does it."""
        self.signer = SoftwareSigner.from_bytes(self.content("attest.key"), self.hw.random)
        self.queue = Queue(self.folder + "/queue")
        self.queue.open()
        self.queue.identify(self.signer.kid)
        folder = self.folder + "/secret"
        if asyncio.run(next_key.answer(self.hw, Settings, self.queue, self.signer, self.log, folder)):
            self.starts += 1
            self.start()

    def take(self, message: bytes) -> "bytes | None":
        """What it sends, which for a restart is after the message has come again."""
        for _ in range(2):
            try:
                return self.hear(message)
            except Restarted:
                self.starts += 1
                self.start()
        raise AssertionError("it restarts for ever")

    def hear(self, message: bytes) -> "bytes | None":
        folder = self.folder + "/secret"
        return rotation.take(message, self.hw, Settings, self.queue, self.signer, self.log, self.counter, folder)

    def changes(self, message: bytes) -> bool:
        """Whether it starts anew with another key."""
        kid = self.signer.kid
        assert self.take(message) is None
        return self.signer.kid != kid

    def append(self, order_id: str) -> int:
        queue = self.queue
        return queue.append(order_id, self.signer.kid + queue.next_seq.to_bytes(8, "big") + queue.head, NOW)

    def content(self, name: str) -> bytes:
        with open(self.folder + "/secret/" + name, "rb") as file:
            return file.read()

    def put(self, name: str, content: bytes) -> None:
        with open(self.folder + "/secret/" + name, "wb") as file:
            file.write(content)

    def files(self) -> list:
        return sorted(os.listdir(self.folder + "/secret"))


def empty(folder: str) -> None:
    try:
        for name in os.listdir(folder):
            os.remove(folder + "/" + name)
        os.rmdir(folder)
    except OSError:
        pass  # was not there


def signed(claims: dict, signer: SoftwareSigner = AGENT) -> bytes:
    return signed1(cbor.encode(claims), signer.kid, signer)


def request(kid: bytes, signer: SoftwareSigner = AGENT, **changes: object) -> bytes:
    values = {"exp": ENDS, "begins": BEGINS, "ends": ENDS, "ueid": UEID, "iat": NOW, "kid": kid}
    values.update(changes)
    return signed(
        {
            4: values["exp"],
            5: values["begins"],
            6: values["iat"],
            256: values["ueid"],
            265: ORDER,
            -70040: values["ends"],
            -70042: values["kid"],
        },
        signer,
    )


def acceptance(statement: bytes, signer: SoftwareSigner = AGENT, **changes: object) -> bytes:
    claims = {6: NOW, 256: changes.get("ueid", UEID), 265: changes.get("profile", ORDER)}
    claims[-70020] = sha256(statement).digest()
    return signed(claims, signer)


def claims_of(statement: bytes, point: tuple) -> dict:
    payload, _ = cose.verify1(statement, lambda kid: point)
    return cbor.decode(payload)


# --- the statement


def test_old_key_names_the_new_one_which_proves_itself() -> None:
    terminal = Terminal()
    terminal.append("order-1")
    head = terminal.queue.head
    statement = terminal.take(request(terminal.signer.kid))
    claims = claims_of(statement, terminal.signer.point)
    successor = SoftwareSigner.from_bytes(terminal.content("attest.next"))
    key = cose.key_map(successor.point)
    assert (claims[5], claims[6], claims[256], claims[265], claims[-70040]) == (BEGINS, NOW, UEID, PROFILE, ENDS)
    assert claims[8] == {1: key}
    assert (claims[-70001], claims[-70002]) == (1, head)
    proven = ["ShimingKeyRotation1", terminal.signer.kid, UEID, key[-2], key[-3], BEGINS, ENDS, NOW]
    assert p256.verify(successor.point, sha256(cbor.encode(proven)).digest(), claims[-70041])
    assert successor.kid != terminal.signer.kid
    assert len(terminal.log.entries) == 1


def test_same_request_gives_the_same_statement_also_after_a_restart() -> None:
    terminal = Terminal()
    statement = terminal.take(request(terminal.signer.kid))
    assert terminal.take(request(terminal.signer.kid)) == statement
    again = Terminal(is_new=False)
    again.hw.clock.seconds += 5
    assert again.take(request(again.signer.kid)) == statement
    assert again.log.entries == []


def test_statement_that_has_run_out_is_made_anew_with_the_same_key() -> None:
    terminal = Terminal()
    first = terminal.take(request(terminal.signer.kid))
    key = terminal.content("attest.next")
    terminal.hw.clock.seconds = ENDS + 1
    later = request(terminal.signer.kid, begins=ENDS + 5, ends=ENDS + 900, exp=ENDS + 900)
    second = terminal.take(later)
    assert second != first
    assert claims_of(second, terminal.signer.point)[-70040] == ENDS + 900
    assert terminal.content("attest.next") == key


def test_requests_that_are_not_taken() -> None:
    terminal = Terminal()
    kid = terminal.signer.kid
    for name, message in (
        ("forged", request(kid, STRANGER)),
        ("run out", request(kid, exp=NOW)),
        ("another terminal's", request(kid, ueid=b"\x01" + bytes(15) + b"\x01")),
        ("of another key", request(STRANGER.kid)),
        ("no time", request(kid, exp="x")),
        ("of another profile", acceptance(b"", profile=PROFILE)),
        ("no claims", signed([])),
        ("no token", b"\x00"),
        ("empty", b""),
    ):
        assert terminal.take(message) is None, name
        assert terminal.files() == ["attest.key"], name
    assert (terminal.log.faults, terminal.starts) == ([], 0)


def test_requests_that_make_no_key() -> None:
    for name, changes in (
        ("ends before it begins", {"ends": BEGINS - 1}),
        ("too long", {"ends": BEGINS + OVERLAP_MAX_S + 1}),
        ("no number", {"begins": True}),
        ("negative", {"begins": -1}),
        ("no time", {"ends": "x"}),
    ):
        terminal = Terminal()
        try:
            terminal.hear(request(terminal.signer.kid, **changes))
            raise AssertionError(name)
        except Restarted:
            terminal.start()
        assert terminal.files() == ["attest.key"], name


def test_customer_at_the_counter_is_not_disturbed() -> None:
    terminal = Terminal()
    terminal.counter.is_busy = True
    assert terminal.take(request(terminal.signer.kid)) is None
    assert (terminal.starts, terminal.files()) == (0, ["attest.key"])
    terminal.counter.is_busy = False
    assert terminal.take(request(terminal.signer.kid))
    assert terminal.starts == 2


def test_key_that_cannot_be_kept_is_tried_three_times_and_then_another_request_is_needed() -> None:
    terminal = Terminal()
    os.mkdir(terminal.folder + "/secret/attest.next.new")  # in the way of the file
    kid = terminal.signer.kid
    message = request(kid)
    assert terminal.take(message) is None
    assert terminal.log.faults == ["rotation-fault"] * 3
    assert terminal.starts == 4
    assert terminal.take(message) is None
    assert terminal.starts == 4, "it restarts no more for this one"
    os.rmdir(terminal.folder + "/secret/attest.next.new")
    assert terminal.take(request(kid, iat=NOW + 1))


# --- the change


def ready() -> tuple:
    """(terminal, acceptance of its statement), at the time when the new key begins"""
    terminal = Terminal()
    terminal.append("order-1")
    terminal.queue.remove(1)
    statement = terminal.take(request(terminal.signer.kid))
    terminal.hw.clock.seconds = BEGINS
    return terminal, acceptance(statement)


def test_new_key_begins_its_own_chain_and_nothing_of_the_rotation_is_left() -> None:
    terminal, word = ready()
    successor = terminal.content("attest.next")
    assert terminal.changes(word)
    assert terminal.content("attest.key") == successor
    assert terminal.files() == ["attest.key"]
    assert (terminal.queue.next_seq, terminal.queue.head) == (1, GENESIS)
    assert terminal.queue.has_order("order-1"), "it is still known"
    assert len(terminal.log.entries) == 2
    assert terminal.take(request(SoftwareSigner(OLD).kid)) is None, "a late copy of the request"
    assert terminal.files() == ["attest.key"]
    assert not terminal.changes(word), "or of the agent's word"


def test_it_waits_for_its_time_for_receipts_and_for_the_customer() -> None:
    terminal, word = ready()
    terminal.hw.clock.seconds = BEGINS - 1
    assert not terminal.changes(word)
    terminal.hw.clock.seconds = BEGINS
    seq = terminal.append("order-2")
    assert not terminal.changes(word)
    terminal.queue.remove(seq)
    terminal.counter.is_busy = True
    assert not terminal.changes(word)
    terminal.counter.is_busy = False
    assert terminal.changes(word)


def test_words_that_change_nothing() -> None:
    terminal, word = ready()
    statement = terminal.content("attest.statement")[32:]
    other = bytes(reversed(statement))
    for name, message in (
        ("forged", acceptance(statement, STRANGER)),
        ("by the key itself", acceptance(statement, terminal.signer)),
        ("of another statement", acceptance(other)),
        ("to another terminal", acceptance(statement, ueid=bytes(17))),
        ("without a hash", signed({6: NOW, 256: UEID, 265: ORDER})),
        ("the statement itself", statement),
    ):
        assert not terminal.changes(message), name
    assert terminal.changes(word)


# --- power cuts, on littlefs over torn NOR flash

POINT = "/turned"
SIZE = 32
WRITES = 20  # of the statement, and after the change, with some to spare


def life(point: str, terminal: "Terminal | None" = None) -> Terminal:
    """A request, the agent's word, a registration with the new key: what is done already is gone through again."""
    terminal = terminal or Terminal(point + "/t")
    for again in range(3):
        asked = request(terminal.signer.kid, iat=NOW + again)
        statement = terminal.take(asked) if terminal.signer.kid == OLD_KID else None
        terminal.hw.clock.seconds = BEGINS
        if statement:
            terminal.changes(acceptance(statement))
    assert terminal.signer.kid != OLD_KID
    terminal.append("order-new")
    return terminal


OLD_KID = SoftwareSigner(OLD).kid


class Flash:
    def __init__(self, memory: bytearray, cut: "object | None" = None) -> None:
        self.device = nor.Nor(nor.Memory(memory), SIZE, cut)
        nor.vfs.mount(nor.vfs.VfsLfs2(self.device, **nor.GEOMETRY), POINT)

    def off(self) -> None:
        nor.vfs.umount(POINT)


def test_power_cut_at_any_write_leaves_the_old_key_or_the_new_and_never_a_number_twice() -> None:
    if not nor.vfs:
        skip("littlefs and viper are MicroPython's")
    memory = bytearray(b"\xff" * (SIZE * nor.BLOCK_BYTES))
    nor.vfs.VfsLfs2.mkfs(nor.Nor(nor.Memory(memory), SIZE, None), **nor.GEOMETRY)
    flash = Flash(memory)
    terminal = Terminal(POINT + "/t")
    terminal.append("order-1")
    terminal.queue.remove(1)
    flash.off()
    begun = bytes(memory)

    whole = bytearray(begun)
    flash = Flash(whole)
    before = flash.device.operations
    life(POINT, Terminal(POINT + "/t", is_new=False))
    operations = flash.device.operations - before
    flash.off()
    old_key = OLD.to_bytes(32, "big")
    assert old_key in begun
    assert old_key not in whole, "its block has been erased meanwhile"

    changed = kept = 0
    for operation in range(operations):
        if WRITES < operation < operations - WRITES and operation % 16:
            continue  # in the middle is the overwriting
        torn = bytearray(begun)
        flash = Flash(torn, nor.Cut(operation, (0, 500, 999)[operation % 3], 0x0F))
        numbers = set()
        try:
            life(POINT, Terminal(POINT + "/t", is_new=False))
        except (OSError, QueueError, AssertionError):
            assert flash.device.is_dead, operation
        flash.off()
        flash = Flash(torn)
        again = Terminal(POINT + "/t", is_new=False)
        if again.signer.kid == OLD_KID:
            kept += 1
            assert again.queue.next_seq == 2, operation
            assert again.queue.head != GENESIS, operation
        else:
            changed += 1
            assert again.queue.next_seq in (1, 2), operation
            for seq in again.queue.pending():
                assert again.queue.read(seq).token[:8] == again.signer.kid, operation
        life(POINT, again)
        for seq in again.queue.pending():
            token = again.queue.read(seq).token
            key = (token[:8], token[8:16])
            assert key not in numbers, operation
            numbers.add(key)
            assert token[:8] == again.signer.kid, operation
        flash.off()
    print("%d writes; after a cut the old key %d times, the new one %d times" % (operations, kept, changed))
    assert kept
    assert changed
