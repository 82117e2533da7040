"""Orders for when there is no link (PROTOCOL.md §13): signed sheets on flash, each entry used once, and the last epoch.

`/reserve/N` is sheet number N as the agent signed it, `/reserve/state` which sheet was used last and how many of its
entries. They are used in their order. An entry counts as used once its record is in the queue: should the power go
between the two, the queue knows the order.
"""

import hashlib
import os

from terminal import agent_messages, cbor
from terminal import log_record as form
from terminal.agent_messages import PAGE_ENTRIES, Order
from terminal.errors import NoOfflineOrder, OrderInvalid
from terminal.ticks import ticks_diff, ticks_ms

TYPE_CHECKING = False
if TYPE_CHECKING:
    from terminal.agent_messages import Sheet
    from terminal.config import Config
    from terminal.flight_log import FlightLog
    from terminal.hardware import Clock
    from terminal.queue import Queue

PAGES_MAX = 128  # sheets: 2 000 orders, whatever their names
WAIT_MAX_S = 300  # for a customer to put the card down
AGE_MAX_S = 3600  # of the epoch on flash, before a younger one is written over it
REPEAT_MS = 60_000  # between two entries in the log that say the same sheet is here
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
        self._pages = []  # numbers of the sheets that are here
        self._head = (0, 0)  # the sheet used last, and how many of its entries
        self._sent = {}  # sheet number -> ticks when the log was told that it is here
        self._since = 0  # time of the epoch on flash,
        self._heard = 0  # and of the last one heard
        self.epoch: "bytes | None" = None

    def open(self) -> None:
        """What is on flash. Never raises: without a reserve a terminal works online."""
        try:
            names = os.listdir(self._folder)
        except OSError:
            return  # nothing has come yet
        self._pages = sorted([int(name) for name in names if name.isdigit()])
        try:
            raw = self._content("state")  # empty, too, if its very first one was cut off
            if "epoch" in names:
                self.update(self._content("epoch"))
        except OSError:
            raw = b"\0"  # as good as damaged
        body, check, end = form.frame(raw, 0)
        if end and hashlib.sha256(body).digest()[: form.CHECK_BYTES] == check:
            self._head = tuple(cbor.decode(body))  # pyright: ignore[reportArgumentType] - our own, it checks
        elif raw:
            print("orders: state of the reserve is damaged")
            # Nobody knows what was used: better none of what is here than one of it twice.
            self._head = (max(self._pages + [0]), PAGE_ENTRIES)

    # --- from the agent

    def take(self, message: bytes) -> None:
        """A message from down/sheet. Never raises: a bad one is said and dropped, and the agent sends it again."""
        config, sent = self._config, self._sent
        try:
            sheet = agent_messages.sheet(message, config.agent_kid, config.agent_point, config.ueid)
            if sheet.channel != config.channel:
                raise OrderInvalid("sheet of another channel")
            if sheet.expires_at <= self._clock.now():
                raise OrderInvalid("sheet has run out")
            self._keep(sheet, message)
        except OrderInvalid as error:
            print("orders:", error.code, error)
            return
        except OSError as error:
            print("orders: errno", error.errno)
            return
        # Said in the signed log: so the agent knows, and everybody else can. Again if it asks again after a while.
        number = sheet.number
        if self._log and (number not in sent or ticks_diff(ticks_ms(), sent[number]) > REPEAT_MS):
            if len(sent) >= PAGES_MAX:
                sent.clear()
            sent[number] = ticks_ms()
            self._log.note(form.SHEET, "sheet-stored", number, len(sheet.bodies))

    def update(self, message: bytes) -> None:
        """The epoch, as the agent has signed it. Only a younger one takes the place of the one before."""
        config = self._config
        try:
            at, epoch = agent_messages.epoch(message, config.agent_kid, config.agent_point)
        except OrderInvalid as error:
            print("orders: epoch-invalid", error)
            return
        if at <= self._heard:
            return
        self._heard, self.epoch = at, epoch
        if at - self._since >= AGE_MAX_S:
            self._since = at
            try:
                if message != self._content("epoch"):  # else it comes from there
                    self._write("epoch", message)
            except OSError as error:
                print("orders: errno", error.errno)  # it is in memory

    def _keep(self, sheet: "Sheet", message: bytes) -> None:
        pages = self._pages
        if sheet.number in pages or sheet.number <= self._head[0]:
            return
        if len(pages) >= PAGES_MAX:
            oldest = self._open(pages[0])
            if oldest and oldest.expires_at > sheet.issued_at:
                raise OrderInvalid("no room for another sheet")
            self._give_up(pages[0])
        name = str(sheet.number)
        self._write(name + ".new", message)
        os.rename(self._path(name + ".new"), self._path(name))
        pages.append(sheet.number)
        pages.sort()

    # --- for a customer

    def next(self) -> Order:
        """The next one that nobody has had, which stays the next until it is removed. Raises NoOfflineOrder."""
        try:
            while self._pages:
                order = self._find(self._pages[0])
                if order:
                    return order
                self._give_up(self._pages[0])
        except OSError as error:
            raise NoOfflineOrder("errno %s" % error.errno) from None
        raise NoOfflineOrder("nothing in reserve")

    def remove(self, order: Order) -> None:
        """Its record is in the queue."""
        try:
            self._mark(order.sheet[0], order.sheet[1] + 1)
        except OSError as error:
            print("orders: errno", error.errno)  # the queue knows it

    def _find(self, number: int) -> "Order | None":
        """None when the sheet is used up, has run out, or is damaged."""
        last, count = self._head
        if number != last:
            count = PAGE_ENTRIES if number < last else 0
        sheet = self._open(number) if count < PAGE_ENTRIES else None
        now = self._clock.now()
        if sheet is None or sheet.expires_at <= now:
            return None
        while count < len(sheet.bodies):
            order_id, nonce, msisdn = agent_messages.entry(sheet.bodies[count])
            if not self._queue.has_order(order_id):
                end = min(sheet.expires_at, now + WAIT_MAX_S)
                return Order(order_id, nonce, msisdn, sheet.channel, sheet.issued_at, end, (number, count))
            count += 1
            self._mark(number, count)
        return None

    def _open(self, number: int) -> "Sheet | None":
        """With its signature checked anew; None when it does not hold."""
        config = self._config
        try:
            return agent_messages.sheet(self._content(str(number)), config.agent_kid, config.agent_point, config.ueid)
        except OrderInvalid as error:
            print("orders:", error.code, "sheet on flash:", error)
            return None

    # --- flash

    def _mark(self, number: int, count: int) -> None:
        self._head = (number, count)
        body = cbor.encode(self._head)
        self._write("state", form.framed(body, hashlib.sha256(body).digest()))

    def _give_up(self, number: int) -> None:
        """First that it was used up, then the file: its number is not taken again."""
        if number >= self._head[0]:
            self._mark(number, PAGE_ENTRIES)
        os.remove(self._path(str(number)))
        self._pages.remove(number)

    def _content(self, name: str) -> bytes:
        """Empty when it is not there: nothing of it checks then."""
        try:
            with open(self._path(name), "rb") as file:
                return file.read()
        except OSError as error:
            if error.errno != ENOENT:
                raise
            return b""

    def _write(self, name: str, content: bytes) -> None:
        # In place: littlefs changes a file's content at close, all of it or nothing.
        try:
            os.mkdir(self._folder)
        except OSError:
            pass  # is there, or the next line says what is wrong
        with open(self._path(name), "wb") as file:
            file.write(content)

    def _path(self, name: str) -> str:
        return self._folder + "/" + name
