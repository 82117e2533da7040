"""The part of the store that keeps key rotations: one for a terminal, from the request until the new key is in use."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class KeyChange:
    """`kid` is the key to be replaced. `statement`, `new_kid` and `ends` once the terminal has answered; `used_at` once
    it has signed something with the new key."""

    device: str
    kid: bytes
    request: bytes
    exp: int
    statement: bytes | None = None
    new_kid: bytes | None = None
    begins: int | None = None
    ends: int | None = None
    used_at: int | None = None


class KeyTables:
    """What of `Store` is about keys. Everything that writes is called inside a transaction."""

    def _do(self, sql: str, *values: object) -> Any:
        raise NotImplementedError

    def _rows(self, sql: str, *values: object) -> list[Any]:
        raise NotImplementedError

    def key_change(self, device: str) -> KeyChange | None:
        return next(iter(self.key_changes(device)), None)

    def key_changes(self, device: str | None = None) -> list[KeyChange]:
        rows = self._rows(
            "SELECT device, kid, request, exp, statement, new_kid, begins, ends, used_at FROM key_changes"
            " WHERE ? IS NULL OR device = ? ORDER BY device",
            *(device, device),
        )
        return [KeyChange(*row) for row in rows]

    def ask_for_key(self, change: KeyChange) -> None:
        """In the place of the rotation before."""
        self._do(
            "INSERT OR REPLACE INTO key_changes (device, kid, request, exp) VALUES (?, ?, ?, ?)",
            *(change.device, change.kid, change.request, change.exp),
        )

    def keep_statement(self, device: str, statement: bytes, new_kid: bytes, begins: int, ends: int) -> None:
        self._do(
            "UPDATE key_changes SET statement = ?, new_kid = ?, begins = ?, ends = ? WHERE device = ?",
            *(statement, new_kid, begins, ends, device),
        )

    def note_use(self, kid: bytes, now: int) -> None:
        """This key has signed something."""
        self._do("UPDATE key_changes SET used_at = ? WHERE new_kid = ? AND used_at IS NULL", now, kid)
