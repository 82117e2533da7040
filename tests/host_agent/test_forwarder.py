"""The outbox to a backend that is away, overloaded, of another opinion, or not what it says it is."""

import asyncio
import hashlib
import ssl
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from host_agent import attestation, cbor, envelope, forwarder, keys, link
from host_agent.attestation import Answer, Receipt, Verdict
from host_agent.forwarder import Forwarder
from host_agent.registry import Registry
from host_agent.store import OutboxRow, Store
from tests.host_agent.rig import DEADLINE_S, NOW, enter
from tests.host_agent.terminal_double import TerminalDouble

MIB = 1024 * 1024


class BackendDouble:
    """HTTPS with mutual TLS and books of its own. `answer` decides before the books do."""

    def __init__(self, pki: Path) -> None:
        self._pki = pki
        self._key = keys.load_private(pki / "backend.sign.key.pem")
        self.kid = Registry.load(pki / "registry.json").backend.sign.kid
        self.books: Counter[bytes] = Counter()
        self.batches: list[int] = []
        self.in_flight = self.most_in_flight = 0
        self.statuses: list[int] = []  # to answer with first
        self.poison: bytes | None = None
        self.refuse: str | None = None
        self.pieces = 1
        self.twist: Callable[[list[bytes]], list[bytes]] = lambda receipts: receipts

    async def serve(self, test: Callable[[str], Awaitable[None]]) -> None:
        app = web.Application(client_max_size=MIB)
        app.router.add_post("/v1/attestations", self._post)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(self._pki / "ca.cert.pem"))
        tls.load_cert_chain(self._pki / "backend.cert.pem", self._pki / "backend.key.pem")
        tls.verify_mode = ssl.CERT_REQUIRED
        await web.TCPSite(runner, "0.0.0.0", 0, ssl_context=tls).start()
        try:
            await test(f"https://localhost:{runner.addresses[0][1]}")
        finally:
            await runner.cleanup()

    async def _post(self, request: web.Request) -> web.StreamResponse:
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        try:
            answer = await self._answer(cbor.decode(await request.read(), MIB))
            return await self._in_pieces(request, answer) if self.pieces > 1 else answer
        finally:
            self.in_flight -= 1

    async def _in_pieces(self, request: web.Request, answer: web.Response) -> web.StreamResponse:
        """As over a slow line: every piece has arrived before the next is sent."""
        slow = web.StreamResponse(status=answer.status)
        await slow.prepare(request)
        assert isinstance(answer.body, bytes)
        size = -(-len(answer.body) // self.pieces)
        for start in range(0, len(answer.body), size):
            await slow.write(answer.body[start : start + size])
            await asyncio.sleep(0.01)
        return slow

    async def _answer(self, body: dict[int, Any]) -> web.Response:
        assert body[1] == "agent"
        await asyncio.sleep(0)
        tokens = [item[1] for item in body[2]]
        self.batches.append(len(tokens))
        if self.statuses:
            return web.Response(status=self.statuses.pop(0))
        if self.poison in tokens:
            return web.json_response({"code": "batch-malformed"}, status=400)
        receipts = self.twist([self.receipt(token) for token in tokens])
        return web.Response(body=cbor.encode({1: "backend", 2: receipts}))

    def receipt(self, token: bytes, issuer: str = "backend") -> bytes:
        sealed = envelope.parse(token)
        self.books[sealed.sha256] += 1
        verdict = Verdict.DUPLICATE if self.books[sealed.sha256] > 1 else Verdict.STORED
        if self.refuse is not None:
            verdict = Verdict.REFUSED
        claims = Receipt(issuer, NOW, None, (Answer(sealed.sha256, bytes(16), verdict, self.refuse),))
        return envelope.sign(attestation.build_receipt(claims), self.kid, self._key)


class Post:
    """A store with records in its outbox, and the forwarder that empties it."""

    def __init__(self, pki: Path, folder: Path) -> None:
        self.pki = pki
        self.store = Store(folder / "agent.db", 64 * MIB, 0)
        self.backend = BackendDouble(pki)
        self._terminal = TerminalDouble(pki, "t-0001")

    def fill(self, count: int) -> list[bytes]:
        tokens = [self._terminal.next_token(reason="card-expired") for _ in range(count)]
        with self.store.transaction():
            for token in tokens:
                enter(self.store, token)
        return tokens

    def waiting(self) -> list[OutboxRow]:
        return self.store.outbox(2**40, 10_000)

    def run(self, until: Callable[[Forwarder], bool], url: str = "", host: str = "localhost") -> Forwarder:
        """The forwarder at work until the condition holds."""
        made: list[Forwarder] = []

        async def work(address: str) -> None:
            pki = self.pki
            sender = Forwarder(
                self.store,
                Registry.load(pki / "registry.json").backend,
                agent_id="agent",
                url=url or address.replace("localhost", host),
                tls=link.client_context(pki / "ca.cert.pem", pki / "agent.cert.pem", pki / "agent.key.pem", "backend"),
                batch_items=16,
            )
            made.append(sender)
            task = asyncio.create_task(sender.run())
            async with asyncio.timeout(DEADLINE_S):
                while not until(sender):
                    assert not task.done(), task
                    await asyncio.sleep(0.01)
            await ended(task)

        asyncio.run(self.backend.serve(work))
        return made[0]


async def ended(task: asyncio.Task[None]) -> None:
    task.cancel()
    done, _ = await asyncio.wait([task], timeout=DEADLINE_S)
    assert done, "it goes on in spite of being cancelled"


@pytest.fixture
def post(pki: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Post]:
    monkeypatch.setattr(forwarder, "RETRY_MIN_S", 0.02)
    post = Post(pki, tmp_path)
    yield post
    post.store.close()


def test_outbox_is_delivered_in_batches_each_record_once(post: Post) -> None:
    tokens = post.fill(100)
    post.run(lambda _: not post.waiting())
    assert post.backend.books == Counter(hashlib.sha256(token).digest() for token in tokens)
    assert max(post.backend.batches) == 16
    assert post.backend.most_in_flight <= 2


def test_answer_that_comes_in_pieces_is_read_to_its_end(post: Post) -> None:
    post.backend.pieces = 5
    post.fill(3)
    post.run(lambda _: not post.waiting())
    assert set(post.backend.books.values()) == {1}, "sent again: the first answer was not understood"


def test_batch_is_bounded_in_bytes(post: Post, monkeypatch: pytest.MonkeyPatch) -> None:
    tokens = post.fill(10)
    monkeypatch.setattr(forwarder, "BATCH_BYTES", 3 * max(map(len, tokens)))
    post.run(lambda _: not post.waiting())
    assert max(post.backend.batches) == 3


@pytest.mark.parametrize("status", [500, 503, 403, 404, 302])
def test_refused_batch_is_sent_again_and_the_trouble_shows(post: Post, status: int) -> None:
    post.fill(3)
    post.backend.statuses = [status] * 3
    troubles: set[str | None] = set()

    def until(sender: Forwarder) -> bool:
        troubles.add(sender.figures.trouble)
        return not post.waiting() and sender.figures.trouble is None

    post.run(until)
    assert ("agent-unknown" if status == 403 else "backend-unreachable") in troubles
    assert sum(post.backend.books.values()) == 3


def test_absent_backend_loses_nothing(post: Post) -> None:
    post.fill(3)
    sender = post.run(lambda sender: sender.figures.trouble is not None, url="https://localhost:9")
    assert sender.figures.trouble == "backend-unreachable"
    assert len(post.waiting()) == 3
    post.run(lambda _: not post.waiting())


def test_backend_whose_certificate_names_another_host_gets_nothing(post: Post) -> None:
    post.fill(1)
    # 127.0.0.2 is this machine as well, and not in the certificate.
    sender = post.run(lambda sender: sender.figures.trouble is not None, host="127.0.0.2")
    assert sender.figures.trouble == "backend-unreachable"
    assert not post.backend.batches


def test_one_item_the_backend_cannot_read_is_found_and_the_others_go(post: Post) -> None:
    tokens = post.fill(16)
    post.backend.poison = tokens[5]
    post.run(lambda _: len(post.waiting()) == 1 and not post.store.outbox(int(time.time()), 10))
    assert [row.token for row in post.waiting()] == [tokens[5]], "kept, and tried again later"
    assert sum(post.backend.books.values()) == 15


def test_refusal_by_the_backend_is_final(post: Post) -> None:
    post.fill(2)
    post.backend.refuse = "nonce-reused"
    post.run(lambda _: not post.waiting())
    assert post.store._rows("SELECT verdict, code FROM backend_receipts") == [(3, "nonce-reused")] * 2


def _unsigned(receipts: list[bytes]) -> list[bytes]:
    return [receipt[:-1] + bytes([receipt[-1] ^ 1]) for receipt in receipts]


@pytest.mark.parametrize(
    "twist",
    [
        pytest.param(_unsigned, id="wrong-signature"),
        pytest.param(lambda receipts: receipts[::-1], id="of-another-record"),
        pytest.param(lambda receipts: receipts[:-1], id="one-missing"),
        pytest.param(lambda receipts: [b"garbage"] * len(receipts), id="garbage"),
        pytest.param(lambda receipts: [7] * len(receipts), id="wrong-type"),
    ],
)
def test_receipt_that_does_not_hold_delivers_nothing(post: Post, twist: Callable[[list[bytes]], list[bytes]]) -> None:
    post.fill(2)
    post.backend.twist = twist
    sender = post.run(lambda sender: sender.figures.trouble is not None)
    assert sender.figures.trouble == "receipt-invalid"
    assert len(post.waiting()) == 2


def test_receipt_signed_with_the_agents_own_key_delivers_nothing(post: Post) -> None:
    registry = Registry.load(post.pki / "registry.json")
    key = keys.load_private(post.pki / "agent.sign.key.pem")
    tokens = post.fill(1)
    answer = Answer(hashlib.sha256(tokens[0]).digest(), bytes(16), Verdict.STORED)
    claims = Receipt("backend", NOW, None, (answer,))
    forged = envelope.sign(attestation.build_receipt(claims), registry.agent.kid, key)
    post.backend.twist = lambda _receipts: [forged]
    post.run(lambda sender: sender.figures.trouble == "receipt-invalid")
    assert len(post.waiting()) == 1


def test_record_put_in_later_is_delivered_at_once(post: Post) -> None:
    def until(sender: Forwarder) -> bool:
        if not post.store.figures(NOW)["evidence"]:
            post.fill(1)
            sender.wake()
        return bool(post.backend.books)

    post.run(until)


@pytest.mark.parametrize("rounds", range(8))
def test_forwarder_that_is_woken_as_it_is_stopped_ends_all_the_same(post: Post, rounds: int) -> None:
    """A wait with a time limit may not take the end for what it waited for."""

    async def work(address: str) -> None:
        tls = link.client_context(
            post.pki / "ca.cert.pem", post.pki / "agent.cert.pem", post.pki / "agent.key.pem", "backend"
        )
        backend = Registry.load(post.pki / "registry.json").backend
        sender = Forwarder(post.store, backend, agent_id="agent", url=address, tls=tls, batch_items=16)
        task = asyncio.create_task(sender.run())
        while not sender._woken._waiters:  # until it waits for something to send
            await asyncio.sleep(0.01)
        sender.wake()
        for _ in range(rounds):
            await asyncio.sleep(0)
        await ended(task)

    asyncio.run(post.backend.serve(work))
