"""Reads the books of a running plant: two databases, and the terminals' flash."""

import sqlite3
import tempfile
from collections.abc import Iterable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from littlefs import LittleFSError
from terminal.errors import QueueError
from terminal.queue import Queue

from tools.emulator import flash
from tools.emulator.errors import FlashInvalid
from tools.torture.ledgers import Entry, Flash, Ledgers, Order

AGENT_TOKENS = (
    "SELECT e.device, e.seq, e.prev, e.sha256, e.cti, e.order_id, e.reason, e.code, r.verdict, r.code"
    " FROM evidence e LEFT JOIN backend_receipts r ON r.evidence_id = e.id"
)
BACKEND_TOKENS = (
    "SELECT e.device, e.seq, e.prev, e.sha256, e.cti, e.order_id, f.code"
    " FROM evidence e LEFT JOIN refusals f USING (cti)"
)


class Changing(Exception):
    """A terminal was writing its flash just then: again, later."""


def read(folder: Path, terminals: Iterable[str]) -> Ledgers:
    """`folder` is the plant's. Raises Changing."""
    agent = folder / "agent.db"
    backend = folder / "backend.db"
    return Ledgers(
        flash={name: read_flash(folder / f"{name}.img") for name in terminals},
        agent=[
            Entry(*row[:8], receipt=None if row[8] is None else (row[8], row[9])) for row in _rows(agent, AGENT_TOKENS)
        ],
        orders={row[0]: Order(*row[1:]) for row in _rows(agent, "SELECT order_id, state, code FROM orders")},
        outbox=_rows(agent, "SELECT count(*) FROM outbox")[0][0],
        alarms=[" ".join(map(str, row)) for row in _rows(agent, "SELECT device, code, first, last FROM alarms")],
        backend=[Entry(*row) for row in _rows(backend, BACKEND_TOKENS)],
        registered=[(cti, order_id) for cti, order_id in _rows(backend, "SELECT cti, order_id FROM registrations")],
        rejected=dict(_rows(backend, "SELECT sha256, code FROM rejected")),
    )


def read_flash(image: Path) -> Flash:
    """With the terminal's own module, from a copy of its files."""
    try:
        files = {name: content for name, content in flash.read_files(image).items() if name.startswith("queue/")}
    except (FlashInvalid, LittleFSError, OSError) as error:
        raise Changing from error
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "queue").mkdir()
        for name, content in files.items():
            (Path(folder) / name).write_bytes(content)
        queue = Queue(f"{folder}/queue")
        try:
            queue.open()
            return Flash(queue.next_seq, queue.head, {seq: queue.read(seq).sha256 for seq in queue.pending()})
        except QueueError as error:
            raise Changing from error
        finally:
            queue.close()


def _rows(database: Path, query: str) -> Sequence[tuple[Any, ...]]:
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=5)) as connection:
        return connection.execute(query).fetchall()
