"""A network interface that is brought up, and brought up again, without a busy wait."""

import asyncio
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

ATTEMPT_MS = 15_000  # association, four-way handshake and DHCP take 2 to 6 s; a busy access point more
POLL_S = 0.1


class NetworkLink:
    """`join` starts an attempt and returns at once: for Wi-Fi WLAN.connect with its name and password."""

    def __init__(self, interface: "Any", join: "Callable[[], object]") -> None:
        self._interface = interface
        self._join = join
        self._since = None  # ticks at which the attempt under way began; outlives a caller that was cancelled

    async def up(self) -> None:
        """Returns once there is an address; tries for ever, whoever calls sets the limit. Raises OSError."""
        if not self._interface.active():
            self._interface.active(True)
        while not self._interface.isconnected():
            now = time.ticks_ms()
            if self._since is None or time.ticks_diff(now, self._since) > ATTEMPT_MS:
                self._since = now
                self._join()
            await asyncio.sleep(POLL_S)
        self._since = None
