"""A terminal for tests of the host: claims as PROTOCOL.md has them, signed and sealed by the firmware's own code."""

import hashlib
import json
import os
import random
import time
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

from terminal import cose, p256_known
from terminal.signer import SoftwareSigner, sign1

from host_agent import attestation, cbor
from host_agent.registry import Registry

MSISDN = "17000000001"
MODELS = {"blazeface-test": bytes(32), "mobilefacenet-test": bytes(31) + b"\x01"}


def citizen_number(prefix: str = "11019919900101001") -> str:
    weights = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
    return prefix + "10X98765432"[sum(w * int(d) for w, d in zip(weights, prefix, strict=True)) % 11]


def identity(**changes: Any) -> dict[int, Any]:
    """Changes are named `e6=...` for entry 6; None leaves the entry out."""
    entries: dict[int, Any] = {
        1: "测试甲",
        2: 1,
        3: "01",
        4: "19900101",
        5: "测试地址",
        6: citizen_number(),
        7: "测试公安局",
        8: "20200101",
        9: "长期",
        10: ["测试新址"],
        11: bytes(1024),
        12: MSISDN,
    }
    entries |= {int(name[1:]): value for name, value in changes.items()}
    return {key: value for key, value in entries.items() if value is not None}


def document(document_type: int) -> dict[int, Any]:
    """A person with another document than a resident card: 2 permit, 3 and 4 foreign cards of 2017 and 2023."""
    person = identity(e3=None)
    if document_type == 2:
        return person | {4: "19940823", 6: "810000199408230021", 15: "H00000000", 16: "01"}
    del person[5], person[7]
    person |= {1: "", 9: "20391231", 13: "SPECIMEN, TEST", 14: "XXS"}
    if document_type == 3:
        return person | {6: "XXS110190010115", 18: "1101", 19: "01"}
    return person | {6: citizen_number("91199919900101001"), 16: "00", 17: "011"}


def liveness(**changes: Any) -> dict[int, Any]:
    """A check that has passed, without a passive model. Changes are named `e4=...` for entry 4."""
    entries: dict[int, Any] = {
        1: 1,
        2: True,
        3: 1,
        4: [152, 75],
        5: [820, 500],
        6: [700, 350],
        7: None,
        8: [640, 610, 700, 590, 655, 702],
        9: 27_400,
    }
    return entries | {int(name[1:]): value for name, value in changes.items()}


def match(**changes: Any) -> dict[int, Any]:
    entries: dict[int, Any] = {1: 800, 2: 485, 3: True, 4: "mobilefacenet-test"}
    return entries | {int(name[1:]): value for name, value in changes.items()}


class TerminalDouble:
    def __init__(self, pki: Path, device_id: str) -> None:
        device = json.loads((pki / "devices" / device_id / "device.json").read_text())
        registry = Registry.load(pki / "registry.json")
        numbers = registry.backend.seal.public_key.public_numbers()
        self.ueid = bytes.fromhex(device["ueid"])
        self.channel = device["channel"]
        self.signer = SoftwareSigner.from_bytes((pki / "devices" / device_id / "attest.key").read_bytes())
        self._seal_kid, self._seal_point = registry.backend.seal.kid, (numbers.x, numbers.y)
        for point in (self.signer.point, self._seal_point):
            p256_known.remember(point)  # as a terminal does
        self.seq, self.prev = 1, bytes(32)

    def claims(self, *, order_id: str = "", reason: str | None = None, person: dict[int, Any] | None = None) -> dict:
        """The claims of this terminal's next token; sealed to the backend unless there is a reason."""
        claims: dict[int, Any] = {
            6: int(time.time()),
            7: os.urandom(16),
            10: os.urandom(16),
            256: self.ueid,
            258: bytes(16),
            259: b"emulated",
            260: ["1"],
            262: False,
            263: 0,
            265: attestation.EVIDENCE_PROFILE,
            267: 1,
            268: bytes(8),
            270: "shiming-terminal",
            271: ["0.1.0"],
            -70001: self.seq,
            -70002: self.prev,
            -70003: self.results(order_id or f"order-{random.getrandbits(64):x}", reason),
            -70006: [False, 3, 2],
            -70007: [1, None],
            -70008: 1,
        }
        if reason is None:
            self.seal(claims, identity() if person is None else person)
        return claims

    def results(self, order_id: str, reason: str | None) -> dict[int, Any]:
        results: dict[int, Any] = {3: liveness(), 4: match(), 5: self.channel, 9: order_id, 13: MODELS}
        results |= {1: 1, 2: 1, 7: 1, 10: "05.01-20200101-0000000001-0000000001", 11: [True, 1], 12: 2500}
        return results if reason is None else results | {8: reason}

    def seal(self, claims: dict[int, Any], person: dict[int, Any]) -> None:
        context = cbor.encode([claims[265], claims[256], claims[7], claims[-70001]])
        claims[-70004] = cose.seal(cbor.encode(person), self._seal_kid, self._seal_point, context, os.urandom)

    def sign(self, claims: dict[int, Any], typ: str | None = attestation.EVIDENCE_TYP) -> bytes:
        return at_once(sign1(cbor.encode(claims), self.signer.kid, self.signer, typ))

    def next_token(self, **options: Any) -> bytes:
        token = self.sign(self.claims(**options))
        self.advance(token)
        return token

    def advance(self, token: bytes) -> None:
        self.seq, self.prev = self.seq + 1, hashlib.sha256(token).digest()


def at_once(work: Coroutine[Any, Any, bytes]) -> bytes:
    """The result of a coroutine that never waits, as a software key's signing: there may be an event loop already."""
    try:
        work.send(None)
    except StopIteration as end:
        return end.value
    raise AssertionError("it waits")
