"""Driver of the SAM-V reader module: start, find, select, read; reader facts sections 1.5 and 2.

One task owns a Reader. Every read needs its own find and select, so whatever fails goes back to find. A card that has
been read answers "no card" on most modules while it still lies there (its numbers can still be read); others find it
again: `read_card` and `wait_removed` settle which presentation of a card is a new one. Personal data is overwritten at
every find, and when a read fails or is cancelled.
"""

import hashlib
from collections import namedtuple

from terminal import samv
from terminal.card import TEXT_BYTES
from terminal.errors import (
    CardError,
    CardMalformed,
    CardRemoved,
    CardTimeout,
    CardUnsupported,
    CardUnverified,
    ReaderError,
    ReaderSelfTest,
    ReaderTimeout,
    ReaderUnauthorised,
)
from terminal.samv_line import BAUD, LIMITS_MS, SILENCE_MS, Line
from terminal.ticks import sleep_ms, ticks_add, ticks_diff, ticks_ms

CHECK_MS = 1000  # for a module that has answered before
READY_MS = 4500  # power-on or reset, until the status is 90
STATUS_POLL_MS = 200
SAM_ID_READS = 5
RESTARTS = 3  # at find, for one presentation of a card
MISSES = 10  # finds, before a card is looked for that the module has read for nobody: on a late command, before a reset
PHOTO_BYTES = 1024

_ZEROS = bytes(TEXT_BYTES)
_CARD_ERRORS = {
    samv.BAD_COMMAND: CardRemoved,  # the module has lost its state
    samv.UNRECOGNISED: CardRemoved,  # after a reset the card can be tried again
    samv.CARD_REFUSED_SAM: CardUnverified,
    samv.SAM_REFUSED_CARD: CardUnverified,
    samv.VERIFICATION_FAILED: CardUnverified,
    samv.NOT_FOUND_YET: CardRemoved,
    samv.UNKNOWN_CARD: CardUnsupported,
    samv.READ_FAILED: CardRemoved,
    samv.NO_RANDOM: CardRemoved,
    samv.NO_CARD: CardRemoved,
    samv.SELECT_FAILED: CardRemoved,
}
_READER_ERRORS = {samv.SELF_TEST_FAILED: ReaderSelfTest, samv.UNAUTHORISED: ReaderUnauthorised}

# `text` and `photo` are the reader's own buffers: the next find overwrites them. `answer_ms`: how much of the read was
# spent waiting for the module's answers.
CardData = namedtuple("CardData", ("text", "photo", "addresses", "answer_ms"))

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable

    from terminal.hardware import Stream


class Reader:
    """`on_command` tells a watchdog that waiting for a customer is life, too: it is called every few seconds at least.

    `on_picture` is given what some modules append to a card's photo, piece by piece while it is read; b"" means forget.
    `presence` is what a card that is not found any more is asked for, to tell whether it still lies there; None: never.
    """

    def __init__(
        self,
        stream: "Stream",
        on_command: "Callable[[], None] | None" = None,
        baud: int = BAUD,
        on_picture: "Callable[[bytes | memoryview], None] | None" = None,
        poll_ms: int = 300,
        same_card_ms: int = 3000,
        presence: "tuple[int, int] | None" = samv.READ_NUMBERS,
        limits_ms: "dict[tuple[int, int], int]" = LIMITS_MS,
        silence_ms: int = SILENCE_MS,
    ) -> None:
        self.attempts = 0  # finds that led to a select, of the last read_card(); holds also when it raised
        self.is_left_lying = False  # by the last find(): a card that the module has read already
        self._line = Line(stream, on_command, baud, limits_ms, silence_ms, on_picture)
        self._on_picture = on_picture
        self._poll_ms = poll_ms
        self._same_card_ms = same_card_ms
        self._presence = presence
        self._text = bytearray(TEXT_BYTES)
        self._photo = bytearray(PHOTO_BYTES)
        self._needs_reset = False
        self._failures = 0  # of this presentation: since a find has missed the card
        self._last_card = b""  # digest of the card read last, until it has been away
        self._last_seen_ms = 0
        self._was_away = False  # a find has missed it since
        self._misses = 0  # finds in a row without a card

    @property
    def has_answered(self) -> bool:
        """At this rate there is a module, well or not."""
        return self._line.has_answered

    def open(self, stream: "Stream", baud: int) -> None:
        """After a fault: the module anew. Which card was read last is not forgotten, it may still lie there."""
        self.clear()
        self._needs_reset = False
        self._line.open(stream, baud)

    def close(self) -> None:
        """Nothing of the card is left, and nobody reads the stream."""
        self.clear()
        self._line.close()

    async def start(self, ready_ms: int = READY_MS) -> str:
        """The module's SAM-ID, once it answers and has given the same one twice: the first reads can be wrong (1.7)."""
        await self._wait_ready(ready_ms)
        previous = b""
        for _ in range(SAM_ID_READS):
            answer = await self._ask(samv.SAM_ID)
            if answer is None or not _is_ok(answer):
                continue
            sam_id = bytes(answer.data)
            if sam_id == previous:
                return samv.sam_id_text(sam_id)
            previous = sam_id
        raise ReaderError("SAM-ID differs from read to read")

    async def check(self) -> None:
        """Raises ReaderError when the module no longer answers."""
        await self._wait_ready(CHECK_MS)

    async def find(self) -> bool:
        """One look for a card. On strict modules a card that was read stays unfound until it is lifted."""
        self.clear()
        if self._needs_reset:
            await self._ask(samv.RESET)
            await self._wait_ready(READY_MS)
            self._needs_reset = False
        answer = await self._ask(samv.FIND)
        if answer is None:
            return False
        is_found = answer.sw3 == samv.FOUND
        if answer.sw3 in (samv.NO_CARD, samv.NOT_FOUND_YET):
            self._failures = 0
            self._misses += 1
            await self._look_closer()
        else:
            self.is_left_lying = False
            self._misses = 0
            error = None if is_found else _error(answer)
            if isinstance(error, ReaderError):
                raise error
        if self._was_away and ticks_diff(ticks_ms(), self._last_seen_ms) >= self._same_card_ms:
            self._last_card = b""
        self._line.answer_ms = 0
        return is_found

    async def read(self) -> CardData:
        """The card just found. Any CardError means: back to find."""
        await self._select()
        return await self._read_selected()

    async def read_card(self, deadline_ms: int, on_event: "Callable[[str], None]") -> tuple:
        """The next card: its data, the attempts it took, and when it was found (ticks of the attempt that succeeded).

        Polls until `deadline_ms` (ticks), then raises CardTimeout, or the last failure when there was a card. Events:
        "found", "reading"; "lost" when the card must be lifted or put down anew; "repeat" when it is the card read
        before, which has not been away for `same_card_ms`.
        """
        try:
            return await self._read_card(deadline_ms, on_event)
        except BaseException:  # cancelled, too
            self.clear()
            raise

    async def _read_card(self, deadline_ms: int, on_event: "Callable[[str], None]") -> tuple:
        self.attempts = 0
        failure = CardTimeout("nobody came")
        said = ""
        while ticks_diff(deadline_ms, ticks_ms()) > 0:
            is_found = await self.find()
            if is_found and self._failures <= RESTARTS:
                found_ms = ticks_ms()
                try:
                    data = await self._attempt(on_event)
                except CardError as error:
                    self._count_failure(error)
                    failure = error
                    said = "reading"
                    continue
                if self._is_new(data.text):
                    return data, self.attempts, found_ms
                said = "repeat"
                on_event(said)
            elif self.is_left_lying:
                event = "lost" if self._was_away or not self._last_card else "repeat"
                if said != event:
                    said = event
                    on_event(said)
            elif said == "reading" or (is_found and said != "lost"):
                said = "lost"
                on_event(said)
            await self._pause()
        raise failure

    async def wait_removed(self, timeout_ms: int) -> bool:
        """Until the card that lies there has been away long enough to be a new presentation when it comes back.

        False at the timeout, and as soon as a card comes after a gap: only reading tells whether it is the same one,
        which `read_card` does.
        """
        end_ms = ticks_add(ticks_ms(), timeout_ms)
        while self._last_card or self._failures:
            if await self.find() and self._last_card:
                if self._was_away:
                    return False
                self._last_seen_ms = ticks_ms()
            if ticks_diff(end_ms, ticks_ms()) <= 0:
                return False
            await self._pause()
        return True

    def clear(self) -> None:
        """Overwrites what was read; the digest that tells a card lying there stays."""
        self._line.clear()
        self._text[:] = _ZEROS
        for at in range(0, PHOTO_BYTES, len(_ZEROS)):
            self._photo[at : at + len(_ZEROS)] = _ZEROS
        if self._on_picture:
            self._on_picture(b"")

    async def _look_closer(self) -> None:
        """A strict module does not find a card again that it has read, while it lies there (section 2.2)."""
        is_expected = self.is_left_lying or (self._last_card and not self._was_away)
        self.is_left_lying = False
        if self._presence and (is_expected or self._misses % MISSES == 0):
            answer = await self._ask(self._presence)
            if answer is None:
                self._presence = None  # a module that does not know the command: 2 s for nothing, once
            else:
                self.is_left_lying = answer.sw3 in (samv.OK, samv.NO_CONTENT)
        if self.is_left_lying and not self._was_away:
            self._last_seen_ms = ticks_ms()
        else:
            self._was_away = True

    async def _wait_ready(self, ready_ms: int) -> None:
        end_ms = ticks_add(ticks_ms(), ready_ms)
        while True:
            answer = await self._ask(samv.STATUS)
            if answer is not None and _is_ok(answer):
                return
            if ticks_diff(end_ms, ticks_ms()) <= 0:
                raise ReaderTimeout("not ready")
            await sleep_ms(STATUS_POLL_MS)

    async def _attempt(self, on_event: "Callable[[str], None]") -> CardData:
        on_event("found")
        self.attempts += 1
        await self._select()
        on_event("reading")
        return await self._read_selected()

    def _count_failure(self, error: CardError) -> None:
        """Raises what a new try cannot mend. A card that moved gets another chance, once it has been lifted."""
        self._failures = RESTARTS + 1 if isinstance(error, CardUnsupported) else self._failures + 1
        if self._failures > RESTARTS and not isinstance(error, CardRemoved):
            raise error

    async def _select(self) -> None:
        _require_ok(await self._ask(samv.SELECT))

    async def _read_selected(self) -> CardData:
        answer = await self._ask(samv.READ_BASE)
        text, photo = samv.parse_base(_require_ok(answer).data)
        if len(text) != TEXT_BYTES:
            raise CardMalformed("text block of %d bytes" % len(text))
        if len(photo) > PHOTO_BYTES:
            raise CardMalformed("photo of %d bytes" % len(photo))
        self._text[:] = text
        photo_bytes = len(photo)
        self._photo[:photo_bytes] = photo
        answer = await self._ask(samv.READ_ADDRESS)
        addresses = ()
        if answer is None or answer.sw3 != samv.NO_CONTENT:
            addresses = tuple(samv.parse_addresses(_require_ok(answer).data))
        self._line.clear()
        return CardData(self._text, memoryview(self._photo)[:photo_bytes], addresses, self._line.answer_ms)

    def _is_new(self, text: bytearray) -> bool:
        digest = hashlib.sha256(text).digest()
        is_new = digest != self._last_card
        self._failures = 0
        self._last_card = digest
        self._last_seen_ms = ticks_ms()
        self._was_away = False
        return is_new

    async def _pause(self) -> None:
        await sleep_ms(self._poll_ms)

    async def _ask(self, command: "tuple[int, int]") -> "samv.Response | None":
        answer = await self._line.ask(command)
        if answer is not None and answer.sw3 == samv.UNRECOGNISED:
            self._needs_reset = True
        return answer


def _is_ok(answer: samv.Response) -> bool:
    """For commands that need no card: only the module's own faults are worth an error."""
    if answer.sw3 in _READER_ERRORS:
        raise _error(answer)
    return answer.sw3 == samv.OK


def _require_ok(answer: "samv.Response | None") -> samv.Response:
    if answer is None:
        raise CardRemoved("no whole answer")
    if answer.sw3 != samv.OK:
        raise _error(answer)
    return answer


def _error(answer: samv.Response) -> "CardError | ReaderError":
    kind = _CARD_ERRORS.get(answer.sw3) or _READER_ERRORS.get(answer.sw3) or ReaderError
    return kind("SW %02X %02X %02X" % (answer.sw1, answer.sw2, answer.sw3))
