"""The outbox to the backend: batches over HTTPS with mutual TLS, two in flight, until each item has a signed receipt.

At least once from here, once in the backend's books: its key is the token's SHA-256, and so is what its receipt names.
"""

import asyncio
import contextlib
import logging
import random
import ssl
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import aiohttp

from host_agent import attestation, cbor, envelope
from host_agent.errors import ShimingError, TokenRefused
from host_agent.registry import Backend
from host_agent.store import BackendAnswer, OutboxRow, Store, StoreFault

log = logging.getLogger("shiming.forwarder")

IN_FLIGHT = 2
BATCH_BYTES = 512 * 1024
ANSWER_BYTES = 1024 * 1024
REQUEST_TIMEOUT_S = 30
RETRY_MIN_S, RETRY_MAX_S = 0.3, 30.0
IDLE_S = 30  # a look at the outbox without a call, for what was put off
POSTPONE_S = 600  # a single item that the backend cannot read


class Unanswered(ShimingError):
    """Nothing was decided: the same again, later."""

    def __init__(self, code: str, message: str = "") -> None:
        self.code = code
        super().__init__(message)


class BatchMalformed(ShimingError):
    code = "batch-malformed"


class _Renewed(Exception):
    """Not an error: ends the tasks of one session, so that the next one begins."""


@dataclass(slots=True)
class Figures:
    """`trouble` is the code of the last failure, None since the last success."""

    last_success_at: int | None = None
    trouble: str | None = None


class Forwarder:
    def __init__(
        self, store: Store, backend: Backend, *, agent_id: str, url: str, tls: ssl.SSLContext, batch_items: int
    ) -> None:
        self._store = store
        self._backend = backend
        self._agent_id = agent_id
        self._url = f"{url}/v1/attestations"
        self._tls = tls
        self._batch_items = batch_items
        self._in_flight: set[int] = set()
        self._taking = asyncio.Lock()
        self._woken = asyncio.Event()
        self._renewed = asyncio.Event()
        self.figures = Figures()

    def wake(self) -> None:
        """There is something new in the outbox. From the event loop's thread."""
        self._woken.set()

    def renew(self) -> None:
        """New connections: the old ones may be to a backend whose certificate has been revoked since. From the loop."""
        self._renewed.set()

    async def run(self) -> None:
        while True:
            try:
                await self._run_session()
            except* _Renewed:
                log.info("new connections to the backend")

    async def _run_session(self) -> None:
        timeout = aiohttp.ClientTimeout(total=REQUEST_TIMEOUT_S)
        connector = aiohttp.TCPConnector(ssl=self._tls, limit=IN_FLIGHT, keepalive_timeout=60)
        async with (
            aiohttp.ClientSession(connector=connector, timeout=timeout, trust_env=False) as session,
            asyncio.TaskGroup() as group,
        ):
            for number in range(IN_FLIGHT):
                group.create_task(self._work(session), name=f"forward-{number}")
            await self._renewed.wait()
            self._renewed.clear()
            raise _Renewed

    async def _work(self, session: aiohttp.ClientSession) -> None:
        delay_s = 0.0
        while True:
            try:
                batch = await self._take()
                try:
                    await self._deliver(session, batch)
                finally:
                    self._in_flight.difference_update(row.evidence_id for row in batch)
            except (Unanswered, StoreFault) as error:
                delay_s = min(max(2 * delay_s, RETRY_MIN_S), RETRY_MAX_S)
                self._note(error)
                await asyncio.sleep(random.uniform(delay_s / 2, delay_s))
                self._woken.set()
            else:
                delay_s = 0.0
                self._note(None)

    async def _take(self) -> list[OutboxRow]:
        """The next rows that nobody has in flight; waits for some."""
        async with self._taking:
            while True:
                self._woken.clear()
                batch = await asyncio.to_thread(self._next_batch, tuple(self._in_flight))
                if batch:
                    self._in_flight.update(row.evidence_id for row in batch)
                    return batch
                with contextlib.suppress(TimeoutError):
                    # not `wait_for`, which takes a cancellation for the event when both come at once
                    async with asyncio.timeout(IDLE_S):
                        await self._woken.wait()

    def _next_batch(self, in_flight: Sequence[int]) -> list[OutboxRow]:
        rows = self._store.outbox(int(time.time()), self._batch_items, without=in_flight)
        size_bytes = 0
        for count, row in enumerate(rows):
            size_bytes += len(row.token)
            if size_bytes > BATCH_BYTES:
                return rows[:count]
        return rows

    async def _deliver(self, session: aiohttp.ClientSession, batch: Sequence[OutboxRow]) -> None:
        """A batch that the backend cannot read is halved until the one item is found; that one waits, the others go."""
        try:
            answers = await self._post(session, batch)
        except BatchMalformed as error:
            if len(batch) == 1:
                log.error("the backend cannot read a record", extra={"code": error.code})
                not_before = int(time.time()) + POSTPONE_S
                await asyncio.to_thread(self._store.postpone, batch[0].evidence_id, not_before)
                return
            half = len(batch) // 2
            await self._deliver(session, batch[:half])
            await self._deliver(session, batch[half:])
            return
        await asyncio.to_thread(self._store.settle, answers, int(time.time()))

    async def _post(self, session: aiohttp.ClientSession, batch: Sequence[OutboxRow]) -> list[BackendAnswer]:
        body = cbor.encode({1: self._agent_id, 2: [{1: row.token, 2: row.received_at} for row in batch]})
        headers = {"Content-Type": "application/cbor"}
        try:
            async with session.post(self._url, data=body, headers=headers, allow_redirects=False) as response:
                if response.status == 400:
                    raise BatchMalformed()
                if response.status == 403:
                    raise Unanswered("agent-unknown")
                if response.status != 200:
                    raise Unanswered("backend-unreachable", f"status {response.status}")
                answer = await _read_all(response.content)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise Unanswered("backend-unreachable", type(error).__name__) from error
        return await asyncio.to_thread(self._read_answer, answer, batch)

    def _read_answer(self, answer: bytes, batch: Sequence[OutboxRow]) -> list[BackendAnswer]:
        try:
            match cbor.decode(answer, ANSWER_BYTES):
                case {1: str() as backend_id, 2: list() as receipts}:
                    if backend_id == self._backend.id and len(receipts) == len(batch):
                        return [self._read_receipt(item, row) for item, row in zip(receipts, batch, strict=True)]
        except TokenRefused as refused:
            raise Unanswered("receipt-invalid", refused.code) from refused
        raise Unanswered("receipt-invalid", "not an answer to this batch")

    def _read_receipt(self, token: Any, row: OutboxRow) -> BackendAnswer:
        """Signed by the backend, about this very token; else nothing counts as delivered."""
        if not isinstance(token, bytes):
            raise TokenRefused("token-malformed")
        sealed = envelope.parse(token)
        if sealed.kid != self._backend.sign.kid:
            raise TokenRefused("key-unknown")
        envelope.verify(sealed, self._backend.sign.public_key)
        receipt = attestation.parse_receipt(sealed.payload)
        answer = receipt.about(row.sha256)
        if receipt.issuer != self._backend.id or answer is None:
            raise TokenRefused("receipt-invalid")
        return BackendAnswer(row.evidence_id, token, answer.verdict, answer.reason)

    def _note(self, error: ShimingError | None) -> None:
        if error is None:
            self.figures.last_success_at = int(time.time())
        code = error.code if error is not None else None
        if code != self.figures.trouble:
            if error is not None:
                log.warning("records wait for the backend: %s", error, extra={"code": code})
            else:
                log.warning("the backend takes records again")
        self.figures.trouble = code


async def _read_all(content: aiohttp.StreamReader) -> bytes:
    """The whole answer; one `read` gives no more of it than has come so far."""
    answer = bytearray()
    async for chunk in content.iter_any():
        answer += chunk
        if len(answer) > ANSWER_BYTES:
            raise Unanswered("backend-unreachable", "an endless answer")
    return bytes(answer)
