"""A SAM-V reader module without hardware. `SamReader` is its state machine, without a clock; `ReaderLine` is its wire,
at the pace of a real one; `ReaderServer` puts that on a TCP port. Facts: sections 1 and 2 of the reader specification.

The codec here is its own on purpose: an emulator that shared the firmware's would share its mistakes.
"""

from __future__ import annotations

import asyncio
import re
import struct
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum, auto
from functools import reduce
from operator import xor
from types import MappingProxyType
from typing import NamedTuple, Protocol, Self

from tools.emulator.people import Card, address_block

PREAMBLE = bytes.fromhex("AAAAAA9669")
SAM_ID = "05.01-20150101-0001234567-0123456789"
BAUD_RATES = (115200, 57600, 38400, 19200, 9600)  # by the PARA of command 60
BITS_PER_BYTE = 10  # 8N1
BYTES_PER_S = BAUD_RATES[0] // BITS_PER_BYTE
LEN_MAX = 64  # of a command; the longest known has 4
CHUNK_BYTES = 16  # as from a UART's FIFO
PART_TIMEOUT_S = 0.1  # a command that stops in the middle is dropped
LOG_ENTRIES = 1000
RF_BYTES_MIN = 0x18  # of command 61

# From a complete command to the first byte of its answer
LATENCY_MS: Mapping[tuple[int, int], float] = MappingProxyType(
    {
        (0x11, 0xFF): 10,
        (0x12, 0xFF): 10,
        (0x20, 0x01): 40,
        (0x20, 0x02): 40,
        (0x30, 0x01): 400,
        (0x30, 0x03): 60,
        (0x30, 0x05): 60,
    }
)
OTHER_LATENCY_MS = 10.0


class State(Enum):
    OFF = auto()
    POWERED = auto()  # starting up, deaf
    IDLE = auto()
    FOUND = auto()
    SELECTED = auto()
    READ = auto()  # 30 01 is done, 30 03 and 30 05 still work


@dataclass(frozen=True, slots=True)
class Answer:
    frame: bytes  # as far as it is sent: a card lifted in the middle cuts it
    sw3: int


class Delivery(NamedTuple):
    """What becomes of an answer on its way."""

    data: bytes
    delay_ms: float = 0  # beyond the module's own latency


@dataclass(frozen=True, slots=True)
class LogEntry:
    cmd: int
    para: int
    answer_ms: float  # from the complete command to the last byte sent
    sw3: int


@dataclass(slots=True, eq=False)
class _Presentation:
    """A card from being put down to being lifted."""

    card: Card
    is_read: bool = False


class SamReader:
    """Strict, as most modules: a card that was read completely is not found again until it has been lifted.

    `lenient`: it is found again. `unauthorised`: the module carries no production keys. `first_sam_id_wrong`: the first
    SAM-ID after power-on is rubbish, as on some modules. `picture` follows the frame of 30 01 (section 1.6), or the
    card's own where the module `has_decoder`. `baud` is the rate that was set last: the module keeps it through
    power-off. `line_baud` tells the rate of the other end: one that differs is not heard. `numbers_unknown`: 21 to
    30 05, as from older modules.
    """

    def __init__(
        self,
        sam_id: str = SAM_ID,
        *,
        lenient: bool = False,
        unauthorised: bool = False,
        first_sam_id_wrong: bool = False,
        picture: bytes = b"",
        baud: int = BAUD_RATES[0],
        line_baud: Callable[[], int | None] | None = None,
        numbers_unknown: bool = False,
        has_decoder: bool = False,
    ) -> None:
        self.baud = baud
        self.line_baud = line_baud
        self._sam_id = _sam_id_bytes(sam_id)
        self._lenient = lenient
        self._unauthorised = unauthorised
        self._first_sam_id_wrong = first_sam_id_wrong
        self.picture = picture
        self._numbers_unknown = numbers_unknown
        self.has_decoder = has_decoder
        self._on_reader: _Presentation | None = None
        self._lift_after_bytes: int | None = None
        self.power_on()

    @property
    def is_deaf(self) -> bool:
        """Off, starting up, hanging, or spoken to at another rate."""
        is_other_rate = self.line_baud is not None and self.line_baud() != self.baud
        return self.state in (State.OFF, State.POWERED) or self._is_hanging or is_other_rate

    def power(self, is_on: bool) -> None:
        """Its supply, without the time that it needs to start up: see ReaderLine.power()."""
        if is_on:
            if self.state is State.OFF:
                self.power_on()
        else:
            self.state = State.OFF
            self._active = None

    def hang(self, sw3: int | None = None) -> None:
        """Until power-on it answers nothing, or everything with this status."""
        self._is_hanging = sw3 is None
        self._only_sw3 = sw3

    def power_on(self) -> None:
        self.state = State.POWERED
        self._is_hanging = False
        self._only_sw3: int | None = None
        self._active: _Presentation | None = None  # the one that the last successful find has found
        self._is_sam_id_wrong = self._first_sam_id_wrong
        if self._on_reader:
            self._on_reader = _Presentation(self._on_reader.card)  # without the field, the card has forgotten it, too

    def ready(self) -> None:
        """Start-up is over."""
        if self.state is State.POWERED:
            self.state = State.IDLE

    def place(self, card: Card) -> None:
        self._on_reader = _Presentation(card)

    def lift(self) -> None:
        self._on_reader = None

    def schedule_lift(self, after_bytes: int | None) -> None:
        """The next answer to 30 01 breaks off after so many bytes, the card is gone. 0: gone before, which is a 41;
        None: not after all."""
        self._lift_after_bytes = after_bytes

    def answer(self, body: bytes) -> Answer:
        """To one command, from LEN to CHK."""
        if len(body) < 5:
            return _status(0x11)
        if reduce(xor, body):
            return _status(0x10)
        length, cmd, para = struct.unpack_from(">HBB", body)
        if length != (4 if cmd == 0x61 else 3) or len(body) != 2 + length:
            return _status(0x11)
        if self._unauthorised:
            return _status(0x66)
        if self._only_sw3 is not None:
            return _status(self._only_sw3)
        match cmd, para:
            case 0x10, 0xFF:
                return self._reset()
            case 0x11, 0xFF:
                return _status(0x90)
            case 0x12, 0xFF:
                return self._read_sam_id()
            case 0x20, 0x01:
                return self._find()
            case 0x20, 0x02:
                return self._select()
            case 0x30, 0x01:
                return self._read_base()
            case 0x30, 0x03:
                return self._read_addresses()
            case 0x30, 0x05:
                return self._read_numbers()
            case 0x60, _ if para < len(BAUD_RATES):
                self.baud = BAUD_RATES[para]
                return _status(0x90)
            case 0x61, 0xFF if body[4] >= RF_BYTES_MIN:
                return _status(0x90)
        return _status(0x21)

    def _reset(self) -> Answer:
        self.state = State.IDLE
        self._active = None
        return _status(0x90)

    def _read_sam_id(self) -> Answer:
        if self._is_sam_id_wrong:
            self._is_sam_id_wrong = False
            return _success(bytes(reversed(self._sam_id)))
        return _success(self._sam_id)

    def _find(self) -> Answer:
        if self._on_reader is None:
            self.state = State.IDLE
            self._active = None
            return _status(0x80)
        if self._on_reader.is_read and not self._lenient:
            return _status(0x80)  # it stays selected: 30 03 and 30 05 tell whether it still lies there
        self.state = State.FOUND
        self._active = self._on_reader
        return _success(bytes(4), sw3=0x9F)

    def _select(self) -> Answer:
        if self.state is not State.FOUND:
            return _status(0x21)
        if self._reached() is None:
            return _status(0x81)
        self.state = State.SELECTED
        return _success(bytes(8))

    def _read_base(self) -> Answer:
        if self.state is not State.SELECTED:
            return _status(0x21)
        presentation = self._reached()
        if presentation is None:
            return _status(0x41)
        text, photo = presentation.card.text, presentation.card.photo
        answer = _success(struct.pack(">HH", len(text), len(photo)) + text + photo)
        cut, self._lift_after_bytes = self._lift_after_bytes, None
        if cut is not None and cut < len(answer.frame):
            self.lift()
            self.state = State.IDLE
            return Answer(answer.frame[:cut], answer.sw3) if cut else _status(0x41)
        presentation.is_read = True
        self.state = State.READ
        appended = presentation.card.picture if self.has_decoder else self.picture
        return Answer(answer.frame + appended, answer.sw3)

    def _read_addresses(self) -> Answer:
        if self.state not in (State.SELECTED, State.READ):
            return _status(0x21)
        presentation = self._reached()
        if presentation is None:
            return _status(0x41)
        addresses = presentation.card.addresses
        return _success(address_block(addresses)) if addresses else _status(0x91)

    def _read_numbers(self) -> Answer:
        """28 bytes that name the card, not its holder."""
        if self._numbers_unknown or self.state not in (State.SELECTED, State.READ):
            return _status(0x21)
        return _status(0x41) if self._reached() is None else _success(bytes(range(0x10, 0x2C)))

    def _reached(self) -> _Presentation | None:
        """The active card, unless it has been lifted: a card put down since then must be found first."""
        if self._on_reader is self._active and self._active is not None:
            return self._active
        self.state = State.IDLE
        return None


class CommandStream:
    """Cuts command bodies (LEN to CHK) out of what arrives. A LEN beyond LEN_MAX gives the two LEN bytes alone."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    @property
    def has_part(self) -> bool:
        return bool(self._buffer)

    def feed(self, data: bytes) -> list[bytes]:
        self._buffer += data
        bodies: list[bytes] = []
        while (start := self._buffer.find(PREAMBLE)) >= 0:
            body = self._buffer[start + len(PREAMBLE) :]
            if len(body) < 2:
                return bodies
            length = int.from_bytes(body[:2])
            size = 2 + length if length <= LEN_MAX else 2
            if len(body) < size:
                return bodies
            bodies.append(bytes(body[:size]))
            del self._buffer[: start + len(PREAMBLE) + size]
        del self._buffer[: -len(PREAMBLE) + 1]  # noise, but for what may be the beginning of a preamble
        return bodies

    def drop_part(self) -> None:
        self._buffer.clear()


class Outgoing(Protocol):
    """The module's TX wire."""

    def write(self, data: bytes, /) -> None: ...
    async def drain(self) -> None: ...


class ReaderLine:
    """The module on its wire, without saying what the wire is made of. One client at a time; the next one waits.

    `on_command(cmd, para)` is called as a command arrives, before the module thinks about it; `on_answer` may change
    what is sent, and when; `on_done` has the log entry. `burst_ms`: a USB-serial bridge delivers in lumps of that time.
    """

    def __init__(
        self,
        reader: SamReader,
        *,
        latency_ms: Mapping[tuple[int, int], float] = LATENCY_MS,
        start_up_ms: float = 0,
        bytes_per_s: float | None = None,
        burst_ms: float = 0,
        on_command: Callable[[int, int], None] | None = None,
        on_answer: Callable[[int, int, Answer], Delivery] | None = None,
        on_done: Callable[[LogEntry], None] | None = None,
    ) -> None:
        self.log: deque[LogEntry] = deque(maxlen=LOG_ENTRIES)
        self.on_command = on_command
        self.on_answer = on_answer
        self.on_done = on_done
        self.is_silent = False  # takes commands and answers none, as with a broken wire
        self.reader = reader
        self._latency_ms = latency_ms
        self._start_up_ms = start_up_ms
        self._bytes_per_s = bytes_per_s
        self._burst_ms = burst_ms
        self._power_ons = 0
        self._one_client = asyncio.Lock()
        self._outgoing: Outgoing | None = None

    def power(self, is_on: bool) -> None:
        """What it was saying breaks off; after power-on it needs its time."""
        if not is_on:
            self._power_ons += 1
            self.reader.power(False)
        elif self.reader.state is State.OFF:
            self.power_cycle()

    def power_cycle(self) -> None:
        """What it was saying breaks off."""
        self._power_ons += 1
        self.reader.power_on()
        if self._start_up_ms:
            asyncio.get_running_loop().call_later(self._start_up_ms / 1000, self._ready, self._power_ons)
        else:
            self.reader.ready()

    def inject(self, noise: bytes) -> None:
        """Bytes on the line that no command has asked for. Nobody connected: they are lost."""
        if self._outgoing is not None:
            self._outgoing.write(noise)

    async def serve(self, incoming: asyncio.StreamReader, outgoing: Outgoing) -> None:
        """Until the client is gone."""
        async with self._one_client:
            self._outgoing = outgoing
            try:
                await self._answer_commands(incoming, outgoing)
            finally:
                self._outgoing = None

    def _ready(self, power_ons: int) -> None:
        if power_ons == self._power_ons:
            self.reader.ready()

    async def _answer_commands(self, incoming: asyncio.StreamReader, outgoing: Outgoing) -> None:
        commands = CommandStream()
        while True:
            try:
                data = await asyncio.wait_for(incoming.read(4096), PART_TIMEOUT_S if commands.has_part else None)
            except TimeoutError:
                commands.drop_part()
                continue
            if not data:
                return
            if self.reader.is_deaf or self.is_silent:
                continue
            for body in commands.feed(data):
                await self._answer(body, outgoing)

    async def _answer(self, body: bytes, outgoing: Outgoing) -> None:
        loop = asyncio.get_running_loop()
        power_ons = self._power_ons
        bytes_per_s = self._bytes_per_s or self.reader.baud / BITS_PER_BYTE  # an answer comes at the old rate (1.4)
        cmd, para = body[2:4] if len(body) >= 4 else (0, 0)
        if self.on_command:
            self.on_command(cmd, para)
        complete = loop.time() + (len(PREAMBLE) + len(body)) / bytes_per_s
        await _sleep_until(complete + self._latency_ms.get((cmd, para), OTHER_LATENCY_MS) / 1000)
        if power_ons != self._power_ons:
            return
        answer = self.reader.answer(body)  # only now: a card lifted meanwhile could not be read
        data, delay_ms = self.on_answer(cmd, para, answer) if self.on_answer else Delivery(answer.frame)
        await asyncio.sleep(delay_ms / 1000)
        await self._send(data, bytes_per_s, power_ons, outgoing)
        entry = LogEntry(cmd, para, (loop.time() - complete) * 1000, answer.sw3)
        self.log.append(entry)
        if self.on_done:
            self.on_done(entry)

    async def _send(self, data: bytes, bytes_per_s: float, power_ons: int, outgoing: Outgoing) -> None:
        """No byte earlier than on a real line. Every wait is counted from the first byte, so that none adds up."""
        loop = asyncio.get_running_loop()
        chunk_bytes = max(CHUNK_BYTES, int(self._burst_ms / 1000 * bytes_per_s))
        start = loop.time()
        sent = 0
        while sent < len(data) and power_ons == self._power_ons:
            end = min(sent + chunk_bytes, len(data))
            await _sleep_until(start + end / bytes_per_s)
            if not self._burst_ms:
                end = min(max(end, int((loop.time() - start) * bytes_per_s)), len(data))
            outgoing.write(data[sent:end])
            await outgoing.drain()
            sent = end


class ReaderServer(ReaderLine):
    """On 127.0.0.1. The module has its own power, so it keeps its state when the terminal goes."""

    def __init__(
        self,
        reader: SamReader,
        port: int = 0,
        *,
        latency_ms: Mapping[tuple[int, int], float] = LATENCY_MS,
        start_up_ms: float = 0,
        bytes_per_s: float | None = None,
        on_command: Callable[[int, int], None] | None = None,
    ) -> None:
        super().__init__(
            reader, latency_ms=latency_ms, start_up_ms=start_up_ms, bytes_per_s=bytes_per_s, on_command=on_command
        )
        self.port = port
        self._clients: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]
        self.power_cycle()

    async def stop(self) -> None:
        if self._server is None:
            return
        self._server.close()
        for client in self._clients:
            client.cancel()
        await asyncio.gather(*self._clients, return_exceptions=True)
        await self._server.wait_closed()

    def _accept(self, incoming: asyncio.StreamReader, outgoing: asyncio.StreamWriter) -> None:
        client = asyncio.get_running_loop().create_task(self._serve(incoming, outgoing))
        self._clients.add(client)
        client.add_done_callback(self._clients.discard)

    async def _serve(self, incoming: asyncio.StreamReader, outgoing: asyncio.StreamWriter) -> None:
        try:
            with suppress(ConnectionError):  # the terminal was reset or killed: that is what it does
                await self.serve(incoming, outgoing)
        finally:
            outgoing.close()


async def _sleep_until(when: float) -> None:
    await asyncio.sleep(max(0.0, when - asyncio.get_running_loop().time()))


def _success(data: bytes, sw3: int = 0x90) -> Answer:
    body = struct.pack(">HBBB", 4 + len(data), 0, 0, sw3) + data
    return Answer(PREAMBLE + body + bytes((reduce(xor, body),)), sw3)


def _status(sw3: int) -> Answer:
    return _success(b"", sw3)


def _sam_id_bytes(text: str) -> bytes:
    """From the text of section 1.7: aa.bb-cccccccc-dddddddddd-eeeeeeeeee"""
    return struct.pack("<HHIII", *map(int, re.split("[.-]", text)))
