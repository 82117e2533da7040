"""A SAM-V reader module without hardware. `SamReader` is its state machine, without a clock; `ReaderServer` puts it on
a TCP port at the pace of a real one. Facts: sections 1 and 2 of the reader specification.

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
from typing import Self

from tools.emulator.people import Card, address_block

PREAMBLE = bytes.fromhex("AAAAAA9669")
SAM_ID = "05.01-20150101-0001234567-0123456789"
BYTES_PER_S = 11_520  # 115200 baud, 8N1
LEN_MAX = 64  # of a command; the longest known has 4
CHUNK_BYTES = 16  # as from a UART's FIFO
PART_TIMEOUT_S = 0.1  # a command that stops in the middle is dropped
LOG_ENTRIES = 1000

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
    POWERED = auto()  # starting up, deaf
    IDLE = auto()
    FOUND = auto()
    SELECTED = auto()
    READ = auto()  # 30 01 is done, 30 03 and 30 05 still work


@dataclass(frozen=True, slots=True)
class Answer:
    frame: bytes  # as far as it is sent: a card lifted in the middle cuts it
    sw3: int


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
    SAM-ID after power-on is rubbish, as on some modules.
    """

    def __init__(
        self,
        sam_id: str = SAM_ID,
        *,
        lenient: bool = False,
        unauthorised: bool = False,
        first_sam_id_wrong: bool = False,
    ) -> None:
        self._sam_id = _sam_id_bytes(sam_id)
        self._lenient = lenient
        self._unauthorised = unauthorised
        self._first_sam_id_wrong = first_sam_id_wrong
        self._on_reader: _Presentation | None = None
        self._lift_after_bytes: int | None = None
        self.power_on()

    def power_on(self) -> None:
        self.state = State.POWERED
        self._active: _Presentation | None = None  # the one that the last successful find has found
        self._is_sam_id_wrong = self._first_sam_id_wrong

    def ready(self) -> None:
        """Start-up is over."""
        if self.state is State.POWERED:
            self.state = State.IDLE

    def place(self, card: Card) -> None:
        self._on_reader = _Presentation(card)

    def lift(self) -> None:
        self._on_reader = None

    def schedule_lift(self, after_bytes: int) -> None:
        """The next answer to 30 01 breaks off after so many bytes, the card is gone. 0: gone before, which is a 41."""
        self._lift_after_bytes = after_bytes

    def answer(self, body: bytes) -> Answer:
        """To one command, from LEN to CHK."""
        if len(body) < 5:
            return _status(0x11)
        if reduce(xor, body):
            return _status(0x10)
        length, cmd, para = struct.unpack_from(">HBB", body)
        if length != 3 or len(body) != 5:
            return _status(0x11)
        if self._unauthorised:
            return _status(0x66)
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
        return answer

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
        if self.state not in (State.SELECTED, State.READ):
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


class ReaderServer:
    """One client at a time on 127.0.0.1; the next one waits. The module has its own power, so it keeps its state.

    `on_command(cmd, para)` is called as a command arrives, before the module thinks about it.
    """

    def __init__(
        self,
        reader: SamReader,
        port: int = 0,
        *,
        latency_ms: Mapping[tuple[int, int], float] = LATENCY_MS,
        start_up_ms: float = 0,
        bytes_per_s: float = BYTES_PER_S,
        on_command: Callable[[int, int], None] | None = None,
    ) -> None:
        self.port = port
        self.log: deque[LogEntry] = deque(maxlen=LOG_ENTRIES)
        self.on_command = on_command
        self.is_silent = False  # takes commands and answers none, as with a broken wire
        self._reader = reader
        self._latency_ms = latency_ms
        self._start_up_ms = start_up_ms
        self._bytes_per_s = bytes_per_s
        self._one_client = asyncio.Lock()
        self._clients: set[asyncio.Task[None]] = set()
        self._writer: asyncio.StreamWriter | None = None
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

    def power_cycle(self) -> None:
        self._reader.power_on()
        if self._start_up_ms:
            asyncio.get_running_loop().call_later(self._start_up_ms / 1000, self._reader.ready)
        else:
            self._reader.ready()

    def inject(self, noise: bytes) -> None:
        """Bytes on the line that no command has asked for. Nobody connected: they are lost."""
        if self._writer is not None:
            self._writer.write(noise)

    def _accept(self, incoming: asyncio.StreamReader, outgoing: asyncio.StreamWriter) -> None:
        client = asyncio.get_running_loop().create_task(self._serve(incoming, outgoing))
        self._clients.add(client)
        client.add_done_callback(self._clients.discard)

    async def _serve(self, incoming: asyncio.StreamReader, outgoing: asyncio.StreamWriter) -> None:
        try:
            async with self._one_client:
                self._writer = outgoing
                with suppress(ConnectionError):  # the terminal was reset or killed: that is what it does
                    await self._answer_commands(incoming, outgoing)
        finally:
            if self._writer is outgoing:
                self._writer = None
            outgoing.close()

    async def _answer_commands(self, incoming: asyncio.StreamReader, outgoing: asyncio.StreamWriter) -> None:
        commands = CommandStream()
        while True:
            try:
                data = await asyncio.wait_for(incoming.read(4096), PART_TIMEOUT_S if commands.has_part else None)
            except TimeoutError:
                commands.drop_part()
                continue
            if not data:
                return
            if self._reader.state is State.POWERED or self.is_silent:
                continue
            for body in commands.feed(data):
                await self._answer(body, outgoing)

    async def _answer(self, body: bytes, outgoing: asyncio.StreamWriter) -> None:
        loop = asyncio.get_running_loop()
        cmd, para = body[2:4] if len(body) >= 4 else (0, 0)
        if self.on_command:
            self.on_command(cmd, para)
        complete = loop.time() + (len(PREAMBLE) + len(body)) / self._bytes_per_s
        await _sleep_until(complete + self._latency_ms.get((cmd, para), OTHER_LATENCY_MS) / 1000)
        answer = self._reader.answer(body)  # only now: a card lifted meanwhile could not be read
        await self._send(answer.frame, outgoing)
        self.log.append(LogEntry(cmd, para, (loop.time() - complete) * 1000, answer.sw3))

    async def _send(self, data: bytes, outgoing: asyncio.StreamWriter) -> None:
        """No byte earlier than on a real line. Every wait is counted from the first byte, so that none adds up."""
        loop = asyncio.get_running_loop()
        start = loop.time()
        sent = 0
        while sent < len(data):
            end = min(sent + CHUNK_BYTES, len(data))
            await _sleep_until(start + end / self._bytes_per_s)
            end = min(max(end, int((loop.time() - start) * self._bytes_per_s)), len(data))
            outgoing.write(data[sent:end])
            await outgoing.drain()
            sent = end


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
