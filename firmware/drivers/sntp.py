"""The time from a server in the network, RFC 4330: before a board without a battery can check a certificate's dates.

Nobody signs this time; the clock's source says so. The answer must carry back eight random bytes of the question, so
that only somebody on the way can forge it.
"""

import asyncio
import errno
import socket

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, Protocol

    class Clock(Protocol):
        def set(self, seconds: int, source: int) -> None: ...


PORT = 123
PACKET_BYTES = 48
CLIENT = 0x23  # no leap second warning, version 4, mode 3
ERA_S = 2_208_988_800  # from 1900 to 1970
POLL_S = 0.02
ANSWER_POLLS = 100  # 2 s
NETWORK = 3  # clock source, PROTOCOL.md section 3


async def set_clock(clock: "Clock", server: str, random: "Callable[[int], bytes]", floor_s: int) -> None:
    """Says why it could not: a link without a time is still a link."""
    try:
        seconds = await ask(server, random)
    except OSError as error:
        print("sntp: no time, errno", error.errno)
        return
    if seconds is None or seconds < floor_s:
        print("sntp: no time in the answer")
        return
    clock.set(seconds, NETWORK)


async def ask(server: str, random: "Callable[[int], bytes]", port: int = PORT) -> int | None:
    """Seconds since 1970; None for an answer that is not one. Raises OSError, ETIMEDOUT when none came."""
    token = random(8)
    line: "Any" = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        line.setblocking(False)
        line.connect(socket.getaddrinfo(server, port)[0][-1])
        line.send(bytes((CLIENT,)) + bytes(PACKET_BYTES - 9) + token)
        return parse(await _answer(line), token)
    finally:
        line.close()


async def _answer(line: "Any") -> bytes:
    for _ in range(ANSWER_POLLS):
        try:
            return line.recv(PACKET_BYTES)
        except OSError as error:
            if error.errno != errno.EAGAIN:
                raise
        await asyncio.sleep(POLL_S)
    raise OSError(errno.ETIMEDOUT)


def parse(answer: bytes, token: bytes) -> int | None:
    """Refuses a server that is not synchronised (stratum 0 or 16 and more, leap 3) or answers somebody else."""
    if len(answer) < PACKET_BYTES or answer[0] & 7 != 4 or answer[0] >> 6 == 3:
        return None
    if not 1 <= answer[1] <= 15 or answer[24:32] != token:
        return None
    seconds = int.from_bytes(answer[40:44], "big")
    if seconds < 1 << 31:  # from 2036 on it counts anew
        seconds += 1 << 32
    return seconds - ERA_S
