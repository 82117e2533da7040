"""The serial line to a SAM-V module: one command out, its answer in. Reader facts sections 1.6, 2.3 and 2.4.

An answer does not name its command. So the line is flushed before each one and must be silent after a missing answer,
and an answer of the wrong length is a late one. One task reads the stream, all the time: a read that is cancelled at a
time limit can take bytes with it.
"""

import asyncio

from terminal import samv
from terminal.errors import ReaderError, ReaderTimeout
from terminal.ticks import sleep_ms, ticks_add, ticks_diff, ticks_ms

# To the first byte of the answer, section 2.3
LIMITS_MS = {
    samv.RESET: 1000,
    samv.STATUS: 1000,
    samv.SAM_ID: 1000,
    samv.FIND: 1000,
    samv.SELECT: 1500,
    samv.READ_BASE: 3000,
    samv.READ_ADDRESS: 2000,
    samv.READ_NUMBERS: 2000,
}
BAUD = 115200
SILENCE_MS = 100  # in a frame: it has broken off; after a missing answer: none is under way (USB bursts take 16 ms)
FLUSH_MAX_MS = 1000  # and the line time of what may be on its way: a line that never falls silent is not waited for
FRAME_BYTES = 2400
PICTURE_BYTES = 40_960  # a BMP has 38,862
PICTURE_LEAST_BYTES = 1024
GAP_MS = 20  # between a frame and what stands behind it: one USB burst
FIFO_BYTES = 128  # a UART may hand over no fewer
CHUNK_BYTES = 256
POLL_MS = 5
BEAT_MS = 1000
TIMEOUTS = 5  # in a row: the module is gone

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from terminal.hardware import Stream


class Line:
    """For one task. `on_command` is called before each command and every second of a flush: waiting is life, too.

    `on_trailing` is given what some modules send behind the frame of 30 01, piece by piece, each for the call only.
    """

    def __init__(
        self,
        stream: "Stream",
        on_command: "Callable[[], None] | None" = None,
        baud: int = BAUD,
        limits_ms: "dict[tuple[int, int], int]" = LIMITS_MS,
        silence_ms: int = SILENCE_MS,
        on_trailing: "Callable[[bytes | memoryview], None] | None" = None,
    ) -> None:
        # spent waiting, from a command being sent to its answer being complete; the reader resets it
        self.answer_ms = 0
        self.has_answered = False  # since it was opened
        self._on_command = on_command
        self._limits_ms = limits_ms
        self._least_silence_ms = silence_ms
        self._on_trailing = on_trailing
        self._decoder = samv.Decoder()
        self._is_asking = False
        self._pump = None
        self.open(stream, baud)

    def open(self, stream: "Stream", baud: int) -> None:
        """From now on this stream, at this rate, with the buffers of before. A line that was lost needs it."""
        self.close()
        self.has_answered = False
        self._stream = stream
        self._baud = baud
        self._silence_ms = max(self._least_silence_ms, 2 * self._line_ms(FIFO_BYTES))
        self._fault = ""
        self._timeouts = 0  # in a row
        self._is_clean = False  # no answer can be under way
        self._is_trailing = False  # what comes now stands behind a frame of 30 01, and is offered
        self._passing_bytes = FRAME_BYTES  # may have to pass before the next command
        self._unasked_bytes = 0  # since the last answer
        self._appended_bytes = 0  # the last time that bytes stood behind a frame
        self._last_byte_ms = ticks_ms()
        self._awaited = None  # the command whose answer is awaited
        self._answer = None
        self._bad_frames = 0
        self._frame_end_ms = None  # while a frame is arriving: when it must be complete

    def close(self) -> None:
        """No one reads the stream any more; the stream itself is its owner's to close."""
        if self._pump:
            self._pump.cancel()
            self._pump = None

    async def ask(self, command: "tuple[int, int]") -> "samv.Response | None":
        """The answer, which holds until the next ask() or clear(); None when there was no whole one.

        ReaderTimeout at the fifth None in a row. May be cancelled: the next command flushes what is still to come.
        """
        if self._is_asking:
            raise ReaderError("two tasks at one reader")
        self._is_asking = True
        try:
            answer = await self._exchange(command)
            if answer is not None and answer.sw3 in (samv.BAD_CHECKSUM, samv.BAD_LENGTH):
                answer = await self._exchange(command)  # our frame was damaged on the way: once more
        finally:
            self._awaited = None
            self._is_asking = False
        self._timeouts = self._timeouts + 1 if answer is None else 0
        if self._timeouts >= TIMEOUTS:
            self._timeouts = 0
            raise ReaderTimeout("%d commands without an answer" % TIMEOUTS)
        return answer

    def clear(self) -> None:
        """Overwrites everything received; what still comes is nobody's."""
        self._decoder.clear()
        self._answer = None
        self._is_trailing = False

    async def _exchange(self, command: "tuple[int, int]") -> "samv.Response | None":
        if self._fault:
            raise ReaderError(self._fault)
        self._beat()
        if self._pump is None or self._pump.done():
            self._pump = asyncio.create_task(self._read_stream())
        await self._flush()
        self._decoder.clear()
        self._bad_frames = self._decoder.bad_frames
        self._answer = self._frame_end_ms = None
        self._is_clean = self._is_trailing = False
        self._passing_bytes = PICTURE_BYTES if command == samv.READ_BASE else FRAME_BYTES
        self._unasked_bytes = 0
        self._awaited = command
        try:
            self._stream.write(samv.command(*command))
            await self._stream.drain()
        except OSError as error:
            raise ReaderError("line lost") from error
        except asyncio.CancelledError:
            self.close()  # MicroPython takes the stream from everyone who waits for it: the reading task would for ever
            raise
        sent_ms = ticks_ms()
        await self._receive(ticks_add(sent_ms, self._limits_ms[command]))
        self._awaited = None
        answer = self._answer
        if answer is not None:
            self.has_answered = self._is_clean = True
            if answer.sw3 == samv.OK and command in (samv.READ_BASE, samv.READ_ADDRESS):
                await self._let_picture_pass()
                if self._is_doubtful():
                    return None
            self.answer_ms += ticks_diff(ticks_ms(), sent_ms)
        return answer

    async def _receive(self, first_byte_ms: int) -> None:
        """Until an answer, a damaged frame, or one of the time limits."""
        while self._awaited:
            now = ticks_ms()
            if self._frame_end_ms is None:
                if ticks_diff(first_byte_ms, now) <= 0:
                    return
            elif ticks_diff(self._frame_end_ms, now) <= 0 or self._silent_ms() > self._silence_ms:
                return
            await self._poll()

    async def _flush(self) -> None:
        """Lets pass what came unasked, or may still come."""
        await sleep_ms(1)  # what has come is read now
        if not self._is_clean:
            self._last_byte_ms = ticks_ms()  # the silence of a missing answer does not count
        if self._unasked_bytes or not self._is_clean:
            await self._fall_silent()

    async def _let_picture_pass(self) -> None:
        """Section 1.6: some modules send the decoded picture behind the frame, and hear nothing meanwhile."""
        gap_ms = GAP_MS + self._line_ms(FIFO_BYTES)
        while not self._unasked_bytes and self._silent_ms() <= gap_ms:
            await self._poll()
        if self._unasked_bytes:
            await self._fall_silent()

    def _is_doubtful(self) -> bool:
        """Noise that came into the frame has pushed as many of its bytes out behind it, and one time in 256 the check
        byte fits all the same. A module that always appends as many is no noise."""
        is_noise = 0 < self._unasked_bytes < (PICTURE_LEAST_BYTES if self._is_trailing else PICTURE_BYTES)
        is_habit = self._unasked_bytes == self._appended_bytes
        if is_noise:
            self._appended_bytes = self._unasked_bytes
        return is_noise and not is_habit

    async def _fall_silent(self) -> None:
        now = beat_ms = ticks_ms()
        end_ms = ticks_add(now, FLUSH_MAX_MS + self._line_ms(self._passing_bytes))
        while self._silent_ms() < self._silence_ms and ticks_diff(end_ms, now) > 0:
            if ticks_diff(now, beat_ms) >= BEAT_MS:
                self._beat()
                beat_ms = now
            await self._poll()
            now = ticks_ms()

    async def _poll(self) -> None:
        if self._fault:
            raise ReaderError(self._fault)
        await sleep_ms(POLL_MS)

    async def _read_stream(self) -> None:
        """The one task that reads."""
        try:
            while True:
                # not kept in a name: nothing of a card may stay here while the next bytes are waited for
                if not self._take(await self._stream.read(CHUNK_BYTES)):
                    self._fault = "line closed"
                    return
        except OSError:
            self._fault = "line lost"

    def _take(self, chunk: bytes) -> bool:
        """False when the line is closed."""
        if not chunk:
            return False
        self._last_byte_ms = ticks_ms()
        if not self._awaited:
            self._let_go(chunk)
            return True
        decoder = self._decoder
        decoder.feed(chunk)
        answer = decoder.next_frame()
        while answer is not None and not samv.can_answer(self._awaited, answer):
            answer = decoder.next_frame()
        if answer is not None or decoder.bad_frames != self._bad_frames:
            self._complete(answer)
            return True
        missing_bytes = decoder.missing_bytes()
        if not missing_bytes:
            self._frame_end_ms = None  # noise, or a late answer to an earlier command
        elif self._frame_end_ms is None:
            self._frame_end_ms = ticks_add(ticks_ms(), 2 * (self._line_ms(missing_bytes) + self._silence_ms))
        return True

    def _complete(self, answer: "samv.Response | None") -> None:
        """An answer, or a damaged frame: neither can be waited for any longer."""
        self._answer = answer
        self._is_trailing = self._awaited == samv.READ_BASE and answer is not None and answer.sw3 == samv.OK
        self._awaited = None
        self._let_go(self._decoder.rest())

    def _let_go(self, data: "bytes | memoryview") -> None:
        """Belongs to no frame."""
        self._unasked_bytes += len(data)
        if self._is_trailing and self._on_trailing and len(data):
            self._on_trailing(data)

    def _silent_ms(self) -> int:
        return ticks_diff(ticks_ms(), self._last_byte_ms)

    def _line_ms(self, size_bytes: int) -> int:
        return size_bytes * 10_000 // self._baud

    def _beat(self) -> None:
        if self._on_command:
            self._on_command()
