"""Agent and backend in one process, without their wires: tokens go in, both receipts are kept, an auditor looks."""

import json
import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from typer.testing import CliRunner

from host_agent import audit, envelope, ingest, keys
from host_agent.attestation import Verdict
from host_agent.errors import ShimingError
from host_agent.ingest import Outcome, Signer
from host_agent.policy import ANY_FIRMWARE, FacePolicy, ReservePolicy
from host_agent.registry import Registry
from host_agent.store import BackendAnswer, OrderRow, Store
from tests.host_agent.rig import Rig
from tests.host_agent.terminal_double import TerminalDouble
from tools.backend.app import Signer as BackendSigner
from tools.backend.appraisal import Trust, appraise
from tools.backend.seal_keys import SealKeys
from tools.backend.store import Books

MIB = 1024 * 1024


class CustodyBench:
    def __init__(self, pki: Path, folder: Path, device: str = "t-0001") -> None:
        self.pki = pki
        self.folder = folder
        self.registry = Registry.load(pki / "registry.json")
        self.store = Store(folder / "agent.db", 64 * MIB, 0)
        self.signer = Signer("agent", self.registry.agent.kid, keys.load_private(pki / "agent.sign.key.pem"))
        self.books = Books(folder / "backend.db")
        self.is_production = False  # the agent's policy; `trust` has the backend's
        self.face, self.firmware, self.reserve = FacePolicy(), ANY_FIRMWARE, ReservePolicy()
        self.trust = Trust(
            self.registry, SealKeys(keys.load_private(pki / "backend.seal.key.pem")), False, FacePolicy()
        )
        sign_key = keys.load_private(pki / "backend.sign.key.pem")
        self.backend_signer = BackendSigner("backend", self.registry.backend.sign.kid, sign_key)
        self.device = device
        self.terminal = TerminalDouble(pki, device)
        self.config = Rig(pki, folder).write_config()

    def close(self) -> None:
        self.store.close()
        self.books.close()

    def claims(self, **options: Any) -> dict[int, Any]:
        """Of the terminal's next token, for an order that is made on the way; `sheet`: for a pre-issued one."""
        now = int(time.time())
        sheet: int | None = options.pop("sheet", None)
        order_id = options.setdefault("order_id", f"order-{os.urandom(6).hex()}")
        claims = self.terminal.claims(**options) | {6: now, 10: os.urandom(16)}
        claims[-70007] = [1 if sheet is None else 2, None]
        row = OrderRow(
            *(order_id, self.device, self.terminal.channel, claims[10], now, now + 300, "waiting", None, None),
            *(b"signed", sheet),
        )
        with self.store.transaction():
            self.store.add_order(row)
        return claims

    def token(self, **options: Any) -> bytes:
        token = self.terminal.sign(self.claims(**options))
        self.terminal.advance(token)
        return token

    def take(self, token: bytes, device: str | None = None, now: int | None = None) -> Outcome:
        """`device`: on whose topic it comes."""
        return self.take_all([token], device, now)[0]

    def take_all(self, tokens: Sequence[bytes], device: str | None = None, now: int | None = None) -> list[Outcome]:
        """In one transaction."""
        now = int(time.time()) if now is None else now
        topic = f"rnr/v1/demo/{device or self.device}/up/evi"
        with self.store.transaction(is_intake=True):
            outcomes = [
                ingest.settle(
                    self.store,
                    ingest.examine(topic, token, self.registry),
                    is_production=self.is_production,
                    face=self.face,
                    firmware=self.firmware,
                    reserve=self.reserve,
                    now=now,
                )
                for token in tokens
            ]
            ingest.keep_receipts(self.store, outcomes, self.signer, now)
        return outcomes

    def publish_epoch(self, at: int) -> bytes:
        epoch_id = os.urandom(16)
        with self.store.transaction():
            self.store.add_epoch(epoch_id, at)
        return epoch_id

    def deliver(self) -> None:
        """The outbox to the backend, and its receipts back."""
        now = int(time.time())
        for row in self.store.outbox(now, 256):
            entry = self.books.enter([appraise(row.token, now, self.trust)], now, self.backend_signer.receipt)[0]
            self.store.settle([BackendAnswer(row.evidence_id, entry.receipt, entry.verdict, entry.code)], now)

    def complete(self, **options: Any) -> tuple[str, bytes]:
        """The whole way of one attestation: its cti, as an auditor types it, and the token."""
        token = self.token(**options)
        outcome = self.take(token)
        assert outcome.verdict is Verdict.STORED, outcome.code
        self.deliver()
        return outcome.cti.hex(), token

    def sign_as_agent(self, payload: bytes) -> bytes:
        return self.signer.sign(payload)

    def sign_as_backend(self, payload: bytes) -> bytes:
        return envelope.sign(payload, self.registry.backend.sign.kid, self.backend_signer.private_key)

    def audit(self, *arguments: str) -> tuple[int, dict[str, Any]]:
        """Exit code and JSON answer; for an error its code."""
        result = CliRunner().invoke(audit.app, [*arguments, "--json"])
        if isinstance(result.exception, ShimingError):
            return result.exception.exit_status, {"error": result.exception.code}
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        return result.exit_code, json.loads(result.stdout)

    def custody(self, cti: str) -> tuple[int, dict[str, Any]]:
        return self.audit("custody", cti, "--config", str(self.config))

    def chain(self, *arguments: str) -> tuple[int, dict[str, Any]]:
        return self.audit("chain", self.device, "--config", str(self.config), *arguments)


def codes(answer: dict[str, Any]) -> dict[str, str]:
    """What is wrong, by part."""
    return {link["part"]: link["code"] for link in answer["links"] if link["code"] is not None}


def findings(answer: dict[str, Any]) -> list[tuple[str, int, int]]:
    return [(one["code"], one["first"], one["last"]) for key in answer["keys"] for one in key["findings"]]
