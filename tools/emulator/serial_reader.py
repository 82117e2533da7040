"""The emulated reader on a serial port: a pseudo-terminal, at whose far end anybody's software finds a SAM-V module.

As on a wire, a client must have set the module's own rate, or it is not heard: probing and `60 xx` can be tried out.
"""

from __future__ import annotations

import asyncio
import termios
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

from tools.emulator.errors import PortFailed
from tools.emulator.pty_link import PtyLink
from tools.emulator.sam_reader import BAUD_RATES, ReaderLine, SamReader

_SPEEDS = {getattr(termios, f"B{baud}"): baud for baud in BAUD_RATES}
_OUTPUT_SPEED = 5  # place in what tcgetattr returns


class SerialReader(ReaderLine):
    """`port` is the real path of the far end. `link`, if given, is a symlink to it, for a name that stays the same."""

    def __init__(self, reader: SamReader, *, link: Path | None = None, **pace: Any) -> None:
        super().__init__(reader, **pace)
        reader.line_baud = self._client_baud
        self.port = ""
        self._link = link
        self._pty: PtyLink | None = None
        self._incoming = asyncio.StreamReader()
        self._serving: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._pty = PtyLink(self._hear)
        self.port = self._pty.path
        try:
            self._make_link()
        except PortFailed:
            self._pty.close()
            raise
        self.power_cycle()
        self._serving = asyncio.create_task(self.serve(self._incoming, self))
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._serving is not None:
            self._serving.cancel()
            with suppress(asyncio.CancelledError):
                await self._serving
        if self._link is not None and self._points_here(self._link):
            self._link.unlink()
        if self._pty is not None:
            self._pty.close()

    def write(self, data: bytes, /) -> None:
        if self._pty is not None:
            self._pty.write(data)

    async def drain(self) -> None:
        """Nothing to wait for: a client that does not read has its own buffer to blame, as on a wire."""

    def _hear(self, data: bytes) -> None:
        # by its rate now: when the module gets to read it, the client may have set another one
        if not self.reader.is_deaf:
            self._incoming.feed_data(data)

    def _client_baud(self) -> int | None:
        return _SPEEDS.get(termios.tcgetattr(self._pty.far_fd)[_OUTPUT_SPEED]) if self._pty is not None else None

    def _make_link(self) -> None:
        if self._link is None:
            return
        try:
            if self._link.is_symlink():
                self._link.unlink()  # of a run that was killed
            self._link.symlink_to(self.port)
        except OSError as error:
            raise PortFailed(f"no link at {self._link}: {error.strerror}") from error

    def _points_here(self, link: Path) -> bool:
        return link.is_symlink() and str(link.readlink()) == self.port
