"""Evidence that the agent has not receipted yet: files of sealed tokens, and the head of the hash chain.

A record is on flash once `append` returns (littlefs keeps an append at flush) and leaves only through `remove`. The
receipts are marked in `state`, many at a time: a mark that a power cut takes away means that its record is sent once
more, and receipted as a duplicate. A file whose records all have receipts is removed as a whole; nothing is copied.
"""

import hashlib
import os
from collections import namedtuple

from terminal import queue_record as form
from terminal.errors import QueueError, QueueFull, QueueOverdue
from terminal.queue_segment import Segment, Slots

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import BinaryIO

GENESIS = bytes(32)  # `prev` of the first token
NO_KEY = bytes(form.KID_BYTES)  # of a chain before `identify`
RECORDS_MAX = 2000  # without a receipt; then no new registration
AGE_MAX_S = 604_800  # of the oldest record; then no new registration
MARKS_MAX = 16  # receipts not yet marked on flash: what a power cut may cause to be sent again
KNOWN_ORDERS = 64  # orders remembered after their receipt, oldest forgotten first
ENOENT = 2
ENOSPC = 28

Record = namedtuple("Record", ("seq", "order_id", "token", "sha256"))


class Queue:
    """One owner; not for two tasks at once. `next_seq` and `head` are what the next token has to carry."""

    def __init__(self, folder: str = "/queue") -> None:
        self._folder = folder
        self._segments = []  # oldest first; the last one is written to, unless it is closed
        self._ended = []  # fingerprints of the last orders that were receipted, oldest first
        self._file: "BinaryIO | None" = None  # the last segment, for appending
        self._tail: "Slots | None" = None  # of the last segment, while it is written to
        self._near = Slots(0)  # of the segment last read
        self._oldest = (0, 0)  # seq and time of the oldest record, when it was last asked for
        self._length = 0
        self._unsaved = 0  # receipts since the state was written
        self._kid = NO_KEY  # of the key whose chain this is
        self.next_seq = 1
        self.head = GENESIS

    def open(self) -> None:
        """Read back what is on flash. Raises QueueError if flash cannot be read or written."""
        try:
            parent, name = self._folder.rsplit("/", 1)
            if name + ".log" in os.listdir(parent or "/"):
                from terminal import queue_upgrade  # takes 15 KB; needed once in a terminal's life

                queue_upgrade.upgrade(self._folder)
            self._recover()
        except OSError as error:
            raise QueueError("errno %s" % error.errno) from None

    def identify(self, kid: bytes) -> None:
        """Whose signatures the next tokens have. For another key than before the chain begins anew, and only here: it
        is on flash before there is a token. Raises QueueError, also while there are records of the key before."""
        if kid == self._kid:
            return
        if self._kid != NO_KEY:
            if self._length:
                raise QueueError("records of another key")
            self.next_seq, self.head = 1, GENESIS
        self._kid = kid
        try:
            self._write_state()
        except OSError as error:
            self.open()  # what flash really has
            raise QueueError("errno %s" % error.errno) from None

    def __len__(self) -> int:
        return self._length

    def pending(self, most: int = RECORDS_MAX) -> list:
        """Sequence numbers without a receipt, oldest first."""
        found = []
        for segment in self._segments:
            waiting, seq = segment.waiting(), segment.first
            while waiting and len(found) < most:
                if waiting & 1:
                    found.append(seq)
                waiting >>= 1
                seq += 1
            if len(found) >= most:
                break
        return found

    def has_order(self, order_id: str) -> bool:
        """Whether there was a record for it: lately receipted, or one of those that are here. Raises QueueError."""
        mark = form.fingerprint(order_id)
        try:
            return mark in self._ended or any([self._knows(segment, mark) for segment in self._segments])
        except OSError as error:
            raise QueueError("errno %s" % error.errno) from None

    def require_room(self, now: int) -> None:
        """Before a customer is asked for a card. Raises QueueFull or QueueOverdue; never is an old record dropped."""
        if self._length >= RECORDS_MAX:
            raise QueueFull("%d records" % self._length)
        at = self._oldest_at()
        if at and now - at > AGE_MAX_S:
            raise QueueOverdue("a record of %d days" % ((now - at) // 86_400))

    def append(self, order_id: str, token: bytes, at: int) -> int:
        """Seq of the record, which is on flash now; `at`: the time. Raises QueueFull (nothing changed), QueueError."""
        if self._length >= RECORDS_MAX:
            raise QueueFull("%d records" % self._length)
        seq = self.next_seq
        sha256 = hashlib.sha256(token).digest()
        head = form.record_head(seq, at, order_id, token, sha256)
        try:
            file, slots = self._writable(seq)
            slots.append(file, head, token, seq, form.fingerprint(order_id))
        except OSError as error:
            self._forget_tail()
            if error.errno == ENOSPC:
                raise QueueFull("flash is full") from None
            raise QueueError("errno %s" % error.errno) from None
        self._segments[-1].present |= 1 << (seq - slots.first)
        self._length += 1
        self.head = sha256
        self.next_seq = seq + 1
        if slots.is_closed:
            self._close_file()
        return seq

    def read(self, seq: int) -> Record:
        """Raises QueueError when there is no such record, or flash gives it back damaged."""
        segment = self._segment(seq)
        try:
            with open(self._path(segment.first), "rb") as file:
                head = form.read_head(file, self._slots_of(segment).offset(seq))
                token = file.read(head.token_bytes) if head else b""
        except OSError as error:
            raise QueueError("errno %s" % error.errno) from None
        if not head or head.seq != seq or hashlib.sha256(token).digest() != head.sha256:
            raise QueueError("record %d is damaged" % seq)
        return Record(seq, head.order_id, token, head.sha256)

    def remove(self, seq: int) -> None:
        """The agent has it. Raises QueueError when that cannot be written: the record is gone from here all the same,
        and is sent once more after a restart."""
        segment = self._segment(seq)
        try:
            mark = self._slots_of(segment).fingerprint(seq)
        except OSError as error:
            raise QueueError("errno %s" % error.errno) from None
        if mark in self._ended:
            self._ended.remove(mark)
        self._ended = self._ended[1 - KNOWN_ORDERS :] + [mark]
        segment.done |= 1 << (seq - segment.first)
        self._length -= 1
        self._unsaved += 1
        if self._unsaved >= MARKS_MAX or not segment.waiting():
            self.settle()

    def settle(self) -> None:
        """Marks on flash what has been removed, and removes the files that nobody waits for. Raises QueueError."""
        if not self._unsaved:
            return
        try:
            self._settle([segment for segment in self._segments if not segment.waiting()])
        except OSError as error:
            raise QueueError("errno %s" % error.errno) from None

    def close(self) -> None:
        """Marks what can be marked; an error is the next start's."""
        try:
            self.settle()
        except QueueError as error:
            print("queue:", error.code, error)
        self._close_file()

    def _segment(self, seq: int) -> Segment:
        for segment in self._segments:
            if segment.is_waiting(seq):
                return segment
        raise QueueError("no record %d" % seq)

    def _path(self, first: int) -> str:
        return "%s/%d" % (self._folder, first)

    def _slots_of(self, segment: Segment) -> Slots:
        if self._tail and self._tail.first == segment.first:
            return self._tail
        if self._near.first != segment.first:
            self._near = Slots(segment.first).load(self._path(segment.first))
        return self._near

    def _knows(self, segment: Segment, mark: bytes) -> bool:
        if segment is self._segments[-1]:
            return self._slots_of(segment).knows(mark)
        with open(self._path(segment.first), "rb") as file:
            found = form.read_index(file)
        return form.index_knows(found, mark) if found else self._slots_of(segment).knows(mark)

    def _oldest_at(self) -> int:
        """When the oldest record was made; 0 when there is none, or nobody knows."""
        oldest = self.pending(1)
        if not oldest:
            return 0
        if self._oldest[0] != oldest[0]:
            segment = self._segment(oldest[0])
            try:
                with open(self._path(segment.first), "rb") as file:
                    head = form.read_head(file, self._slots_of(segment).offset(oldest[0]))
            except OSError as error:
                raise QueueError("errno %s" % error.errno) from None
            self._oldest = (oldest[0], head.at if head else 0)
        return self._oldest[1]

    # --- writing

    def _writable(self, seq: int) -> tuple:
        """(file, slots) of the last segment, or of a new one. The file stays open: an append costs a flush."""
        if self._tail is None and self._segments:
            self._tail = self._slots_of(self._segments[-1])
        if self._tail is None or self._tail.is_closed or seq - self._tail.first >= form.SEGMENT_RECORDS:
            self._close_file()
            self._file = open(self._path(seq), "ab")  # noqa: SIM115
            self._tail = Slots(seq)
            self._segments.append(Segment(seq))
        elif self._file is None:
            self._file = open(self._path(self._tail.first), "ab")  # noqa: SIM115
        return self._file, self._tail

    def _settle(self, ended: list) -> None:
        self._write_state()
        self._unsaved = 0
        for segment in ended:
            if segment is self._segments[-1]:
                self._close_file()
            os.remove(self._path(segment.first))
            self._segments.remove(segment)

    def _write_state(self) -> None:
        # In place, without a second name: littlefs changes a file's content at close, all of it or nothing, and one as
        # short as this is usually within the entry of its folder: one program operation, no block erased.
        marks = [(segment.first, segment.done) for segment in self._segments if segment.done]
        with open(self._folder + "/state", "wb") as file:
            file.write(form.state(self.next_seq - 1, self.head, self._kid, marks, self._ended))

    def _close_file(self) -> None:
        file, self._file = self._file, None
        if self._tail:
            self._near, self._tail = self._tail, None
        if file:
            file.close()

    def _forget_tail(self) -> None:
        """After a failed write the handle is dead: take what flash really has."""
        try:
            self._close_file()
        except OSError:
            pass  # littlefs reports the same failure again at close; what was synced before is untouched
        self.open()

    # --- start

    def _recover(self) -> None:
        self._segments = []
        self._tail = None
        self._near = Slots(0)
        self._oldest = (0, 0)
        self._unsaved = 0
        state = self._read_state()
        self._ended = state.ended
        self._kid = state.kid
        self.next_seq, self.head = state.seq + 1, state.sha256
        try:
            names = os.listdir(self._folder)
        except OSError as error:
            if error.errno != ENOENT:
                raise
            os.mkdir(self._folder)
            names = []
        for first in sorted([int(name) for name in names if name.isdigit()]):
            self._take_up(first, state.marks.get(first, 0))
        self._length = sum([_ones(segment.waiting()) for segment in self._segments])
        self._take_head()
        ended = [segment for segment in self._segments if not segment.waiting()]
        if ended:  # a power cut kept them from being removed
            self._settle(ended)

    def _read_state(self) -> form.State:
        try:
            with open(self._folder + "/state", "rb") as file:
                raw = file.read()
        except OSError as error:
            if error.errno != ENOENT:
                raise
            raw = b""
        if not raw:  # a new terminal, or its very first state was cut off: nothing was removed before it
            return form.State(0, GENESIS, NO_KEY, {}, [])
        found = form.parse_state(raw)
        if found is None:
            # Which sequence numbers were used is not known any more: better no evidence than a forked chain.
            raise QueueError("state is damaged")
        return found

    def _take_up(self, first: int, done: int) -> None:
        self._near = Slots(first).load(self._path(first))
        segment = Segment(first, self._near.present())
        if segment.present:
            segment.done = done & segment.present
            self._segments.append(segment)
        elif self._near.size:
            print("queue: file %d is damaged, set aside" % first)
            os.rename(self._path(first), self._path(first) + ".damaged")  # for a technician: it may hold evidence
        else:
            os.remove(self._path(first))  # the power went between its name and its first record

    def _take_head(self) -> None:
        """The last record is younger than the state, unless its file is gone."""
        if self._segments:
            segment = self._segments[-1]
            seq = segment.first
            while segment.present >> (seq - segment.first + 1):
                seq += 1
            with open(self._path(segment.first), "rb") as file:
                last = form.read_head(file, self._slots_of(segment).offset(seq))
            if last and last.seq >= self.next_seq:
                self.next_seq, self.head = last.seq + 1, last.sha256


def _ones(mask: int) -> int:
    count = 0
    while mask:
        mask &= mask - 1
        count += 1
    return count
