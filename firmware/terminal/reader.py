"""Driver of the SAM-V reader module: start, find, select, read; reader facts sections 1.5 and 2.

One task owns a Reader. Every read needs its own find and select, so whatever fails goes back to find. A card that has
been read answers "no card" on most modules while it still lies there; others find it again: `read_card` and
`wait_removed` settle which presentation of a card is a new one. Personal data is overwritten at every find.
"""

import asyncio
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
from terminal.samv_line import LIMITS_MS, SILENCE_MS, Line
from terminal.ticks import ticks_add, ticks_diff, ticks_ms

READY_MS = 3000  # power-on or reset, until the status is 90
STATUS_POLL_MS = 200
SAM_ID_READS = 5
RESTARTS = 3  # at find, for one presentation of a card

_NO_TEXT = bytes(TEXT_BYTES)
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

# `text` is the reader's own buffer: the next find overwrites it. `answer_ms`: how much of the read was spent waiting
# for the module's answers.
CardData = namedtuple("CardData", ("text", "photo", "addresses", "answer_ms"))

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable

    from terminal.hardware import Stream


class Reader:
    """`on_command` is called before each command: it tells a watchdog that waiting for a customer is life, too."""

    def __init__(
        self,
        stream: "Stream",
        on_command: "Callable[[], None] | None" = None,
        poll_ms: int = 300,
        same_card_ms: int = 3000,
        limits_ms: "dict[tuple[int, int], int]" = LIMITS_MS,
        silence_ms: int = SILENCE_MS,
    ) -> None:
        self.attempts = 0  # finds that led to a select, of the last read_card(); holds also when it raised
        self._line = Line(stream, on_command, limits_ms, silence_ms)
        self._poll_ms = poll_ms
        self._same_card_ms = same_card_ms
        self._text = bytearray(TEXT_BYTES)
        self._needs_reset = False
        self._failures = 0  # of this presentation: since a find has missed the card
        self._last_card = b""  # digest of the card read last, until it has been away
        self._last_seen_ms = 0
        self._was_away = False  # a find has missed it since

    async def start(self) -> str:
        """The module's SAM-ID, once it answers and has given the same one twice: the first reads can be wrong (1.7)."""
        await self._wait_ready()
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

    async def find(self) -> bool:
        """One look for a card. On strict modules a card that was read stays unfound until it is lifted."""
        self.clear()
        if self._needs_reset:
            self._needs_reset = False
            await self._ask(samv.RESET)
            await self._wait_ready()
        answer = await self._ask(samv.FIND)
        if answer is None:
            return False
        is_found = answer.sw3 == samv.FOUND
        if not is_found:
            error = _error(answer)
            if isinstance(error, ReaderError):
                raise error
            self._was_away = True
            self._failures = 0
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
        self._text[:] = _NO_TEXT

    async def _wait_ready(self) -> None:
        end_ms = ticks_add(ticks_ms(), READY_MS)
        while True:
            answer = await self._ask(samv.STATUS)
            if answer is not None and _is_ok(answer):
                return
            if ticks_diff(end_ms, ticks_ms()) <= 0:
                raise ReaderTimeout("not ready")
            await asyncio.sleep(STATUS_POLL_MS / 1000)

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
        self._text[:] = text
        photo = bytes(photo)
        answer = await self._ask(samv.READ_ADDRESS)
        addresses = ()
        if answer is None or answer.sw3 != samv.NO_CONTENT:
            addresses = tuple(samv.parse_addresses(_require_ok(answer).data))
        return CardData(self._text, photo, addresses, self._line.answer_ms)

    def _is_new(self, text: bytearray) -> bool:
        digest = hashlib.sha256(text).digest()
        is_new = digest != self._last_card
        self._failures = 0
        self._last_card = digest
        self._last_seen_ms = ticks_ms()
        self._was_away = False
        return is_new

    async def _pause(self) -> None:
        await asyncio.sleep(self._poll_ms / 1000)

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
