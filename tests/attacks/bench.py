"""What the attacks are played on: agent and backend of an operator, and the keys that an attacker may have taken.

All parts are the real ones. The broker with its gate is in `line.py`, the terminal at its counter in `counter.py`.
"""

import hashlib
import json
import sqlite3
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from typer.testing import CliRunner

from host_agent import attestation, cbor, envelope
from host_agent.attestation import Answer, Receipt, Verdict
from tests.host_agent.custody_bench import CustodyBench, findings
from tests.host_agent.rig import Rig
from tests.host_agent.terminal_double import TerminalDouble, at_once
from tools.backend.appraisal import appraise
from tools.cli import app

DAY_S = 86_400
DUPLICATE, STORED = "duplicate", "stored"


@dataclass(frozen=True, slots=True)
class Attack:
    """`code` is what it is refused with; `check` who refuses it, as file:function."""

    has: str
    does: str
    code: str
    check: str


class Bench(CustodyBench):
    """Agent and backend. Their answer is the code of the refusal, or what the receipt says instead."""

    def agent_says(self, token: bytes, device: str | None = None, now: int | None = None) -> str:
        outcome = self.take(token, device, now)
        return outcome.code or outcome.verdict.name.lower()

    def backend_says(self, token: bytes) -> str:
        """Not asked by the agent alone: a token may have come past it."""
        now = int(time.time())
        [entry] = self.books.enter([appraise(token, now, self.trust)], now, self.backend_signer.receipt)
        return entry.code or entry.verdict.name.lower()

    def both_say(self, token: bytes) -> set[str]:
        return {self.agent_says(token), self.backend_says(token)}

    def trust_with(self, **changes: Any) -> None:
        """Another policy of the backend."""
        self.trust = replace(self.trust, **changes)

    def terminal_key(self, device: str | None = None) -> ec.EllipticCurvePrivateKey:
        scalar = (self.pki / "devices" / (device or self.device) / "attest.key").read_bytes()
        return ec.derive_private_key(int.from_bytes(scalar, "big"), ec.SECP256R1())

    def assemble(
        self,
        payload: bytes,
        *,
        header: dict[int, Any] | None = None,
        unprotected: dict[int, Any] | None = None,
        tag: int = 18,
    ) -> bytes:
        """A COSE message of any shape whose signature is sound: what a stolen terminal's key could make."""
        protected = cbor.encode(self.header() if header is None else header)
        signed = cbor.encode(["Signature1", protected, b"", payload])
        signature = at_once(self.terminal.signer.sign_digest(hashlib.sha256(signed).digest()))
        return bytes([0xC0 | tag]) + cbor.encode([protected, unprotected or {}, payload, signature])

    def signed(self, changes: dict[int, Any], **options: Any) -> bytes:
        """The terminal's next token, with other claims than it would make."""
        token = self.terminal.sign(self.claims(**options) | changes)
        self.terminal.advance(token)
        return token

    def header(self) -> dict[int, Any]:
        return {1: envelope.ES256, 4: self.terminal.signer.kid, 16: attestation.EVIDENCE_TYP}

    def change_device(self, **changes: Any) -> None:
        """As if the registry had said so; agent and backend share it here."""
        device = self.registry.device(self.device)
        assert device is not None
        self.registry.add(replace(device, **changes))

    def change_key(self, **times: int) -> None:
        device = self.registry.device(self.device)
        assert device is not None
        self.change_device(keys=(replace(device.keys[0], **times),))

    def terminal_of(self, device: str) -> TerminalDouble:
        return TerminalDouble(self.pki, device)

    def lose(self, seq: int) -> None:
        """What the agent's machine can do: every trace of a token is gone from its store."""
        with sqlite3.connect(self.folder / "agent.db") as connection:
            for table in ("tokens", "outbox", "receipted", "backend_receipts"):
                connection.execute(
                    f"DELETE FROM {table} WHERE evidence_id IN (SELECT id FROM evidence WHERE seq = ?)", (seq,)
                )
            connection.execute("DELETE FROM evidence WHERE seq = ?", (seq,))

    def backend_chain(self) -> list[tuple[str, int, int]]:
        """What is wrong with the terminal's chain by the backend's books."""
        config = Rig(self.pki, self.folder).write_backend_config()
        arguments = ["backend", "chain", self.device, "--config", str(config), "--json"]
        return findings(json.loads(CliRunner().invoke(app, arguments).stdout))

    def receipt_for(self, token: bytes, **changes: Any) -> bytes:
        """The claims of an agent's receipt that says "stored"."""
        told = Receipt("agent", int(time.time()), self.terminal.ueid, (self.stored(token),))
        return attestation.build_receipt(replace(told, **changes))

    def stored(self, token: bytes) -> Answer:
        sealed = envelope.parse(token)
        return Answer(sealed.sha256, attestation.parse_evidence(sealed.payload).cti, Verdict.STORED)


def refusal_of(function: Callable[[], Any]) -> str:
    """The code of the error that it raises."""
    with pytest.raises(Exception) as caught:
        function()
    return getattr(caught.value, "code", repr(caught.value))
