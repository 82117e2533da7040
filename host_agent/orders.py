"""Registration orders: made for one terminal, signed, sent until they have ended or run out (PROTOCOL.md section 6).

The sheets of `reserve` go the same way.
"""

import os
import time
from collections.abc import Callable

from host_agent import attestation, envelope
from host_agent.attestation import NONCE_BYTES, Order
from host_agent.errors import ShimingError, TokenRefused
from host_agent.ingest import Signer
from host_agent.registry import Device, Registry, state_code
from host_agent.rounds import Rounds
from host_agent.store import OrderRow, Store


class OrderRefused(ShimingError):
    def __init__(self, code: str, message: str = "") -> None:
        self.code = code
        super().__init__(message)


class Orders:
    """All state is in the store: a new process goes on where the last one was killed."""

    def __init__(
        self,
        store: Store,
        registry: Registry,
        signer: Signer,
        nonce_life_s: int,
        publish: Callable[[str, bytes], None],
    ) -> None:
        self._store = store
        self._registry = registry
        self._signer = signer
        self._nonce_life_s = nonce_life_s
        self._publish = publish
        self._rounds = Rounds("orders", self._send_all, self._send_some)
        self.run = self._rounds.run

    def create(self, order_id: str, device_id: str, msisdn: str, channel: str | None) -> tuple[OrderRow, bool]:
        """The order and whether it is new; the same request again gives the order that is there."""
        device = find_device(self._registry, device_id, channel)
        now = int(time.time())
        order = Order(
            iat=now,
            exp=now + self._nonce_life_s,
            nonce=os.urandom(NONCE_BYTES),
            ueid=device.ueid,
            order_id=order_id,
            msisdn=msisdn,
            channel=device.channel,
        )
        try:
            token = self._signer.sign(attestation.build_order(order))
        except TokenRefused as refused:
            raise OrderRefused("request-malformed", str(refused)) from refused
        with self._store.transaction():
            if existing := self._store.order(order_id):
                self._check_same(existing, device, msisdn)
                return existing, False
            row = OrderRow(
                order_id, device.id, device.channel, order.nonce, order.iat, order.exp, "waiting", None, None, token
            )
            self._store.add_order(row)
        return row, True

    def wake(self, device_id: str) -> None:
        """The terminal came online, has a new order, or has ended one. From the event loop's thread."""
        self._rounds.wake(device_id)

    def _check_same(self, existing: OrderRow, device: Device, msisdn: str) -> None:
        is_other = existing.device != device.id or existing.sheet is not None
        if is_other or (existing.token and _msisdn_of(existing.token) != msisdn):
            raise OrderRefused("order-conflict", "another order has this order_id")

    def _send_all(self) -> None:
        now = int(time.time())
        self._send("order", self._store.waiting_orders(now))
        self._send("sheet", self._store.waiting_sheets(now))
        self._store.expire_orders(now)

    def _send_some(self, devices: set[str]) -> None:
        now = int(time.time())
        for device_id in devices:
            self._send("order", self._store.waiting_orders(now, device_id))
            self._send("sheet", self._store.waiting_sheets(now, device_id))

    def _send(self, topic: str, messages: list[tuple[str, bytes]]) -> None:
        for device_id, token in messages:
            device = self._registry.device(device_id)
            if device is not None and state_code(device.status) is None:
                self._publish(f"rnr/v1/{device.tenant}/{device.id}/down/{topic}", token)


def find_device(registry: Registry, device_id: str, channel: str | None = None) -> Device:
    """The terminal that is to do it, if it may."""
    device = registry.device(device_id)
    if device is None:
        raise OrderRefused("device-unknown")
    if code := state_code(device.status):
        raise OrderRefused(code)
    if channel not in (None, device.channel):
        raise OrderRefused("channel-mismatch")
    return device


def _msisdn_of(token: bytes) -> str:
    return attestation.parse_order(envelope.parse(token).payload).msisdn
