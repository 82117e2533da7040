"""Where a card is put down: the reader module as a session sees it, opened and started again after any fault.

A module keeps the baud rate that was set last, and some hang until their power is taken: facts sections 1.2 and 2.4.
"""

from terminal.errors import CardError, ReaderError, ReaderSelfTest, ReaderTimeout, ReaderUnauthorised
from terminal.reader import READY_MS, Reader
from terminal.samv_line import BAUD
from terminal.ticks import sleep_ms, ticks_add, ticks_diff, ticks_ms

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from terminal.hardware import Beat, Hardware, Show
    from terminal.reader import CardData

BAUD_RATES = (115200, 57600, 38400, 19200, 9600)
RESTART_MS = 1000
CHECK_MS = 10_000  # between two customers, reader facts §2.3
RETRY_MS = 30_000
WAIT_MAX_S = 86_400  # for one card; ticks cannot tell more than six days from the past
START_MS = 15_000  # SAM-ID and status, with every time limit used up: reader facts §2.3
POWER_OFF_MS = 1000
POWER_ON_MS = 1500  # to the first command


class Presentation:
    """What one card gave. `waited_ms` of `elapsed_ms()` were spent waiting for the reader, and for the person."""

    def __init__(self, data: "CardData", attempts: int, found_ticks: int) -> None:
        self.text = data.text
        self.photo = data.photo
        self.addresses = data.addresses
        self.waited_ms = data.answer_ms
        self.attempts = attempts
        self._found_ticks = found_ticks

    def elapsed_ms(self) -> int:
        return ticks_diff(ticks_ms(), self._found_ticks)

    def wipe(self) -> None:
        for buffer in (self.text, self.photo):
            for i in range(len(buffer)):
                buffer[i] = 0
        self.addresses = ()


class Station:
    """`sam_id` is None until the reader has answered, and again after a fault. `on_picture` as in Reader."""

    def __init__(
        self, hw: "Hardware", beat: "Beat", on_picture: "Callable[[bytes | memoryview], None] | None" = None
    ) -> None:
        self._hw = hw
        self._beat = beat
        self._on_picture = on_picture
        self._made = None  # one for all times: a torn heap may have no room for another one's buffers
        self._reader = None  # the same, while it works
        self._baud = BAUD  # at which a module has answered last
        self._may_cut_power = hw.has_reader_power  # once for a fault, or a customer
        self._fault = None  # code of what has stopped it
        self._look_at = ticks_ms()  # when to look after a module with which nothing is the matter, or to try again
        self.sam_id = None

    async def start(self) -> Reader:
        """Raises ReaderError."""
        self._stop()
        self.sam_id = None
        try:
            reader = await self._start_at_any_rate()
        except (ReaderTimeout, ReaderSelfTest):
            if not await self._cycle_power():
                raise
            reader = await self._start_at_any_rate()
        self._reader = reader
        self._fault = None
        self._may_cut_power = self._hw.has_reader_power
        return reader

    async def read_card(self, expires_at: int, show: "Show") -> Presentation:
        """The next card. Raises CardError, or the ReaderError that lasted until the order ran out."""
        self._may_cut_power = self._hw.has_reader_power
        remaining_s = max(0, min(expires_at - self._hw.clock.now(), WAIT_MAX_S))
        deadline = ticks_add(ticks_ms(), 1000 * remaining_s)
        while True:
            try:
                reader = self._reader or await self.start()
                return Presentation(*await reader.read_card(deadline, lambda event: _show(show, event)))
            except ReaderError as error:
                self._stop()
                is_over = ticks_diff(deadline, ticks_ms()) <= 0
                if isinstance(error, (ReaderTimeout, ReaderSelfTest)) and not is_over and await self._cycle_power():
                    continue
                if is_over or isinstance(error, (ReaderUnauthorised, ReaderSelfTest)):
                    raise
                show("fault", error.code)
                self._beat()
                await sleep_ms(RESTART_MS)

    async def look_after(self) -> "str | None":
        """One look between two customers; returns the code of the fault that keeps it from working.

        A card left lying must not be taken for the next customer's, one that was taken away may come back for a second
        number. A module that has failed is tried again, one that is silent is found out before a customer comes.
        """
        is_due = ticks_diff(ticks_ms(), self._look_at) >= 0
        try:
            if self._reader:
                await self._reader.wait_removed(0)
                if is_due:
                    await self._reader.check()
            elif is_due:
                await self.start()
        except (ReaderError, CardError) as error:
            self._stop()
            self._fault = error.code
            is_due = True
        if is_due:
            self._look_at = ticks_add(ticks_ms(), RETRY_MS if self._fault else CHECK_MS)
        return self._fault

    async def _start_at_any_rate(self) -> Reader:
        """The first rate gets the time that a module needs after power-on; for the others it has had it."""
        ready_ms = READY_MS
        for baud in (self._baud,) + BAUD_RATES:
            if baud == self._baud and not ready_ms:
                continue
            reader = await self._open(baud)
            try:
                self.sam_id = await reader.start(ready_ms)
                self._baud = baud
                return reader
            except ReaderTimeout:
                if reader.has_answered:
                    raise
            ready_ms = 0
        raise ReaderTimeout("no answer at any rate")

    async def _open(self, baud: int) -> Reader:
        self._beat(START_MS)
        self._stop()  # before its line is opened anew: two tasks must not read the same one
        try:
            stream = await self._hw.open_reader(baud)
        except OSError:
            raise ReaderError("the reader's line cannot be opened") from None
        if self._made:
            self._made.open(stream, baud)
        else:
            self._made = Reader(stream, self._beat, baud, self._on_picture)
        return self._made

    async def _cycle_power(self) -> bool:
        """False where no pin switches it, or when it has been tried."""
        if not self._may_cut_power:
            return False
        self._may_cut_power = False
        self._stop()
        self._beat(START_MS)
        self._hw.power_reader(False)
        try:
            await sleep_ms(POWER_OFF_MS)
        finally:
            self._hw.power_reader(True)  # also when cancelled
        await sleep_ms(POWER_ON_MS)
        return True

    def _stop(self) -> None:
        """After a fault, which may have come halfway through a card; the next customer's session starts it anew."""
        self._reader = None
        if self._made:
            self._made.close()


def _show(show: "Show", event: str) -> None:
    show({"lost": "card-lost", "repeat": "card-left"}.get(event, event))
