"""The backend's HTTPS server. Mutual TLS lets in whom the authority certified; only the registered agent is answered.

A batch: parse, appraise (worker threads), enter into the books with signed receipts (the one writer thread), answer.
"""

import asyncio
import json
import logging
import signal
import sqlite3
import ssl
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from aiohttp import web
from cryptography.hazmat.primitives.asymmetric import ec

from host_agent import attestation, envelope, keys
from host_agent.attestation import Answer, Receipt
from host_agent.errors import ConfigError, TestAuthorityRefused, TokenRefused
from host_agent.registry import Key, Registry
from host_agent.revocation import Revocations, serial_of
from host_agent.watch import Watch
from tools.backend import batch
from tools.backend.appraisal import Trust, appraise
from tools.backend.config import Config
from tools.backend.retention import RetentionKeyMissing
from tools.backend.seal_keys import SealKeys
from tools.backend.store import Books, Entry

SHUTDOWN_S = 5.0
log = logging.getLogger("shiming.backend")


@dataclass(frozen=True, slots=True)
class Signer:
    issuer: str
    kid: bytes
    private_key: ec.EllipticCurvePrivateKey

    def receipt(self, entry: Entry, now: int) -> bytes:
        answer = Answer(entry.sha256, entry.cti, entry.verdict, entry.code)
        payload = attestation.build_receipt(Receipt(self.issuer, now, None, (answer,)))
        return envelope.sign(payload, self.kid, self.private_key)


class Backend:
    def __init__(
        self, trust: Trust, signer: Signer, books: Books, writer: ThreadPoolExecutor, revocations: Revocations
    ) -> None:
        self._trust = trust
        self._revocations = revocations
        self._signer = signer
        self._books = books
        self._writer = writer

    async def post_attestations(self, request: web.Request) -> web.Response:
        self._authenticate(request)
        try:
            agent_id, tokens = batch.parse_request(await request.read())
        except (TokenRefused, web.HTTPRequestEntityTooLarge):
            return _refusal(400, "batch-malformed")
        if agent_id != self._trust.registry.agent.id:
            return _refusal(403, "agent-unknown")
        now = int(time.time())
        appraisals = await asyncio.to_thread(lambda: [appraise(token, now, self._trust) for token in tokens])
        try:
            entries = await self._on_books(self._books.enter, appraisals, now, self._signer.receipt)
        except (sqlite3.Error, RetentionKeyMissing) as error:
            log.error("a batch could not be entered: %s", error)
            return _refusal(503, "store-fault")
        receipts = [entry.receipt for entry in entries]
        return web.Response(body=batch.build_response(self._signer.issuer, receipts), content_type="application/cbor")

    async def get_books(self, request: web.Request) -> web.Response:
        self._authenticate(request)
        return web.json_response(await self._on_books(self._books.counts))

    def _authenticate(self, request: web.Request) -> None:
        # Devices hold certificates of the same authority: the name decides.
        peer = request.transport.get_extra_info("ssl_object") if request.transport else None
        if serial_of(peer) in self._revocations.serials:  # of a connection that is open, or a session that is resumed
            raise web.HTTPForbidden(text=json.dumps({"code": "certificate-revoked"}), content_type="application/json")
        certificate = peer.getpeercert() if peer is not None else None
        if _common_name(certificate or {}) != self._trust.registry.agent.id:
            raise web.HTTPForbidden(text=json.dumps({"code": "agent-unknown"}), content_type="application/json")

    async def _on_books(self, function: Callable[..., Any], *arguments: object) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self._writer, partial(function, *arguments))


async def serve(config: Config, announce: Callable[[int], None]) -> None:
    """Until SIGTERM or SIGINT. `announce` gets the port once connections are taken."""
    trust = _load_trust(config)
    signer = _load_signer(config, trust.registry)
    revocations = Revocations(config.crl, config.ca)
    tls = revocations.guard(_load_tls(config))
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    # SQLite connections stay on the thread that made them.
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="books") as writer:
        books = await loop.run_in_executor(writer, Books, config.database, config.retention_key)
        runner = _make_runner(Backend(trust, signer, books, writer, revocations))
        watching: asyncio.Task[None] | None = None
        try:
            watch = Watch(
                trust.registry,
                [revocations, trust.seal_keys],
                known=await loop.run_in_executor(writer, books.history_head),
                remember=lambda head: writer.submit(books.set_history_head, head).result(),
                on_change=lambda: None,
            )
            watching = loop.create_task(watch.run(), name="watch")
            await runner.setup()
            await _listen(runner, config, tls)
            announce(runner.addresses[0][1])
            await stop.wait()
        finally:
            if watching is not None:
                watching.cancel()
            await runner.cleanup()
            await loop.run_in_executor(writer, books.close)


def _make_runner(backend: Backend) -> web.AppRunner:
    app = web.Application(client_max_size=batch.MAX_BYTES)
    app.router.add_post("/v1/attestations", backend.post_attestations)
    app.router.add_get("/v1/books", backend.get_books)
    return web.AppRunner(app, access_log=None, shutdown_timeout=SHUTDOWN_S)


async def _listen(runner: web.AppRunner, config: Config, tls: ssl.SSLContext) -> None:
    try:
        await web.TCPSite(runner, config.host, config.port, ssl_context=tls).start()
    except OSError as error:
        raise ConfigError(f"listen: cannot listen on {config.host} port {config.port}: {error.strerror}") from error


def _load_trust(config: Config) -> Trust:
    keys.refuse_test_authority(config.ca.read_bytes(), config.is_emulated)
    registry = Registry.load(config.registry)
    if registry.is_emulated and not config.is_emulated:
        raise TestAuthorityRefused()
    seal_key = _load_own("pki.seal_key", config.seal_key, registry.backend.seal)
    seal_keys = SealKeys(seal_key, config.earlier_seal_keys)
    return Trust(registry, seal_keys, is_production=not config.is_emulated, face=config.face, firmware=config.firmware)


def _load_signer(config: Config, registry: Registry) -> Signer:
    party = registry.backend
    return Signer(party.id, party.sign.kid, _load_own("pki.sign_key", config.sign_key, party.sign))


def _load_own(setting: str, path: Path, registered: Key) -> ec.EllipticCurvePrivateKey:
    private_key = keys.load_private(path)
    if keys.kid_of(private_key.public_key()) != registered.kid:
        raise ConfigError(f"{setting}: must be the private key of the one in the registry")
    return private_key


def _load_tls(config: Config) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=config.ca)
        context.load_cert_chain(config.certificate, config.key)
    except (OSError, ssl.SSLError) as error:
        raise ConfigError("pki.ca, pki.certificate, pki.key: must be PEM files that belong together") from error
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.verify_mode = ssl.CERT_REQUIRED
    return context


def _common_name(certificate: dict[str, Any]) -> str | None:
    names = [value for part in certificate.get("subject", ()) for key, value in part if key == "commonName"]
    return names[0] if len(names) == 1 else None


def _refusal(status: int, code: str) -> web.Response:
    return web.json_response({"code": code}, status=status)
