"""Orders for when there is no link (PROTOCOL.md §13): signed sheets on flash, each entry used once, and the last epoch.

`/reserve/N` is sheet number N as the agent signed it, `/reserve/state` which sheet was used last and how many of its
entries. They are used in their order. An entry counts as used after its record is in the queue: should the power go
between the two, the queue knows the order.
"""

import hashlib
import os

from terminal import cbor
from terminal import log_record as form
from terminal.agent_messages import Order, parse_entry, parse_epoch, parse_sheet
from terminal.errors import EpochInvalid, NoOfflineOrder, OrderInvalid
from terminal.ticks import ticks_diff, ticks_ms

TYPE_CHECKING = False
if TYPE_CHECKING:
    from terminal.agent_messages import Sheet
    from terminal.config import Config
    from terminal.flight_log import FlightLog
    from terminal.hardware import Clock
    from terminal.queue import Queue

PAGES_MAX = 64  # sheets: 2 048 orders
START_S = 300  # for a customer to put the card down
KEEP_S = 3600  # between two epochs that are written to flash
REPEAT_MS = 60_000  # between two entries in the log that say the same sheet is here
ENDED = 255  # more than a sheet has entries
ENOENT = 2


class Reserve:
    """One owner. `epoch` is what evidence says of freshness: 16 bytes, None until one was heard."""

    def __init__(
        self,
        config: "Config",
        queue: "Queue",
        clock: "Clock",
        log: "FlightLog | None" = None,
        folder: str = "/reserve",
    ) -> None:
        self._config = config
        self._queue = queue
        self._clock = clock
        self._log = log
        self._folder = folder
        self._head = 0, 0  # the sheet used last, and how many of its entries
        self._sent = {}  # sheet number -> ticks when the log was told that it is here
        self._settled = 0  # time of the epoch on flash
        self._heard = 0  # and of the last one heard
        self.epoch: "bytes | None" = None

    def open(self) -> None:
        """What is on flash. Never raises: without a reserve a terminal works online."""
        try:
            names = os.listdir(self._folder)
        except OSError:
            names = []
        try:
            if "epoch" in names:
                self.hear(self._content("epoch"))
            if "state" in names:
                body, check, end = form.frame(self._content("state"), 0)
                if not end or hashlib.sha256(body).digest()[: form.CHECK_BYTES] != check:
                    # Nobody knows what was used: better none of them than one twice.
                    raise ValueError("state is damaged")
                self._head = tuple(cbor.decode(body))  # pyright: ignore[reportArgumentType] - our own, it checks
        except (OSError, ValueError) as error:
            print("reserve:", error)
            self._head = max([int(name) for name in names if name.isdigit()] + [0]), ENDED
        self._settled = self._heard

    # --- from the agent

    def take(self, message: bytes) -> None:
        """A message from down/sheet. Never raises: a bad one is said and dropped."""
        config = self._config
        try:
            sheet = parse_sheet(message, config.agent_kid, config.agent_point, config.ueid)
            if sheet.channel != config.channel:
                raise OrderInvalid("sheet of another channel")
            if sheet.expires_at <= self._clock.now():
                raise OrderInvalid("sheet has run out")
            self._keep(sheet, message)
        except OrderInvalid as error:
            print("reserve:", error.code, error)
        except OSError as error:
            print("reserve: errno", error.errno)  # the agent sends it again
        else:
            self._confirm(sheet)

    def hear(self, message: bytes) -> None:
        """The epoch, as the agent has signed it."""
        try:
            issued_at, epoch = parse_epoch(message, self._config.agent_kid, self._config.agent_point)
        except EpochInvalid as error:
            print("reserve:", error.code, error)
            return
        if issued_at <= self._heard:
            return
        self._heard, self.epoch = issued_at, epoch
        if issued_at - self._settled >= KEEP_S:
            self._settled = issued_at
            try:
                self._write("epoch", message)
            except OSError as error:
                print("reserve: errno", error.errno)  # it is in memory

    def _keep(self, sheet: "Sheet", message: bytes) -> None:
        numbers = self._numbers()
        if sheet.number in numbers or sheet.number <= self._head[0]:
            return
        if len(numbers) >= PAGES_MAX:
            oldest = self._open(numbers[0])
            if oldest and oldest.expires_at > sheet.issued_at:
                raise OrderInvalid("no room for another sheet")
            self._drop(numbers[0])
        self._write("new", message)
        os.rename(self._folder + "/new", self._path(sheet.number))

    def _confirm(self, sheet: "Sheet") -> None:
        """In the signed log: so the agent knows, and everybody else can. Again if it asks again after a while."""
        sent = self._sent.get(sheet.number)
        if self._log is None or (sent is not None and ticks_diff(ticks_ms(), sent) < REPEAT_MS):
            return
        if len(self._sent) >= PAGES_MAX:
            self._sent = {}
        self._sent[sheet.number] = ticks_ms()
        self._log.note(form.SHEET, "sheet-kept", sheet.number, len(sheet.entries))

    # --- for a customer

    def next(self) -> Order:
        """The next one that nobody has had, which stays the next until it is `use`d. Raises NoOfflineOrder."""
        try:
            for number in self._numbers():
                order = self._next_of(number)
                if order:
                    return order
                self._drop(number)
        except OSError as error:
            raise NoOfflineOrder("errno %s" % error.errno) from None
        raise NoOfflineOrder("nothing in reserve")

    def use(self, order: Order) -> None:
        """Its record is in the queue."""
        try:
            self._mark(order.sheet[0], order.sheet[1] + 1)
        except OSError as error:
            print("reserve: errno", error.errno)  # the queue knows it

    def _next_of(self, number: int) -> "Order | None":
        """None when the sheet is used up, has run out, or is damaged."""
        used = self._head[1] if number == self._head[0] else ENDED if number < self._head[0] else 0
        sheet = self._open(number) if used < ENDED else None
        now = self._clock.now()
        if sheet is None or sheet.expires_at <= now:
            return None
        while used < len(sheet.entries):
            order_id, nonce, msisdn = parse_entry(sheet.entries[used])
            if not self._queue.has_order(order_id):
                ends = min(sheet.expires_at, now + START_S)
                return Order(order_id, nonce, msisdn, sheet.channel, sheet.issued_at, ends, (number, used))
            used += 1
            self._mark(number, used)
        return None

    def _open(self, number: int) -> "Sheet | None":
        """With its signature checked anew; None when it does not hold."""
        config = self._config
        try:
            return parse_sheet(self._content(str(number)), config.agent_kid, config.agent_point, config.ueid)
        except OrderInvalid as error:
            print("reserve: sheet %d is damaged: %s" % (number, error))
            return None

    # --- flash

    def _mark(self, number: int, used: int) -> None:
        self._head = number, used
        body = cbor.encode([number, used])
        self._write("state", form.framed(body, hashlib.sha256(body).digest()))

    def _drop(self, number: int) -> None:
        """First that it was used up, then the file: its number is not taken again."""
        if number >= self._head[0]:
            self._mark(number, ENDED)
        os.remove(self._path(number))

    def _numbers(self) -> list:
        try:
            return sorted([int(name) for name in os.listdir(self._folder) if name.isdigit()])
        except OSError as error:
            if error.errno != ENOENT:
                raise
            return []

    def _content(self, name: str) -> bytes:
        with open(self._folder + "/" + name, "rb") as file:
            return file.read()

    def _write(self, name: str, content: bytes) -> None:
        # In place: littlefs changes a file's content at close, all of it or nothing.
        try:
            os.mkdir(self._folder)
        except OSError:
            pass  # is there, or the next line says what is wrong
        with open(self._folder + "/" + name, "wb") as file:
            file.write(content)

    def _path(self, number: int) -> str:
        return "%s/%d" % (self._folder, number)
