"""One operation of an ATECC608 on its I2C bus: wake, commands and their answers, back to rest. Attestation facts 7.1.

Quirks (TNGTLS data sheet 7.1 where not said otherwise):
- It wakes when SDA is low for 60 us. Nobody has address 0, so asking for it is that pulse, on a bus of 100 kHz at most.
  A chip that is awake ignores the pulse; on such a slow bus other parts' traffic may have woken it.
- While it works it does not acknowledge: poll. Reading past an answer gives FF; word address 0 begins it again.
- Its watchdog puts it to sleep 1.3 s after the wake-up, whatever it does, and TempKey is gone.
- Idle keeps TempKey and the generator's seed, sleep forgets both. After a sleep the seed in EEPROM is renewed, which
  wears it out: operations end in idle where they can.
"""

import asyncio
import errno

from drivers.atecc608_frame import (
    ANSWER_BYTES_MAX,
    COMMAND_BYTES_MAX,
    AnswerMalformed,
    ElementBusFault,
    ElementError,
    ElementLate,
    ElementRestarted,
    ElementSilent,
    check_answer,
    write_command,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from typing import Any

    Step = tuple[int, int, int, bytes, bytearray]  # opcode, param1, param2, data, and where the answer goes

ADDRESS = 0x60
REWIND, SLEEP, IDLE = b"\x00", b"\x01", b"\x02"  # word addresses

WAKE_S = 0.003  # 1.5 ms after the pulse it listens
POLL_S = 0.005
POLLS = 140  # 0.7 s: the longest command in use takes 665 ms, at the slowest clock
READS = 3  # of one answer, for a spoilt transfer
PAUSES_S = (0, 0.02, 1.4)  # before each attempt: by the third its watchdog has ended whatever it was at
_NO_COMMAND = bytes(COMMAND_BYTES_MAX)
_NO_ANSWER = bytes(ANSWER_BYTES_MAX)


class Link:
    """`i2c` has `writeto` and `readfrom_into`, which block for the 7 ms of the longest transfer at 100 kHz."""

    def __init__(self, i2c: "Any", address: int, sleep: "Callable[[float], Awaitable[object]]") -> None:
        self._i2c = i2c
        self._address = address
        self._sleep = sleep
        self._turn = asyncio.Lock()
        self._command = bytearray(COMMAND_BYTES_MAX)
        self._answer = bytearray(ANSWER_BYTES_MAX)

    async def run(self, *steps: "Step", is_repeatable: bool = True, ending: bytes = IDLE) -> None:
        """Fills the steps' answers. After a fault it is begun anew, three times in all; what may not be done twice (a
        new key, an increment, a lock) only where the chip has certainly not begun.
        """
        async with self._turn:
            last = None
            for pause_s in PAUSES_S:
                if pause_s:
                    await self._sleep(pause_s)
                try:
                    return await self._attempt(steps, ending)
                except ElementError as error:
                    if error.is_final or not (is_repeatable or error.is_untouched):
                        raise
                    last = error
            raise last or ElementError("no attempt")

    async def _attempt(self, steps: "tuple[Step, ...]", ending: bytes) -> None:
        try:
            await self._wake()
            for opcode, param1, param2, data, answer in steps:
                size = write_command(self._command, opcode, param1, param2, data)
                self._write(memoryview(self._command)[:size])
                await self._collect(len(answer))
                answer[:] = memoryview(self._answer)[1 : 1 + len(answer)]
        finally:
            self._try_write(ending)
            self._command[:] = _NO_COMMAND
            self._answer[:] = _NO_ANSWER

    async def _wake(self) -> None:
        self._try_write(IDLE)  # had somebody else woken it, part of its 1.3 s would be gone
        self._pulse()
        await self._sleep(WAKE_S)
        self._read(4)
        try:
            check_answer(self._answer, 0)
        except ElementRestarted:
            return  # its status after a wake-up
        except AnswerMalformed:
            raise ElementSilent("does not wake") from None
        raise ElementSilent("answers something else")

    async def _collect(self, size: int) -> None:
        """Leaves the answer, checked, in its buffer."""
        reads = 0
        for _ in range(POLLS):
            await self._sleep(POLL_S)
            try:
                self._read(3 + max(size, 1))
            except ElementSilent:
                continue
            try:
                return check_answer(self._answer, size)
            except AnswerMalformed:
                reads += 1
                if reads == READS:
                    raise
            self._try_write(REWIND)
        raise ElementLate("no answer")

    # --- the bus

    def _pulse(self) -> None:
        try:
            self._i2c.writeto(0, b"\x00")
        except OSError as error:
            if not _is_unacknowledged(error):
                raise _fault(error) from None

    def _read(self, size: int) -> None:
        try:
            self._i2c.readfrom_into(self._address, memoryview(self._answer)[:size])
        except OSError as error:
            raise _fault(error) from None

    def _write(self, data: memoryview) -> None:
        try:
            self._i2c.writeto(self._address, data)
        except OSError as error:
            raise _fault(error) from None

    def _try_write(self, word_address: bytes) -> bool:
        """Whether it was acknowledged. For a chip that may be asleep or busy; a bus that hangs shows soon enough."""
        try:
            self._i2c.writeto(self._address, word_address)
        except OSError:
            return False
        return True


def _is_unacknowledged(error: OSError) -> bool:
    return error.errno in (errno.ENODEV, errno.EIO)  # which of the two depends on the port


def _fault(error: OSError) -> ElementError:
    return ElementSilent("no acknowledgement") if _is_unacknowledged(error) else ElementBusFault(error.errno)
