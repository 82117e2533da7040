"""The flight log: what happened to this terminal besides registrations, hash-chained on flash, signed in batches.

`take` hears what the panel shows; `note` writes an event; both may be called anywhere and never raise. Entries lie in
pages of 32, files named by their first number; a page goes when the agent has receipted a statement over all of it.
Without a network for long, the oldest page goes unsent, and every statement says which numbers are gone until one of
them has its receipt. A statement is made when it is sent, not kept: after a restart it may be another over the same
entries, which the agent knows by their hashes.
"""

import hashlib
import os

from terminal import log_record as form
from terminal.signer import sign1
from terminal.ticks import ticks_diff, ticks_ms

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from terminal.claim import Boot
    from terminal.hardware import Hardware
    from terminal.signer import Signer

PAGE_ENTRIES = 32
PAGES_MAX = 16
DROPPED_MAX = 4  # ranges that are remembered; what lies between two of them is given up as well rather than one more
SEAL_ENTRIES = 16  # so many without a receipt make a statement,
SEAL_MS = 300_000  # or so long since the last one, or a new link, or the lid, or a sheet
REPEAT_MS = 300_000  # the same fault within this is counted, and the number written
RECEIPT_TIMEOUT_MS = 10_000
ON_THE_WAY = 3  # statements whose receipt is still taken
STEP_MIN_S = 2  # two clocks that count whole seconds differ by one
ENOENT = 2

# What the panel shows, and is an event.
_KINDS = {
    "fault": form.FAULT,
    "refused": form.REFUSAL,
    "refused-by-agent": form.AGENT_REFUSAL,
    "card-lost": form.RETRY,
    "evidence-resent": form.RETRY,
    "online": form.LINK,
    "offline": form.LINK,
}


class FlightLog:
    """One owner. What changes all the time is a number, or changed in place: a new object tears the heap."""

    def __init__(self, hw: "Hardware", folder: str = "/log") -> None:
        self._hw = hw
        self._folder = folder
        self._identity: "tuple[bytes, Boot, Signer] | None" = None
        self._pages: "Any" = None  # first numbers, oldest first; None: flash is to be read first
        self._count = 0  # entries in the last page
        self._next = 1
        self._head = bytearray(32)
        self._settings = ["", ""]  # configuration, firmware: as last noted
        self._dropped = []  # [first, last] of entries that are gone, which no receipted statement has said yet
        self._shipped = 0  # the last one with a receipt
        self._urgent = 0  # everything up to this number is sent now
        self._sent = []  # (SHA-256, last number, what it said was dropped) of statements on the way
        self._sent_ticks = self._settled_ticks = ticks_ms()
        self._unwritten = 0  # events that flash did not take
        self._again_kind, self._again_code = 0, ""  # the fault or retry that was last,
        self._again_times = self._again_ticks = 0  # its repetitions, and when it came first
        self._clock_at, self._clock_ticks, self._clock_source = hw.clock.now(), ticks_ms(), hw.clock.source
        self._is_opened = False

    def identify(self, ueid: bytes, boot: "Boot", signer: "Signer") -> None:
        """From here on there can be statements."""
        self._identity = (ueid, boot, signer)

    # --- events

    def take(self, state: str, code: "str | None", value: "int | None") -> None:
        kind = _KINDS.get(state)
        if kind is None:
            return
        code = code or state
        if kind == form.FAULT or kind == form.RETRY:
            if kind == self._again_kind and code == self._again_code:
                self._again_times += 1
                return
            self._write_repetitions()
            self._again_kind, self._again_code, self._again_ticks = kind, code, ticks_ms()
            value = None
        if value is None:
            self.note(kind, code)
        else:
            self.note(kind, code, value)
        if state == "online":
            self._urgent = self._next - 1
            self._sent = []

    def compare(self, kind: int, code: str) -> None:
        """Configuration or firmware: an event if it is not what it was."""
        self._guard(self._open)
        if self._settings[kind - form.CONFIGURATION] != code:
            self.note(kind, code)

    def watch(self) -> None:
        """Once a second: looks at the clock, the lid, and the repetitions that are due."""
        now, ticks, source = self._hw.clock.now(), ticks_ms(), self._hw.clock.source
        step_s = now - self._clock_at - ticks_diff(ticks, self._clock_ticks) // 1000
        if abs(step_s) >= STEP_MIN_S or source != self._clock_source:
            self.note(form.CLOCK, "source-%d" % source, step_s)
        self._clock_at, self._clock_ticks, self._clock_source = now, ticks, source
        if self._hw.has_tamper_switch and self._hw.is_opened() != self._is_opened:
            self._is_opened = not self._is_opened
            self.note(form.TAMPER, "opened" if self._is_opened else "closed")
        if self._again_kind and ticks_diff(ticks, self._again_ticks) >= REPEAT_MS:
            self._write_repetitions()

    def note(self, kind: int, code: str, *numbers: int) -> None:
        """On flash when it returns. What cannot be written is counted, and the next entry says how many."""
        body = form.entry(kind, self._hw.clock.now(), code, numbers)
        if not self._guard(self._write, body):
            self._unwritten += 1
        if kind == form.TAMPER or kind == form.SHEET:
            self._urgent = self._next - 1

    def _write(self, body: bytes) -> bool:
        self._open()
        if self._unwritten:
            lost = form.entry(form.UNWRITTEN, self._hw.clock.now(), "log-fault", (self._unwritten,))
            self._append(lost)
            self._unwritten = 0
        self._append(body)
        return True

    def _write_repetitions(self) -> None:
        kind, times = self._again_kind, self._again_times
        self._again_kind = self._again_times = 0
        if times:
            self.note(kind, self._again_code, times)

    # --- statements

    async def statement(self) -> "bytes | None":
        """The next one to send; None while there is nothing to say, or a receipt is awaited."""
        if self._identity is None or not self._is_due():
            return None
        batch = self._guard(self._batch)
        if not batch:
            return None
        first, prev, bodies = batch
        dropped = list(self._dropped)
        ueid, boot, signer = self._identity
        payload = form.statement(ueid, boot, self._hw.clock.now(), first, prev, bodies, dropped)
        token = await sign1(payload, signer.kid, signer)
        sent = (hashlib.sha256(token).digest(), first + len(bodies) - 1, dropped)
        self._sent = self._sent[1 - ON_THE_WAY :] + [sent]
        self._sent_ticks = ticks_ms()
        return token

    def take_receipt(self, sha256: bytes) -> bool:
        """Whether it is for a statement of ours. The agent has it, so its entries go."""
        for digest, last, dropped in self._sent:
            if digest == sha256:
                self._sent = []
                self._shipped = max(self._shipped, last)
                self._settled_ticks = ticks_ms()
                if self._dropped == dropped:
                    self._dropped = []
                self._guard(self._remove_shipped)
                return True
        return False

    def _is_due(self) -> bool:
        if self._sent and ticks_diff(ticks_ms(), self._sent_ticks) < RECEIPT_TIMEOUT_MS:
            return False
        waiting = self._next - 1 - self._shipped
        return waiting > 0 and (
            waiting >= SEAL_ENTRIES
            or self._shipped < self._urgent
            or ticks_diff(ticks_ms(), self._settled_ticks) >= SEAL_MS
        )

    def _batch(self) -> "tuple[int, bytes, list] | None":
        """First number, hash before it and entries of the oldest page that has some without a receipt."""
        self._open()
        pages = tuple(self._pages)
        for place, first in enumerate(pages):
            last = pages[place + 1] - 1 if place + 1 < len(pages) else self._next - 1
            if last <= self._shipped:
                continue
            page = form.parse_page(self._content(first))
            bodies, prev = (page.bodies, page.prev) if page else ([], b"")
            seq = first
            while bodies and seq <= self._shipped:
                prev = form.chained(prev, seq, bodies.pop(0))
                seq += 1
            if seq + len(bodies) <= last:
                self._give_up(seq + len(bodies), last)
            if bodies:
                return seq, prev, bodies
        return None

    def _give_up(self, first: int, last: int) -> None:
        """Damaged on flash: told in the next statement, and gone with the page."""
        dropped = _with_range(self._dropped, first, last)
        if dropped != self._dropped:
            print("log: entries %d to %d are damaged" % (first, last))
        self._dropped = dropped
        if last == self._next - 1:
            self._turn()  # nothing is added to such a page

    # --- flash

    def _guard(self, action: "Callable[..., Any]", *arguments: object) -> "Any":
        """Its result, or None. A log that fails must not take the registrations with it."""
        try:
            return action(*arguments)
        except (OSError, MemoryError) as error:
            print("log: flash failed:", error)
            self._pages = None  # what it really has is read before the next
            return None

    def _append(self, body: bytes) -> None:
        if self._count >= PAGE_ENTRIES:
            self._turn()
        head = form.chained(self._head, self._next, body)
        with open(self._path(self._pages[-1]), "ab") as file:
            file.write(form.framed(body, head))
        self._head[:] = head
        self._next += 1
        self._count += 1
        self._keep_setting(body)

    def _turn(self) -> None:
        """A new page. Only once it is on flash does the oldest go, when there are too many: it says so itself."""
        pages, dropped = self._pages, self._dropped
        if len(pages) >= PAGES_MAX:
            dropped = _with_range(dropped, max(pages[0], self._shipped + 1), pages[1] - 1)
        with open(self._path(self._next), "wb") as file:
            file.write(form.page_head(self._next, self._head, self._settings, dropped))
        pages.append(self._next)
        self._dropped, self._count = dropped, 0
        while len(pages) > PAGES_MAX:
            os.remove(self._path(pages[0]))
            pages.pop(0)

    def _remove_shipped(self) -> None:
        """The last page carries the head of the chain: it goes when there is a younger one."""
        self._open()
        pages = self._pages
        if self._count and self._shipped >= self._next - 1:
            self._turn()
        while len(pages) > 1 and pages[1] - 1 <= self._shipped:
            os.remove(self._path(pages[0]))
            pages.pop(0)

    def _open(self) -> None:
        if self._pages is not None:
            return
        pages = sorted([int(name) for name in self._names() if name.isdigit()])
        raw = b""
        while pages and not raw:
            raw = self._content(pages[-1])
            if not raw:
                os.remove(self._path(pages.pop()))  # the power went between its name and its first byte
        if not pages:
            # Random, so that a log which has been wiped is seen to begin anew.
            self._next, self._count = 1, PAGE_ENTRIES
            self._head[:] = self._hw.random(32)
        else:
            self._take_up(pages[-1], form.parse_page(raw))
            self._shipped = max(self._shipped, pages[0] - 1)
        self._pages = pages
        while len(pages) > PAGES_MAX:
            os.remove(self._path(pages.pop(0)))  # a power cut kept it: the page that came for it says it is gone
        if self._count >= PAGE_ENTRIES:
            self._turn()

    def _take_up(self, first: int, page: "form.Page | None") -> None:
        """The last page. Which numbers were used behind damage is not known: none that may have been is used again."""
        if page is None or not page.is_sound:
            seen = len(page.bodies) if page else 0
            self._dropped = _with_range(page.dropped if page else [], first + seen, first + PAGE_ENTRIES - 1)
            self._next, self._count = first + PAGE_ENTRIES, PAGE_ENTRIES
            self._head[:] = self._hw.random(32)
            return
        self._next, self._dropped = first + len(page.bodies), page.dropped
        self._head[:] = page.head
        self._count = len(page.bodies)
        self._settings = page.settings
        for body in page.bodies:
            self._keep_setting(body)

    def _keep_setting(self, body: bytes) -> None:
        kind = form.kind_of(body)
        if kind == form.CONFIGURATION or kind == form.FIRMWARE:
            self._settings[kind - form.CONFIGURATION] = form.code_of(body)

    def _names(self) -> list:
        try:
            return os.listdir(self._folder)
        except OSError as error:
            if error.errno != ENOENT:
                raise
            os.mkdir(self._folder)
            return []

    def _content(self, first: int) -> bytes:
        with open(self._path(first), "rb") as file:
            return file.read()

    def _path(self, first: int) -> str:
        return "%s/%d" % (self._folder, first)


def _with_range(ranges: list, first: int, last: int) -> list:
    """A new list, sorted, with neighbours joined."""
    joined = []
    for begin, end in sorted([list(pair) for pair in ranges] + [[first, last]]):
        if joined and begin <= joined[-1][1] + 1:
            joined[-1][1] = max(joined[-1][1], end)
        else:
            joined.append([begin, end])
    while len(joined) > DROPPED_MAX:
        joined[0][1] = joined.pop(1)[1]
    return joined
