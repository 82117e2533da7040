"""The reserve of a terminal: orders given to it before their customers come, so that it can work without a link.

They go in signed sheets (PROTOCOL.md section 13), one at a time, each until the terminal has said in its signed flight
log that it keeps it.
"""

import os
import time
from collections.abc import Sequence
from dataclasses import dataclass

from host_agent import freshness
from host_agent.attestation import NONCE_BYTES
from host_agent.errors import TokenRefused
from host_agent.freshness import Entry, Sheet
from host_agent.ingest import Signer
from host_agent.orders import OrderRefused, find_device
from host_agent.registry import Device, Registry
from host_agent.reserve_tables import SHEETS_MAX
from host_agent.store import OrderRow, Store


@dataclass(frozen=True, slots=True)
class Wanted:
    """An order as the point of sale asks for it."""

    order_id: str
    msisdn: str


class Reserve:
    def __init__(self, store: Store, registry: Registry, signer: Signer, orders_max: int, life_s: int) -> None:
        self._store = store
        self._registry = registry
        self._signer = signer
        self._orders_max = orders_max
        self._life_s = life_s

    def create(self, device_id: str, wanted: Sequence[Wanted]) -> tuple[list[OrderRow], bool]:
        """The orders, and whether any is new. All or none; the same request again gives those that are there."""
        device = find_device(self._registry, device_id)
        if len({order.order_id for order in wanted}) != len(wanted):
            raise OrderRefused("request-malformed", "an order_id comes twice")
        now = int(time.time())
        entries = [_entry(order) for order in wanted]
        with self._store.transaction():
            known = {entry.order_id for entry in entries if self._find(device, entry) is not None}
            new = [entry for entry in entries if entry.order_id not in known]
            sheets = freshness.in_sheets([freshness.build_entry(entry) for entry in new])
            self._require_room(device, len(new), len(sheets))
            for encoded in sheets:
                self._add_sheet(device, encoded, now)
            rows = [self._store.order(entry.order_id) for entry in entries]
        return [row for row in rows if row is not None], bool(new)

    def _find(self, device: Device, entry: Entry) -> OrderRow | None:
        row = self._store.order(entry.order_id)
        if row is None:
            return None
        is_same = row.device == device.id and row.sheet is not None
        if not is_same or (row.token is not None and freshness.parse_entry(row.token).msisdn != entry.msisdn):
            raise OrderRefused("order-conflict", f"another order has the order_id {entry.order_id}")
        return row

    def _require_room(self, device: Device, orders: int, sheets: int) -> None:
        """For so many new ones."""
        orders_there, sheets_there = self._store.reserve_of(device.id)
        if orders and orders_there + orders > self._orders_max:
            message = f"{orders_there} of {self._orders_max} wait for their customers, {orders} more were asked for"
            raise OrderRefused("reserve-full", message)
        if sheets and sheets_there + sheets > SHEETS_MAX:
            message = f"the terminal has room for {SHEETS_MAX} sheets, each of up to {freshness.ENTRIES_MAX} orders"
            raise OrderRefused("reserve-full", message)

    def _add_sheet(self, device: Device, entries: tuple[bytes, ...], now: int) -> None:
        number, exp = self._store.next_sheet(device.id, now), now + self._life_s
        sheet = Sheet(now, exp, device.ueid, device.channel, number, entries)
        self._store.add_sheet(device.id, number, now, exp, self._signer.sign(freshness.build_sheet(sheet)))
        for encoded in entries:
            entry = freshness.parse_entry(encoded)
            self._store.add_order(
                OrderRow(
                    *(entry.order_id, device.id, device.channel, entry.nonce, now, exp, "waiting", None, None),
                    *(encoded, number),
                )
            )


def _entry(order: Wanted) -> Entry:
    entry = Entry(order.order_id, os.urandom(NONCE_BYTES), order.msisdn)
    try:
        freshness.build_entry(entry)
    except TokenRefused as refused:
        raise OrderRefused("request-malformed", str(refused)) from refused
    return entry
