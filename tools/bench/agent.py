"""How many tokens a second the agent verifies, decides on and stores (synchronous=FULL), without MQTT.

Run: python -m tools.bench.agent [--tokens 20000]. The yardstick is "ref + verify" of the facts: 6,700 a second.
"""

import argparse
import hashlib
import os
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from host_agent import attestation, cbor, envelope, keys
from host_agent.ingest import Signer
from host_agent.intake import Intake, Message
from host_agent.policy import FacePolicy
from host_agent.registry import Registry
from host_agent.store import OrderRow, Store
from tools.pki import authority

DEVICE = "t-0001"
TOPIC = f"rnr/v1/demo/{DEVICE}/up/evi"
SEALED_BYTES = 1500  # identity and photo; the agent never looks inside


class Courier:
    """Takes acknowledgements and receipts, and counts."""

    def __init__(self) -> None:
        self.acknowledged = 0
        self.receipts = 0

    def acknowledge(self, messages: Sequence[Message]) -> None:
        self.acknowledged += len(messages)

    def publish(self, topic: str, payload: bytes) -> None:
        del topic, payload
        self.receipts += 1

    def wake(self) -> None:
        return


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tokens", type=int, default=20_000)
    count: int = parser.parse_args().tokens
    with tempfile.TemporaryDirectory() as folder:
        tokens_s, token_bytes = measure(Path(folder), count)
    print(f"{count} tokens of {token_bytes} bytes: {tokens_s:,.0f} a second, verified, decided, stored, receipted")


def measure(folder: Path, count: int) -> tuple[float, int]:
    pki = folder / "pki"
    authority.create(pki, [DEVICE])
    registry = Registry.load(pki / "registry.json")
    store = Store(folder / "agent.db", 2**34, 0)
    courier = Courier()
    intake = Intake(
        store,
        registry,
        Signer("agent", registry.agent.kid, keys.load_private(pki / "agent.sign.key.pem")),
        courier,
        is_production=False,
        face=FacePolicy(require="none"),
        on_stored=lambda _outcomes: None,
        on_failure=lambda: os._exit(1),
    )
    tokens = make_tokens(pki, registry, store, count)
    intake.start()
    start = time.perf_counter()
    for mid, token in enumerate(tokens):
        while not intake.has_room():
            time.sleep(0.001)
        intake.offer(Message(1, mid, TOPIC, token))
    while courier.acknowledged < count:
        time.sleep(0.001)
    took_s = time.perf_counter() - start
    intake.stop()
    refused = store.figures(0)["refused"]
    store.close()
    if refused:
        raise SystemExit(f"the tokens are not good: {refused}")
    return count / took_s, len(tokens[0])


def make_tokens(
    pki: Path, registry: Registry, store: Store, count: int, *, name: str = DEVICE, age_s: int = 0
) -> list[bytes]:
    """A chain of tokens that are accepted, so old, each with an order of its own, `order-SEQ`."""
    device = registry.devices[name]
    scalar = int.from_bytes((pki / "devices" / name / "attest.key").read_bytes(), "big")
    key = keys.ec.derive_private_key(scalar, keys.ec.SECP256R1())
    now = int(time.time()) - age_s
    tokens, prev = [], attestation.NO_PREVIOUS
    with store.transaction():
        for seq in range(1, count + 1):
            order_id, nonce = f"order-{seq}", os.urandom(16)
            store.add_order(
                OrderRow(order_id, name, device.channel, nonce, now, now + 3600, "waiting", None, None, b"")
            )
            claims = {
                6: now,
                7: os.urandom(16),
                10: nonce,
                256: device.ueid,
                258: bytes(16),
                259: b"bench",
                260: ["1"],
                262: False,
                263: 0,
                265: attestation.EVIDENCE_PROFILE,
                267: 1,
                268: bytes(8),
                270: "bench",
                271: ["1"],
                -70001: seq,
                -70002: prev,
                -70004: os.urandom(SEALED_BYTES),
                -70006: [False, 3, 2],
                -70007: [1, None],
                -70008: 1,
                -70003: {
                    1: 1,
                    2: 1,
                    3: [None, "no-camera"],
                    4: [None, "no-camera"],
                    5: device.channel,
                    7: 1,
                    9: order_id,
                    10: "05.01-20200101-0000000001-0000000001",
                    11: [True, 1],
                    12: 2500,
                },
            }
            tokens.append(envelope.sign(cbor.encode(claims), device.kid, key, attestation.EVIDENCE_TYP))
            prev = hashlib.sha256(tokens[-1]).digest()
    return tokens


if __name__ == "__main__":
    main()
