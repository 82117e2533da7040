"""The flight log on a real file system: every number is there or said to be gone, whatever is cut or damaged."""

import asyncio
import os
import sys
from hashlib import sha256

import test_queue as files
from harness import ROOT, skip
from terminal import cbor, cose, flight_log, log_record
from terminal.claim import Boot
from terminal.flight_log import PAGE_ENTRIES, PAGES_MAX, SEAL_ENTRIES, SEAL_MS, FlightLog
from terminal.signer import SoftwareSigner

try:
    import vfs

    sys.path.append(ROOT + "/tools/emulator/lib")
    from nor_flash import BLOCK_BYTES, GEOMETRY, Cut, Memory, Nor
except ImportError:
    vfs = None  # CPython has no littlefs

FOLDER = ROOT + "/build/log-under-test"
UEID = b"\x01" + bytes(16)
SIGNER = SoftwareSigner(7)
AT = 1_790_000_000


class Clock:
    def __init__(self) -> None:
        self.source = 3
        self.seconds = AT

    def now(self) -> int:
        return self.seconds


class Hardware:
    has_tamper_switch = True

    def __init__(self) -> None:
        self.clock = Clock()
        self.lid_open = False

    def random(self, size: int) -> bytes:
        return os.urandom(size)

    def is_opened(self) -> bool:
        return self.lid_open


def restarted(hw: "Hardware | None" = None) -> FlightLog:
    log = FlightLog(hw or Hardware(), FOLDER)
    log.identify(UEID, Boot(3, bytes(8), False, 0), SIGNER)
    return log


def fresh(hw: "Hardware | None" = None) -> FlightLog:
    files.wiped(FOLDER)
    return restarted(hw)


def filled(count: int) -> FlightLog:
    log = fresh()
    for i in range(count):
        log.note(log_record.BOOT, "event-%d" % i)
    return log


def sealed(log: FlightLog) -> "tuple[bytes, dict] | None":
    """(token, claims) of the next statement, as after a new link."""
    log.take("online", None, None)
    return taken(log)


def taken(log: FlightLog) -> "tuple[bytes, dict] | None":
    token = asyncio.run(log.statement())
    if token is None:
        return None
    payload, headers = cose.verify1(token, lambda kid: SIGNER.point if kid == SIGNER.kid else None)
    assert 16 not in headers
    return token, cbor.decode(payload)


def receipted(log: FlightLog, token: bytes) -> bool:
    return log.take_receipt(sha256(token).digest())


class Agent:
    """Takes statements as the agent does: numbers, hashes, and what is said to be gone."""

    def __init__(self) -> None:
        self.entries = {}  # number -> (hash before, hash, [kind, time, code, ...])
        self.gone = set()

    def take(self, claims: dict) -> None:
        seq, prev = claims[-70001], claims[-70002]
        for first, last in claims.get(-70061, []):
            self.gone.update(range(first, last + 1))
        for body in claims[-70060]:
            digest = sha256(prev + seq.to_bytes(8, "big") + body).digest()
            known = self.entries.get(seq)
            assert known is None or known[:2] == (prev, digest), "number %d is another" % seq
            self.entries[seq] = (prev, digest, cbor.decode(body))
            prev, seq = digest, seq + 1

    def drain(self, log: FlightLog) -> None:
        found = sealed(log)
        while found:
            self.take(found[1])
            assert receipted(log, found[0])
            found = taken(log)

    def check_complete(self, first: int = 1) -> None:
        for seq in range(first, max(self.entries) + 1):
            assert seq in self.entries or seq in self.gone, "number %d is missing" % seq
            if seq in self.entries and seq - 1 in self.entries:
                assert self.entries[seq][0] == self.entries[seq - 1][1], "number %d does not follow" % seq
        assert len({entry[0] for entry in self.entries.values()}) == len(self.entries), "two follow the same one"

    def codes(self) -> list:
        return [self.entries[seq][2][2] for seq in sorted(self.entries)]


def drained(log: FlightLog, first: int = 1) -> Agent:
    agent = Agent()
    agent.drain(log)
    agent.check_complete(first)
    return agent


# --- the codec


def test_entry_takes_nothing_but_codes_and_numbers() -> None:
    assert cbor.decode(log_record.entry(3, 5, "card-expired", (7,))) == [3, 5, "card-expired", 7]
    for text in ("", "张三", "Li Ming", "110101199001011234 ", "a--b", "-a", "a-", "A", "a" * 65):
        assert cbor.decode(log_record.entry(2, 5, text)) == [2, 5, "internal"], text


def test_page_comes_back_and_any_damaged_byte_shows() -> None:
    prev = bytes([7]) * 32
    raw = log_record.page_head(5, prev, ["c0", "0-1-0"], [[1, 4]])
    head = prev
    bodies = [log_record.entry(2, AT, "fault-%d" % i) for i in range(3)]
    for i in range(3):
        head = log_record.chained(head, 5 + i, bodies[i])
        raw += log_record.framed(bodies[i], head)
    page = log_record.parse_page(raw)
    assert (page.first, page.prev, page.settings, page.dropped) == (5, prev, ["c0", "0-1-0"], [[1, 4]])
    assert (page.bodies, page.head, page.is_sound) == (bodies, head, True)
    for at in range(len(raw)):
        found = log_record.parse_page(files.flipped(raw, at))
        assert found is None or not found.is_sound, at
        assert found is None or found.bodies == bodies[: len(found.bodies)], at


# --- the chain on flash


def test_events_of_several_pages_and_boots_arrive_in_order() -> None:
    count = 2 * PAGE_ENTRIES + 3
    filled(count - 1)
    log = restarted()
    log.note(log_record.BOOT, "event-%d" % (count - 1))
    agent = drained(log)
    assert agent.codes() == ["event-%d" % i for i in range(count)] + ["online"]
    assert not agent.gone
    assert agent.entries[1][2][:2] == [log_record.BOOT, AT]


def test_what_has_a_receipt_is_gone_and_never_sent_again() -> None:
    log = filled(3)
    assert drained(log).codes()[:3] == ["event-0", "event-1", "event-2"]
    assert len(os.listdir(FOLDER)) == 1
    log = restarted()
    log.note(log_record.BOOT, "next")
    agent = drained(log, first=5)
    assert sorted(agent.entries) == [5, 6]
    assert agent.codes() == ["next", "online"]


def test_without_a_receipt_everything_stays() -> None:
    log = filled(3)
    first = sealed(log)
    assert taken(log) is None, "its receipt is awaited"
    assert not log.take_receipt(bytes(32))
    again = sealed(restarted())
    assert again[1][-70060][:4] == first[1][-70060]
    assert again[1][-70001] == first[1][-70001] == 1


def test_late_receipt_of_a_statement_before_counts() -> None:
    before, flight_log.RECEIPT_TIMEOUT_MS = flight_log.RECEIPT_TIMEOUT_MS, -1
    try:
        log = filled(1)
        first = sealed(log)
        again = taken(log)
        assert again[1][-70060] == first[1][-70060]
        assert receipted(log, first[0])
        assert taken(log) is None
    finally:
        flight_log.RECEIPT_TIMEOUT_MS = before


def test_statement_waits_for_enough_events_a_new_link_or_its_time() -> None:
    log = filled(SEAL_ENTRIES - 1)
    assert taken(log) is None
    log.note(log_record.BOOT, "one-more")
    assert len(taken(log)[1][-70060]) == SEAL_ENTRIES
    log = filled(1)
    flight_log.SEAL_MS = 0
    try:
        assert taken(log) is not None
    finally:
        flight_log.SEAL_MS = SEAL_MS
    assert taken(fresh()) is None, "nothing to say"


def test_log_that_was_wiped_begins_with_another_hash() -> None:
    first, second = sealed(filled(1))[1], sealed(filled(1))[1]
    assert (first[-70001], second[-70001]) == (1, 1)
    assert first[-70002] != second[-70002]


# --- the bound


def test_oldest_page_goes_first_and_the_log_says_so_until_the_receipt() -> None:
    log = filled(PAGE_ENTRIES * PAGES_MAX)
    assert len(os.listdir(FOLDER)) == PAGES_MAX
    log.note(log_record.BOOT, "one-too-many")
    assert len(os.listdir(FOLDER)) == PAGES_MAX
    for found in (log, restarted()):
        token, claims = sealed(found)
        assert claims[-70061] == [[1, PAGE_ENTRIES]]
        assert claims[-70001] == PAGE_ENTRIES + 1
    assert receipted(found, token)
    assert -70061 not in taken(found)[1]


def test_many_dropped_pages_are_one_range_and_all_is_accounted_for() -> None:
    log = filled(PAGE_ENTRIES * (PAGES_MAX + 5) + 7)
    agent = drained(log)
    assert agent.gone == set(range(1, 6 * PAGE_ENTRIES + 1))
    assert agent.codes()[-2] == "event-%d" % (PAGE_ENTRIES * (PAGES_MAX + 5) + 6)


def test_flash_that_takes_nothing_is_counted_and_told() -> None:
    log = filled(2)
    os.rename(FOLDER, FOLDER + "-away")
    with open(FOLDER, "wb"):
        pass  # a file where the folder was: nothing can be written
    for _ in range(3):
        log.note(log_record.FAULT, "card-fault")
    os.remove(FOLDER)
    os.rename(FOLDER + "-away", FOLDER)
    log.note(log_record.BOOT, "again")
    agent = drained(log)
    assert agent.codes() == ["event-0", "event-1", "log-fault", "again", "online"]
    assert agent.entries[3][2][0::3] == [log_record.UNWRITTEN, 3]


# --- cuts and damage


def test_cut_at_every_byte_of_the_last_entry_drops_only_it() -> None:
    filled(2)
    whole = len(content(1))
    restarted().note(log_record.BOOT, "third")
    raw = content(1)
    for size in range(whole, len(raw)):
        files.wiped(FOLDER)
        os.mkdir(FOLDER)
        put(1, raw[:size])
        log = restarted()
        log.note(log_record.BOOT, "again")
        agent = drained(restarted())
        assert agent.codes() == ["event-0", "event-1", "again", "online"], size
        assert bool(agent.gone) is (size > whole), size


def test_cut_at_every_byte_of_a_page_head_costs_no_entry_before() -> None:
    filled(PAGE_ENTRIES + 1)
    head = log_record.page_head(PAGE_ENTRIES + 1, bytes(32), ["", ""], [])
    raw = content(PAGE_ENTRIES + 1)
    for size in range(len(head)):
        put(PAGE_ENTRIES + 1, raw[:size])
        log = restarted()
        log.note(log_record.BOOT, "again")
        agent = drained(restarted())
        assert agent.codes()[PAGE_ENTRIES - 1 :] == ["event-%d" % (PAGE_ENTRIES - 1), "again", "online"], size
        filled(PAGE_ENTRIES + 1)
        raw = content(PAGE_ENTRIES + 1)


def test_page_that_a_cut_kept_from_being_removed_is_not_doubled() -> None:
    log, agent = filled(3), Agent()
    token, claims = sealed(log)
    agent.take(claims)
    raw = content(1)
    receipted(log, token)
    put(1, raw)  # the new page is there, the old one still
    agent.drain(restarted())
    agent.check_complete()
    assert agent.codes() == ["event-0", "event-1", "event-2", "online", "online"]
    assert not agent.gone


def test_damage_of_any_byte_is_told_and_no_number_comes_twice() -> None:
    sent = sealed(filled(2))[1]
    raw = content(1)
    for at in range(len(raw)):
        files.wiped(FOLDER)
        os.mkdir(FOLDER)
        put(1, files.flipped(raw, at))
        log, agent = restarted(), Agent()
        agent.take(sent)  # it had gone out before, and its receipt was lost
        log.note(log_record.BOOT, "after")
        agent.drain(log)
        agent.check_complete()
        assert agent.codes() == ["event-0", "event-1", "online", "after", "online"], at
        assert agent.gone, at


def test_damage_twice_is_no_fork() -> None:
    log, agent = filled(1), Agent()
    for _ in range(3):
        page = max([int(name) for name in os.listdir(FOLDER)])
        put(page, files.flipped(content(page), 3))
        log = restarted()
        log.note(log_record.BOOT, "after")
        agent.drain(log)
    agent.check_complete()
    assert len(agent.entries) == 6


def test_damage_in_an_older_page_costs_its_tail_and_is_told() -> None:
    filled(PAGE_ENTRIES + 2)
    raw = content(1)
    put(1, files.flipped(raw, len(raw) - 1))
    agent = drained(restarted())
    assert agent.gone == {PAGE_ENTRIES}
    assert len(agent.entries) == PAGE_ENTRIES + 2


def content(first: int) -> bytes:
    with open(FOLDER + "/%d" % first, "rb") as file:
        return file.read()


def put(first: int, raw: bytes) -> None:
    with open(FOLDER + "/%d" % first, "wb") as file:
        file.write(raw)


# --- power cuts on littlefs over NOR flash


class Stamp:
    """In place of a signer: the cuts are many, and what is signed is not looked at."""

    kid = bytes(8)
    point = (0, 0)

    async def sign_digest(self, digest: bytes) -> bytes:
        return digest + digest


class Life:
    """A terminal with small pages; `noted` are the events whose `note` has returned."""

    POINT = "/torn-log"
    BLOCKS = 24
    PAGE, PAGES = 4, 3

    def __init__(self) -> None:
        self.memory = bytearray(b"\xff" * (self.BLOCKS * BLOCK_BYTES))
        vfs.VfsLfs2.mkfs(Nor(Memory(self.memory), self.BLOCKS), **GEOMETRY)
        self.agent = Agent()
        self.noted = []

    def boot(self, cut: "Cut | None" = None) -> FlightLog:
        self.device = Nor(Memory(self.memory), self.BLOCKS, cut)
        vfs.mount(vfs.VfsLfs2(self.device, **GEOMETRY), self.POINT)
        log = FlightLog(Hardware(), self.POINT + "/log")
        log.identify(UEID, Boot(1, bytes(8), False, 0), Stamp())
        return log

    def event(self, log: FlightLog) -> None:
        code = "event-%d" % len(self.noted)
        log.note(log_record.BOOT, code)
        if not self.device.is_dead:
            self.noted.append(code)

    def ship(self, log: FlightLog) -> None:
        log._urgent = log._next - 1
        token = asyncio.run(log.statement())
        while token is not None and not self.device.is_dead:
            self.agent.take(cbor.decode(cbor.decode(token).value[2]))
            receipted(log, token)
            token = asyncio.run(log.statement())

    def play(self, log: FlightLog) -> None:
        """Whole pages, one too many, receipts in the middle of a page and at its end."""
        for count in (3, 2, 14, 4, 1):
            for _ in range(count):
                if self.device.is_dead:
                    return
                self.event(log)
            self.ship(log)

    def off(self) -> None:
        vfs.umount(self.POINT)


def test_power_cut_at_every_write_loses_no_event_unsaid_and_doubles_no_number() -> None:
    if not vfs:
        skip("littlefs and viper are MicroPython's")
    before = flight_log.PAGE_ENTRIES, flight_log.PAGES_MAX
    flight_log.PAGE_ENTRIES, flight_log.PAGES_MAX = Life.PAGE, Life.PAGES
    try:
        whole = Life()
        whole.play(whole.boot())
        whole.off()
        whole.agent.check_complete()
        assert whole.agent.gone, "the bound is reached on the way"
        for operation in range(whole.device.operations):
            for permille, bits in ((0, 0xFF), (500, 0x0F), (1000, 0)):
                cut_life(Cut(operation, permille, bits))
    finally:
        flight_log.PAGE_ENTRIES, flight_log.PAGES_MAX = before


def cut_life(cut: "Cut") -> None:
    life, where = Life(), str(tuple(cut))
    life.play(life.boot(cut))
    life.off()
    assert life.device.is_dead, where
    log = life.boot()
    life.event(log)
    life.ship(log)
    life.off()
    life.agent.check_complete()
    codes, gone = life.agent.codes(), len(life.agent.gone)
    lost = [code for code in life.noted if code not in codes]
    assert len(lost) <= gone, where + " lost unsaid: %s" % lost
    assert life.noted[-1] in codes, where
    assert gone <= 2 * Life.PAGE * Life.PAGES, where


# --- what is an event


def heard(log: FlightLog, first: int = 1) -> list:
    """Kind, code and numbers of what is in the log from a number on; the new link of `sealed` left out."""
    entries = drained(log, first).entries
    return [[entries[seq][2][0]] + entries[seq][2][2:] for seq in sorted(entries)][:-1]


def test_faults_refusals_retries_and_links_are_heard_and_nothing_else() -> None:
    log = fresh()
    for state, code, value in (
        ("fault", "reader-timeout", None),
        ("refused", "card-expired", 12),
        ("refused-by-agent", "chain-fork", 12),
        ("card-lost", None, None),
        ("evidence-resent", None, 13),
        ("offline", None, None),
        ("idle", None, None),
        ("queued", None, 14),
        ("waiting", None, 3),
        ("stored", None, 12),
    ):
        log.take(state, code, value)
    assert heard(log) == [
        [log_record.FAULT, "reader-timeout"],
        [log_record.REFUSAL, "card-expired", 12],
        [log_record.AGENT_REFUSAL, "chain-fork", 12],
        [log_record.RETRY, "card-lost"],
        [log_record.RETRY, "evidence-resent"],
        [log_record.LINK, "offline"],
    ]


def test_fault_that_repeats_is_one_entry_and_a_number() -> None:
    log = fresh()
    for _ in range(5):
        log.take("fault", "reader-timeout", None)
    log.take("fault", "reader-fault", None)
    flight_log.REPEAT_MS = 0
    try:
        log.watch()
        log.take("fault", "reader-fault", None)  # long after: an event of its own
    finally:
        flight_log.REPEAT_MS = 300_000
    fault = log_record.FAULT
    assert heard(log) == [
        [fault, "reader-timeout"],
        [fault, "reader-timeout", 4],
        [fault, "reader-fault"],
        [fault, "reader-fault"],
    ]


def test_two_refusals_are_two_entries() -> None:
    log = fresh()
    log.take("refused", "card-expired", 1)
    log.take("refused", "card-expired", 2)
    assert heard(log) == [[log_record.REFUSAL, "card-expired", 1], [log_record.REFUSAL, "card-expired", 2]]


def test_clock_that_steps_is_an_event_and_one_that_goes_is_none() -> None:
    hw = Hardware()
    log = fresh(hw)
    log.watch()
    hw.clock.seconds += 1
    log.watch()
    hw.clock.seconds += 3600
    log.watch()
    hw.clock.seconds -= 50
    hw.clock.source = 4
    log.watch()
    log.watch()
    found = heard(log)
    assert [entry[:2] for entry in found] == [[log_record.CLOCK, "source-3"], [log_record.CLOCK, "source-4"]]
    assert (found[0][2] // 10, found[1][2] // 10) == (360, -5), "seconds, give or take those of the test"


def test_lid_is_an_event_each_way_and_at_a_boot_with_it_open() -> None:
    hw = Hardware()
    log = fresh(hw)
    for is_open in (False, True, True, False):
        hw.lid_open = is_open
        log.watch()
    assert len(taken(log)[1][-70060]) == 2, "it is sent at once"
    hw.lid_open = True
    log = restarted(hw)
    log.watch()
    hw.has_tamper_switch = False
    hw.lid_open = False
    log.watch()
    assert heard(log) == [[log_record.TAMPER, code] for code in ("opened", "closed", "opened")]


def test_settings_are_an_event_only_when_they_are_not_those_of_the_boot_before() -> None:
    log = fresh()
    for digest, version in (("aa", "0-1-0"), ("aa", "0-1-0"), ("bb", "0-1-0"), ("bb", "0-2-0")):
        log.compare(log_record.CONFIGURATION, digest)
        log.compare(log_record.FIRMWARE, version)
        log = restarted()
    first = heard(log)
    log = restarted()  # nothing but the head of a page is left of what they were
    log.compare(log_record.CONFIGURATION, "bb")
    log.compare(log_record.FIRMWARE, "0-1-0")
    configuration, firmware = log_record.CONFIGURATION, log_record.FIRMWARE
    assert first == [[configuration, "aa"], [firmware, "0-1-0"], [configuration, "bb"], [firmware, "0-2-0"]]
    assert heard(log, first=6) == [[firmware, "0-1-0"]]
