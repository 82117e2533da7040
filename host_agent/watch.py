"""Reads device registry and revocation lists again when their files change, so that nothing has to be restarted.

What cannot be read changes nothing: what was in force stays in force, and the trouble is told until it is mended.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import Protocol

from host_agent import history
from host_agent.errors import ShimingError
from host_agent.history import Head
from host_agent.registry import Registry

log = logging.getLogger("shiming.watch")

POLL_S = 1.0


class Refreshable(Protocol):
    def refresh(self) -> bool: ...


class Watch:
    def __init__(
        self,
        registry: Registry,
        lists: Sequence[Refreshable],
        *,
        known: Head | None,
        remember: Callable[[Head], None],
        on_change: Callable[[], None],
    ) -> None:
        """`known`, `remember`: how far the history had come, kept where a lost or exchanged file does not reach."""
        self._registry = registry
        self._lists = lists
        self._remember = remember
        self._on_change = on_change
        self.trouble: str | None = None
        history.check_extends(registry.changes, known)
        remember(registry.head)

    async def run(self) -> None:
        while True:
            await asyncio.sleep(POLL_S)
            await asyncio.to_thread(self.look)

    def look(self) -> None:
        troubles: list[ShimingError] = []
        has_changed = [self._refresh(part, troubles) for part in (self._registry, *self._lists)]
        if has_changed[0]:
            try:
                self._remember(self._registry.head)
            except ShimingError as error:
                troubles.append(error)
        self._note(troubles)
        if any(has_changed):
            log.warning("devices or certificates have changed")
            self._on_change()

    def _refresh(self, part: Refreshable, troubles: list[ShimingError]) -> bool:
        try:
            return part.refresh()
        except ShimingError as error:
            troubles.append(error)
            return False

    def _note(self, troubles: list[ShimingError]) -> None:
        code = troubles[0].code if troubles else None
        if code is not None and code != self.trouble:
            log.error("not taken over: %s", troubles[0], extra={"code": code})
        self.trouble = code
