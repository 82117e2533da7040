"""The part of the store that knows pre-issued orders: their sheets, as far as the terminals have them, and the epochs.

A sheet's bytes carry numbers to register: they go once the terminal has said, signed, that it keeps the sheet.
"""

from typing import Any

SHEETS_MAX = 128  # of one terminal, with an order that nobody has answered: as many as a terminal has room for


class ReserveTables:
    """What of `Store` is about the reserve. Everything that writes is called inside a transaction."""

    def _do(self, sql: str, *values: object) -> Any:
        raise NotImplementedError

    def _rows(self, sql: str, *values: object) -> list[Any]:
        raise NotImplementedError

    def _value(self, sql: str, *values: object) -> Any:
        raise NotImplementedError

    def next_sheet(self, device: str, now: int) -> int:
        """Numbers rise, also after this store was lost: a terminal never looks again at one that it has used up."""
        return max(now, 1 + (self._value("SELECT max(number) FROM sheets WHERE device = ?", device) or 0))

    def add_sheet(self, device: str, number: int, iat: int, exp: int, token: bytes) -> None:
        self._do("INSERT INTO sheets VALUES (?, ?, ?, ?, NULL, ?)", device, number, iat, exp, token)

    def keep_sheet(self, device: str, number: int, now: int) -> None:
        """The terminal has it."""
        self._do(
            "UPDATE sheets SET kept_at = ?, token = NULL WHERE device = ? AND number = ? AND kept_at IS NULL",
            *(now, device, number),
        )

    def keep_sheet_of(self, order_id: str, now: int) -> None:
        """It has answered an order that is on it."""
        rows = self._rows("SELECT device, sheet FROM orders WHERE order_id = ? AND sheet IS NOT NULL", order_id)
        for device, number in rows:
            self.keep_sheet(device, number, now)

    def expire_sheets(self, now: int) -> None:
        """A terminal takes none that has run out, so its bytes are of no use."""
        self._do("UPDATE sheets SET token = NULL WHERE token IS NOT NULL AND exp < ?", now)

    def waiting_sheets(self, now: int, device: str | None = None) -> list[tuple[str, bytes]]:
        """(device, signed sheet): one for each terminal, the oldest that it has not said it keeps.

        One at a time, so that they come in the order of their numbers, in which a terminal uses them.
        """
        rows = self._rows(
            "SELECT device, min(number), token FROM sheets WHERE token IS NOT NULL AND exp >= ?"
            " AND (? IS NULL OR device = ?) GROUP BY device",
            *(now, device, device),
        )
        return [(device_id, token) for device_id, _, token in rows]

    def reserve_of(self, device: str) -> tuple[int, int]:
        """How many pre-issued orders of this terminal wait for their customer, and on how many sheets."""
        rows = self._rows(
            "SELECT count(*), count(DISTINCT sheet) FROM orders"
            " WHERE device = ? AND state = 'waiting' AND sheet IS NOT NULL",
            device,
        )
        return rows[0][0], rows[0][1]

    # --- epochs

    def add_epoch(self, epoch_id: bytes, iat: int) -> None:
        self._do("INSERT INTO epochs VALUES (?, ?)", epoch_id, iat)

    def epoch_iat(self, epoch_id: bytes | None) -> int | None:
        """When we published it; None if we did not."""
        return None if epoch_id is None else self._value("SELECT iat FROM epochs WHERE id = ?", epoch_id)
