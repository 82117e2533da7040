"""A terminal's flight log for tests of the host: entries and statements by the firmware's own code."""

import copy
import os
from collections.abc import Sequence
from typing import Self

from terminal import cose, log_record
from terminal.claim import Boot

from tests.host_agent.rig import NOW
from tests.host_agent.terminal_double import TerminalDouble, at_once


class LogDouble:
    def __init__(self, terminal: TerminalDouble, boot: int = 1) -> None:
        self.terminal = terminal
        self.boot = boot
        self.seq, self.head = 1, os.urandom(32)

    def clone(self) -> Self:
        """Another terminal with the same past and the same key."""
        return copy.copy(self)

    def skip(self, count: int) -> None:
        """Entries that never leave the terminal."""
        self._bodies(["lost"] * count)

    def statement(
        self,
        *codes: str,
        dropped: Sequence[tuple[int, int]] = (),
        kind: int = 2,
        numbers: tuple[int, ...] = (7,),
    ) -> bytes:
        first, prev = self.seq, self.head
        return self.sign(self.payload(first, prev, self._bodies(codes, kind, numbers), dropped))

    def payload(self, first: int, prev: bytes, bodies: list[bytes], dropped: Sequence[tuple[int, int]] = ()) -> bytes:
        boot = Boot(self.boot, bytes(8), False, 0)
        ranges = [list(numbers) for numbers in dropped]
        return log_record.statement(self.terminal.ueid, boot, NOW, first, prev, bodies, ranges)

    def sign(self, payload: bytes, typ: str | None = None) -> bytes:
        signer = self.terminal.signer
        protected, digest = cose.sign1_parts(payload, signer.kid, typ)
        return cose.sign1_token(protected, payload, at_once(signer.sign_digest(digest)))

    def _bodies(self, codes: Sequence[str], kind: int = 2, numbers: tuple[int, ...] = (7,)) -> list[bytes]:
        bodies = [log_record.entry(kind, NOW, code, numbers) for code in codes]
        for body in bodies:
            self.head = log_record.chained(self.head, self.seq, body)
            self.seq += 1
        return bodies
