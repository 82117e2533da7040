"""The part of the store that keeps flight logs: signed statements, where each entry stands, and the alarms.

A statement is kept when anything in it is new. Alarms stay until the operator takes them off; a gap also goes when its
numbers come after all.
"""

from collections.abc import Sequence
from dataclasses import astuple, dataclass, replace
from typing import Any

from host_agent import flight_log
from host_agent.chain import Finding, Token
from host_agent.flight_log import FORK, GAP, REGRESSION, Statement
from host_agent.typed import MAX_UINT


@dataclass(frozen=True, slots=True)
class Alarm:
    device: str
    code: str
    first: int
    last: int
    raised_at: int

    def __str__(self) -> str:
        return f"{self.device} {self.code} {self.first}-{self.last}"


class LogTables:
    """What of `Store` is about flight logs. Everything that writes is called inside a transaction."""

    def _do(self, sql: str, *values: object) -> Any:
        raise NotImplementedError

    def _rows(self, sql: str, *values: object) -> list[Any]:
        raise NotImplementedError

    def _value(self, sql: str, *values: object) -> Any:
        raise NotImplementedError

    def take_log(self, device: str, sha256: bytes, token: bytes, statement: Statement, now: int) -> list[Alarm] | None:
        """The alarms that it raises; None when nothing in it is new."""
        if self._knows(device, statement):
            return None
        boots = self._value("SELECT coalesce(max(bootcount), 0) FROM log_statements WHERE device = ?", device)
        self._do(
            "INSERT INTO log_statements (sha256, device, first, last, bootcount, token, received_at)"
            " VALUES (?, ?, ?, ?, ?, ?, ?)",
            *(sha256, device, statement.first, statement.last, statement.bootcount, token, now),
        )
        for entry in statement.entries:
            values = (device, entry.seq, entry.sha256, entry.prev)
            self._do("INSERT OR IGNORE INTO log_entries VALUES (?, ?, ?, ?)", *values)
        for first, last in statement.dropped:
            self._do("INSERT OR IGNORE INTO log_dropped VALUES (?, ?, ?)", device, first, last)
        raised = self._judge_around(device, statement, now)
        if statement.bootcount < boots:
            what = f"boot {statement.bootcount} after boot {boots}"
            back = self._raise(device, Finding(REGRESSION, statement.first, statement.last, what), now, [])
            raised += [back] if back is not None else []
        return raised

    def _knows(self, device: str, statement: Statement) -> bool:
        """The same entries, in whatever statement: after a restart, a terminal makes a new one."""
        rows = self._rows(
            "SELECT seq, sha256 FROM log_entries WHERE device = ? AND seq BETWEEN ? AND ?",
            *(device, statement.first, statement.last),
        )
        return {(entry.seq, entry.sha256) for entry in statement.entries} <= set(rows) and set(
            statement.dropped
        ) <= set(self._dropped(device))

    def _judge_around(self, device: str, statement: Statement, now: int) -> list[Alarm]:
        """From the nearest number below that is there to the nearest above, so gaps on both sides are seen."""
        first, last = statement.first, statement.last
        low = self._value("SELECT max(seq) FROM log_entries WHERE device = ? AND seq < ?", device, first) or 1
        high = self._value("SELECT min(seq) FROM log_entries WHERE device = ? AND seq > ?", device, last) or last
        gaps = self._take_gaps(device, low, high)
        if statement.dropped:  # what is gone, and said to be, is no gap any more, wherever it was
            for gap in self._take_gaps(device, 1, MAX_UINT):
                for finding in self._findings(device, gap.first, gap.last):
                    self._raise(device, finding, now, [gap])
        raised = [self._raise(device, finding, now, gaps) for finding in self._findings(device, low, high)]
        return [alarm for alarm in raised if alarm is not None]

    def _findings(self, device: str, first: int, last: int) -> list[Finding]:
        rows = self._rows(
            "SELECT seq, prev, sha256 FROM log_entries WHERE device = ? AND seq BETWEEN ? AND ?", device, first, last
        )
        return flight_log.judge((Token(*row) for row in rows), first, last, self._dropped(device))

    def _dropped(self, device: str) -> list[tuple[int, int]]:
        return self._rows("SELECT first, last FROM log_dropped WHERE device = ?", device)

    def _take_gaps(self, device: str, low: int, high: int) -> list[Alarm]:
        """Takes the gaps off that lie there: what is left of them is raised anew."""
        gaps = [gap for gap in self.alarms(device) if gap.code == GAP and low <= gap.first and gap.last <= high]
        for gap in gaps:
            self._do("DELETE FROM alarms WHERE device = ? AND code = ? AND first = ?", device, GAP, gap.first)
        return gaps

    def _raise(self, device: str, finding: Finding, now: int, gaps: Sequence[Alarm]) -> Alarm | None:
        """None when it is one that stands already: a gap that has shrunk, a fork or regression that goes on."""
        alarm = Alarm(device, finding.code, finding.first, finding.last, now)
        if alarm.code == GAP:
            before = next((gap for gap in gaps if gap.first <= alarm.first and alarm.last <= gap.last), None)
            self._add_alarm(alarm if before is None else replace(alarm, raised_at=before.raised_at))
            return alarm if before is None else None
        for one in self.alarms(device):
            if one.code in (alarm.code, FORK) and one.first <= alarm.first <= one.last + 1:
                self._add_alarm(replace(one, last=max(one.last, alarm.last)))
                return None
        self._add_alarm(alarm)
        return alarm

    def _add_alarm(self, alarm: Alarm) -> None:
        self._do("INSERT OR REPLACE INTO alarms VALUES (?, ?, ?, ?, ?)", *astuple(alarm))

    def alarms(self, device: str | None = None) -> list[Alarm]:
        rows = self._rows(
            "SELECT device, code, first, last, raised_at FROM alarms WHERE ? IS NULL OR device = ?"
            " ORDER BY device, code, first",
            *(device, device),
        )
        return [Alarm(*row) for row in rows]

    def take_off(self, device: str, code: str) -> int:
        """How many alarms of this kind the terminal had."""
        return self._do("DELETE FROM alarms WHERE device = ? AND code = ?", device, code).rowcount
