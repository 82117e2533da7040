"""The serial line to a SAM-V module: one command out, its answer in. Reader facts sections 2.3 and 2.4.

An answer does not name its command. So the line is flushed before each one and must be silent after a missing answer,
and an answer of the wrong length is a late one.
"""

import asyncio

from terminal import samv
from terminal.errors import ReaderError, ReaderTimeout
from terminal.ticks import ticks_add, ticks_diff, ticks_ms

# To the first byte of the answer, section 2.3
LIMITS_MS = {
    samv.RESET: 1000,
    samv.STATUS: 1000,
    samv.SAM_ID: 1000,
    samv.FIND: 1000,
    samv.SELECT: 1500,
    samv.READ_BASE: 3000,
    samv.READ_ADDRESS: 2000,
}
BAUD = 115200
SILENCE_MS = 100  # in a frame: it has broken off; after a missing answer: none is under way (USB bursts take 16 ms)
FLUSH_MS = 1
FLUSH_MAX_MS = 1000  # a line that never falls silent is not waited for
CHUNK_BYTES = 256
TIMEOUTS = 5  # in a row: the module is gone

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from terminal.hardware import Stream


class Line:
    """For one task. `on_command` is called before each command: waiting for a customer is life, too."""

    def __init__(
        self,
        stream: "Stream",
        on_command: "Callable[[], None] | None",
        limits_ms: "dict[tuple[int, int], int]",
        silence_ms: int,
    ) -> None:
        # spent waiting, from a command being sent to its answer being complete; the reader resets it
        self.answer_ms = 0
        self._stream = stream
        self._on_command = on_command
        self._limits_ms = limits_ms
        self._silence_ms = silence_ms
        self._decoder = samv.Decoder()
        self._is_asking = False
        self._is_clean = False  # no answer can be under way
        self._timeouts = 0  # in a row

    async def ask(self, command: "tuple[int, int]") -> "samv.Response | None":
        """The answer, which holds until the next ask() or clear(); None when there was no whole one.

        ReaderTimeout at the fifth None in a row.
        """
        if self._is_asking:
            raise ReaderError("two tasks at one reader")
        self._is_asking = True
        try:
            answer = await self._exchange(command)
            if answer is not None and answer.sw3 in (samv.BAD_CHECKSUM, samv.BAD_LENGTH):
                answer = await self._exchange(command)  # our frame was damaged on the way: once more
        finally:
            self._is_asking = False
        self._timeouts = self._timeouts + 1 if answer is None else 0
        if self._timeouts >= TIMEOUTS:
            self._timeouts = 0
            raise ReaderTimeout("%d commands without an answer" % TIMEOUTS)
        return answer

    def clear(self) -> None:
        """Overwrites everything received."""
        self._decoder.clear()

    async def _exchange(self, command: "tuple[int, int]") -> "samv.Response | None":
        if self._on_command:
            self._on_command()
        await self._flush()
        self._is_clean = False
        try:
            self._stream.write(samv.command(*command))
            await self._stream.drain()
        except OSError as error:
            raise ReaderError("line lost") from error
        sent_ms = ticks_ms()
        answer = await self._receive(command, ticks_add(sent_ms, self._limits_ms[command]))
        if answer is not None:
            self._is_clean = True
            self.answer_ms += ticks_diff(ticks_ms(), sent_ms)
        return answer

    async def _receive(self, command: "tuple[int, int]", first_byte_ms: int) -> "samv.Response | None":
        """Until an answer to this command, a damaged frame, or one of the time limits."""
        decoder = self._decoder
        bad_frames = decoder.bad_frames
        frame_end_ms = None  # while a frame is arriving: when it must be complete
        while decoder.bad_frames == bad_frames:
            limit_ms = ticks_diff(first_byte_ms if frame_end_ms is None else frame_end_ms, ticks_ms())
            if limit_ms <= 0:
                return None
            chunk = await self._read(limit_ms if frame_end_ms is None else min(self._silence_ms, limit_ms))
            if chunk is None:
                return None
            decoder.feed(chunk)
            answer = decoder.next_frame()
            while answer is not None:
                if samv.can_answer(command, answer):
                    return answer
                answer = decoder.next_frame()
            missing_bytes = decoder.missing_bytes()
            if not missing_bytes:
                frame_end_ms = None  # noise, or a late answer to an earlier command
            elif frame_end_ms is None:
                line_ms = missing_bytes * 10_000 // BAUD
                frame_end_ms = ticks_add(ticks_ms(), 2 * (line_ms + self._silence_ms))
        return None

    async def _flush(self) -> None:
        """Throws away what came unasked."""
        wait_ms = FLUSH_MS if self._is_clean else self._silence_ms
        end_ms = ticks_add(ticks_ms(), FLUSH_MAX_MS)
        while await self._read(wait_ms) is not None and ticks_diff(end_ms, ticks_ms()) > 0:
            wait_ms = self._silence_ms
        self._decoder.clear()

    async def _read(self, limit_ms: int) -> "bytes | None":
        try:
            chunk = await asyncio.wait_for(self._stream.read(CHUNK_BYTES), limit_ms / 1000)
        except asyncio.TimeoutError:
            return None
        except OSError as error:
            raise ReaderError("line lost") from error
        if not chunk:
            raise ReaderError("line closed")
        return chunk
