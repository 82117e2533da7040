"""An agent with one terminal at its broker: paho speaks, the double signs."""

import hashlib
import sqlite3
from typing import Any

from host_agent import attestation, envelope
from host_agent.attestation import Answer, Order
from tests.host_agent.rig import AgentProcess, Client, Rig, read_receipt, wait_until
from tests.host_agent.terminal_double import TerminalDouble


class Shop:
    """An agent with one terminal at its broker."""

    def __init__(self, rig: Rig, device: str = "t-0001", agent: AgentProcess | None = None) -> None:
        self.rig = rig
        self.device = device
        self.agent = agent or rig.start_agent()
        self.terminal = TerminalDouble(rig.pki, device)
        self.client = self.come_online()

    def come_online(self) -> Client:
        base = f"rnr/v1/demo/{self.device}"
        self.client = self.rig.client(self.device, self.agent.mqtt_port, will=(f"{base}/state", b"offline")).connect()
        self.client.subscribe(f"{base}/down/#")
        self.client.publish(f"{base}/state", b"online", retain=True)
        return self.client

    def restart(self) -> None:
        self.agent = self.rig.start_agent()
        self.come_online()

    def take_order(self, order_id: str) -> Order:
        """As a terminal verifies it."""

        def found() -> Order | None:
            orders = [
                self._read_order(arrival.payload)
                for arrival in list(self.client.arrivals)
                if arrival.topic.endswith("/order")
            ]
            return next((order for order in orders if order.order_id == order_id), None)

        return wait_until(found, f"order {order_id}")

    def _read_order(self, token: bytes) -> Order:
        sealed = envelope.parse(token)
        envelope.verify(sealed, self.rig.registry.agent.public_key)
        return attestation.parse_order(sealed.payload)

    def evidence(self, order_id: str, **options: Any) -> bytes:
        claims = self.terminal.claims(order_id=order_id, **options)
        claims[10] = self.take_order(order_id).nonce
        token = self.terminal.sign(claims)
        self.terminal.advance(token)
        return token

    def send(self, payload: bytes, topic: str | None = None) -> None:
        self.client.send(topic or f"rnr/v1/demo/{self.device}/up/evi", payload)

    def answers(self) -> list[Answer]:
        """Of all receipts that have come."""
        receipts = [
            read_receipt(arrival.payload, self.rig.registry)
            for arrival in list(self.client.arrivals)
            if arrival.topic.endswith("/rcpt")
        ]
        return [answer for receipt in receipts for answer in receipt.answers]

    def receipt_for(self, token: bytes) -> Answer:
        digest = hashlib.sha256(token).digest()

        def found() -> Answer | None:
            return next((answer for answer in self.answers() if answer.token_sha256 == digest), None)

        return wait_until(found, "a receipt")

    def stored(self) -> list[bytes]:
        with sqlite3.connect(self.rig.folder / "agent.db") as connection:
            return [row[0] for row in connection.execute("SELECT sha256 FROM evidence ORDER BY id")]
