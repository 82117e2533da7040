"""Where a card is put down: the reader module as a session sees it, opened and started again after any fault."""

import asyncio

from terminal.errors import CardError, ReaderError, ReaderSelfTest, ReaderUnauthorised
from terminal.reader import Reader
from terminal.ticks import ticks_add, ticks_diff, ticks_ms

TYPE_CHECKING = False
if TYPE_CHECKING:
    from terminal.hardware import Beat, Hardware, Show
    from terminal.reader import CardData

RESTART_S = 1
WAIT_MAX_S = 86_400  # for one card; ticks cannot tell more than six days from the past
START_MS = 15_000  # SAM-ID and status, with every time limit used up: reader facts §2.3


class Presentation:
    """What one card gave. `answer_ms` of `elapsed_ms()` were spent waiting for the reader."""

    def __init__(self, data: "CardData", attempts: int, found_ticks: int) -> None:
        self.text = data.text
        self.photo = data.photo
        self.addresses = data.addresses
        self.answer_ms = data.answer_ms
        self.attempts = attempts
        self._found_ticks = found_ticks

    def elapsed_ms(self) -> int:
        return ticks_diff(ticks_ms(), self._found_ticks)

    def wipe(self) -> None:
        for i in range(len(self.text)):
            self.text[i] = 0
        self.photo = b""
        self.addresses = ()


class Station:
    """`sam_id` is None until the reader has answered, and again after a fault."""

    def __init__(self, hw: "Hardware", beat: "Beat") -> None:
        self._hw = hw
        self._beat = beat
        self._reader = None
        self.sam_id = None

    async def start(self) -> Reader:
        """Raises ReaderError."""
        self._beat(START_MS)
        self._reader = self.sam_id = None
        try:
            stream = await self._hw.open_reader()
        except OSError:
            raise ReaderError("the reader's line cannot be opened") from None
        reader = Reader(stream, self._beat)
        self.sam_id = await reader.start()
        self._reader = reader
        return reader

    async def read_card(self, expires_at: int, show: "Show") -> Presentation:
        """The next card. Raises CardError, or the ReaderError that lasted until the order ran out."""
        remaining_s = max(0, min(expires_at - self._hw.clock.now(), WAIT_MAX_S))
        deadline = ticks_add(ticks_ms(), 1000 * remaining_s)
        while True:
            try:
                reader = self._reader or await self.start()
                return Presentation(*await reader.read_card(deadline, lambda event: _show(show, event)))
            except (ReaderUnauthorised, ReaderSelfTest):
                self._give_up_reader()
                raise
            except ReaderError as error:
                self._give_up_reader()
                if ticks_diff(deadline, ticks_ms()) <= 0:
                    raise
                show("fault", error.code)
                await asyncio.sleep(RESTART_S)

    async def look_after(self) -> None:
        """One look between two customers: a card left lying must not be taken for the next customer's, one that was
        taken away may come back for a second number."""
        if not self._reader:
            return
        try:
            await self._reader.wait_removed(0)
        except (ReaderError, CardError) as error:
            self._give_up_reader()
            self._hw.panel.show("fault", error.code)

    def _give_up_reader(self) -> None:
        """After a fault, which may have come halfway through a card; the next customer's session starts it anew."""
        if self._reader:
            self._reader.clear()
        self._reader = None


def _show(show: "Show", event: str) -> None:
    show({"lost": "card-lost", "repeat": "card-left"}.get(event, event))
