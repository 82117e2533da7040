"""A PC's serial port as the stream that the firmware's driver reads and writes."""

import asyncio
import errno
import os
from typing import Self

import serial

from host_agent.errors import ShimingError

POLL_S = 0.002  # 23 bytes at 115200 baud; the system's buffer holds 4 kB
WRITE_TIMEOUT_S = 1


class PortFailed(ShimingError):
    code = "port-failed"
    exit_status = 2


class SerialStream:
    """Polled, not awaited: that works wherever pyserial does, and a read that is cancelled loses nothing.

    pyserial's errors are OSErrors, as the driver expects them.
    """

    def __init__(self, path: str, baud: int) -> None:
        try:
            self._port = serial.Serial(path, baud, timeout=0, write_timeout=WRITE_TIMEOUT_S, exclusive=True)
        except (OSError, ValueError) as error:
            raise PortFailed(f"{path}: {_reason(error)}") from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._port.close()

    def set_baud(self, baud: int) -> None:
        try:
            self._port.baudrate = baud
        except (OSError, ValueError) as error:
            raise PortFailed(f"{self._port.name}: the rate {baud} cannot be set") from error

    async def read(self, size: int, /) -> bytes:
        while not (data := self._port.read(size)):
            await asyncio.sleep(POLL_S)
        return data

    def write(self, data: bytes, /) -> None:
        self._port.write(data)

    async def drain(self) -> None:
        """Nothing to wait for: a command is 11 bytes, and write() has handed it to the system."""


def _reason(error: OSError | ValueError) -> str:
    """pyserial's own words name neither a locked port nor a file that is no port as such."""
    number = getattr(error, "errno", None)
    if number == errno.EWOULDBLOCK:
        return "another program has it open"
    return os.strerror(number) if number else "it is no serial port"
