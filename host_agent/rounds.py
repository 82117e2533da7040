"""Messages to terminals, repeated until they have done their work: all of them in turn, and at once to a terminal that
has come online or has something new."""

import asyncio
import logging
from collections.abc import Callable

from host_agent.store import StoreFault

log = logging.getLogger("shiming.rounds")

RESEND_S = 10


class Rounds:
    """`send_all` and `send_some` run on another thread; what they send is `what`, for the log."""

    def __init__(self, what: str, send_all: Callable[[], None], send_some: Callable[[set[str]], None]) -> None:
        self._what = what
        self._send_all = send_all
        self._send_some = send_some
        self._due: set[str] = set()
        self._woken = asyncio.Event()

    def wake(self, device_id: str) -> None:
        """From the event loop's thread."""
        self._due.add(device_id)
        self._woken.set()

    async def run(self) -> None:
        loop = asyncio.get_running_loop()
        next_round = loop.time()
        while True:
            devices, self._due = self._due, set()
            self._woken.clear()
            try:
                if loop.time() >= next_round:
                    next_round = loop.time() + RESEND_S
                    await asyncio.to_thread(self._send_all)
                else:
                    await asyncio.to_thread(self._send_some, devices)
            except StoreFault as fault:
                log.error("%s cannot be sent: %s", self._what, fault, extra={"code": fault.code})
            try:
                async with asyncio.timeout_at(next_round):
                    await self._woken.wait()
            except TimeoutError:
                continue
