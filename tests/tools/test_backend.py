"""The backend as a process: settings, HTTPS with mutual TLS on loopback, kill -9."""

import asyncio
import http.client
import json
import os
import random
import signal
import sqlite3
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization

from host_agent import attestation, cbor, envelope
from host_agent.attestation import Answer, Verdict
from host_agent.errors import ConfigError, TestAuthorityRefused
from host_agent.registry import Registry
from tests.host_agent.terminal_double import MSISDN, TerminalDouble, citizen_number
from tools.backend import config as settings
from tools.backend.app import serve
from tools.pki import authority

ROOT = Path(__file__).parents[2]
READY_S = 30  # against a hang

SETTINGS = """
mode = "emulated"
database = "{database}"
[listen]
host = "127.0.0.1"
port = 0
[pki]
ca = "pki/ca.cert.pem"
certificate = "pki/backend.cert.pem"
key = "pki/backend.key.pem"
sign_key = "pki/backend.sign.key.pem"
seal_key = "pki/backend.seal.key.pem"
registry = "pki/registry.json"
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("backend")
    authority.create(folder / "pki", ["T-1"])
    return folder


@pytest.fixture
def double(folder) -> TerminalDouble:
    return TerminalDouble(folder / "pki", "T-1")


# --- settings


def write_settings(folder: Path, text: str) -> Path:
    path = folder / f"backend-{random.getrandbits(32):08x}.toml"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('mode = "emulated"', 'mode = "test"', "mode: must be one of production, emulated"),
        ("port = 0", "port = 65536", r"listen\.port: must be a whole number"),
        ("port = 0", "port = true", r"listen\.port: must be a whole number"),
        ("port = 0", "prot = 0", r"listen\.prot: not a setting"),
        ('host = "127.0.0.1"', "", r"listen\.host: must be text"),
        ('database = "books.db"', 'database = "absent/books.db"', "database: must be in a folder that exists"),
        ("pki/backend.seal.key.pem", "pki/absent.pem", r"pki\.seal_key: must name a file"),
        ("[pki]", "[pki", "not a readable TOML file"),
    ],
)
def test_a_wrong_setting_is_named(folder, old, new, words):
    text = SETTINGS.format(database="books.db")
    assert old in text
    with pytest.raises(ConfigError, match=words):
        settings.load(write_settings(folder, text.replace(old, new)))


def start_in_process(path: Path) -> None:
    asyncio.run(serve(settings.load(path), lambda _port: pytest.fail("it serves")))


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("backend.seal.key", "backend.sign.key", "pki.seal_key: must be the private key"),
        ("backend.sign.key", "agent.sign.key", "pki.sign_key: must be the private key"),
        ("pki/backend.key.pem", "pki/broker.key.pem", "must be PEM files that belong together"),
        ("backend.sign.key.pem", "ca.cert.pem", "no readable P-256 private key"),
    ],
)
def test_keys_that_do_not_fit_are_refused_at_start(folder, old, new, words):
    with pytest.raises(ConfigError, match=words):
        start_in_process(write_settings(folder, SETTINGS.format(database="x.db").replace(old, new)))


def test_the_test_authority_is_refused_in_production(folder):
    text = SETTINGS.format(database="x.db")
    with pytest.raises(TestAuthorityRefused):
        start_in_process(write_settings(folder, text.replace('"emulated"', '"production"')))
    with pytest.raises(TestAuthorityRefused):  # production is what is meant when nothing is said
        start_in_process(write_settings(folder, text.replace('mode = "emulated"', "")))


# --- the server


class Server:
    """The backend in a process of its own."""

    def __init__(self, folder: Path, database: str) -> None:
        self._folder = folder
        self._settings = write_settings(folder, SETTINGS.format(database=database))
        self.log = folder / f"{database}.log"
        self.start()

    def start(self) -> None:
        command = [sys.executable, "-c", "from tools.backend.cli import app; app()", "run", "--json", "--config"]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [*command, str(self._settings)], cwd=ROOT, stdout=subprocess.PIPE, stderr=log, text=True
            )
        guard = threading.Timer(READY_S, self.process.kill)
        guard.start()
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        guard.cancel()
        assert line, self.log.read_text()
        ready = json.loads(line)
        assert ready["ready"] is True
        self.port = ready["port"]

    def end(self, number: signal.Signals) -> int:
        self.process.send_signal(number)
        assert self.process.stdout is not None
        self.process.stdout.close()
        return self.process.wait(READY_S)

    def connect(self, name: str | None = "agent") -> http.client.HTTPSConnection:
        pki = self._folder / "pki"
        context = ssl.create_default_context(cafile=pki / "ca.cert.pem")
        if name is not None:
            context.load_cert_chain(pki / f"{name}.cert.pem", pki / f"{name}.key.pem")
        return http.client.HTTPSConnection("127.0.0.1", self.port, timeout=READY_S, context=context)

    def request(self, method: str, path: str, body: bytes | None = None, name: str = "agent") -> tuple[int, bytes]:
        connection = self.connect(name)
        try:
            connection.request(method, path, body, {"Content-Type": "application/cbor"})
            response = connection.getresponse()
            return response.status, response.read()
        finally:
            connection.close()

    def post(self, *tokens: bytes) -> list[Answer]:
        status, body = self.request("POST", "/v1/attestations", batch(*tokens))
        assert status == 200
        response = cbor.decode(body, 2**20)
        assert response[1] == "backend"
        return [self.read(receipt) for receipt in response[2]]

    def read(self, token: bytes) -> Answer:
        """Verified with the backend's registered key."""
        sign = Registry.load(self._folder / "pki" / "registry.json").backend.sign
        parsed = envelope.parse(token)
        assert parsed.kid == sign.kid and parsed.typ is None
        envelope.verify(parsed, sign.public_key)
        receipt = attestation.parse_receipt(parsed.payload)
        assert receipt.issuer == "backend" and receipt.ueid is None
        [answer] = receipt.answers
        return answer

    def books(self) -> dict[str, Any]:
        status, body = self.request("GET", "/v1/books")
        assert status == 200
        return json.loads(body)


def batch(*tokens: bytes, agent_id: str = "agent") -> bytes:
    return cbor.encode({1: agent_id, 2: [{1: token, 2: 1767225600} for token in tokens]})


@pytest.fixture(scope="module")
def server(folder) -> Iterator[Server]:
    server = Server(folder, "server.db")
    yield server
    assert server.end(signal.SIGTERM) == 0, server.log.read_text()


@pytest.fixture
def own_server(folder, request) -> Iterator[Server]:
    server = Server(folder, f"{request.node.name}.db")
    yield server
    with suppress(ProcessLookupError):
        server.process.kill()
    server.process.wait(READY_S)


def test_a_batch_over_https_gets_signed_receipts_in_its_order(server, double):
    good, refusal = double.next_token(order_id="https-1"), double.next_token(reason="card-expired")
    receipts = server.post(good, b"garbage", refusal, good)
    assert [receipt.verdict for receipt in receipts] == [
        Verdict.STORED, Verdict.REFUSED, Verdict.STORED, Verdict.DUPLICATE,
    ]  # fmt: skip
    assert [receipt.reason for receipt in receipts] == [None, "token-malformed", None, None]
    assert receipts[0].token_sha256 == receipts[3].token_sha256 == envelope.parse(good).sha256
    assert receipts[0].cti == receipts[3].cti != b"" and receipts[1].cti == b""
    books = server.books()
    assert (books["registrations"], books["refusals"], books["rejected"]) == (
        1,
        {"card-expired": 1},
        {"token-malformed": 1},
    )
    assert books["duplicate_receipts"] == 1


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}",
        cbor.encode({1: "agent", 2: []}),
        cbor.encode({1: "agent"}),
        cbor.encode({1: "agent", 2: [{1: b"x"}]}),
        cbor.encode({1: "agent", 2: [{1: "x", 2: 0}]}),
        cbor.encode({1: "agent", 2: [{1: b"x", 2: True}]}),
        cbor.encode({1: "agent", 2: [{1: b"x", 2: -1}]}),
        cbor.encode({1: "agent", 2: [{1: b"x", 2: 0, 3: 0}]}),
        cbor.encode({1: b"agent", 2: [{1: b"x", 2: 0}]}),
        cbor.encode({1: "agent", 2: [{1: b"x", 2: 0}] * 257}),
        cbor.encode({1: "agent", 2: [{1: b"x", 2: 0}]}) + b"\x00",
        bytes(2**20 + 1),
    ],
    ids=range(13),
)
def test_a_batch_that_cannot_be_read_is_named(server, body):
    status, answer = server.request("POST", "/v1/attestations", body)
    assert (status, json.loads(answer)) == (400, {"code": "batch-malformed"})


def test_the_largest_batch_is_taken(server):
    tokens = [bytes([n % 256]) * 4000 for n in range(256)]
    assert len(server.post(*tokens)) == 256


def test_another_agent_id_is_unknown(server):
    status, answer = server.request("POST", "/v1/attestations", batch(b"x", agent_id="other"))
    assert (status, json.loads(answer)) == (403, {"code": "agent-unknown"})


@pytest.mark.parametrize(("method", "path"), [("POST", "/v1/attestations"), ("GET", "/v1/books")])
def test_a_certificate_of_another_name_is_no_agent(server, terminal_client, method, path):
    status, answer = server.request(method, path, batch(b"x") if method == "POST" else None, name=terminal_client)
    assert (status, json.loads(answer)) == (403, {"code": "agent-unknown"})


@pytest.fixture(scope="module")
def terminal_client(folder) -> str:
    """A terminal's own certificate, as PEM; its name in the folder."""
    source, target = folder / "pki" / "devices" / "T-1", folder / "pki" / "tls"
    target.mkdir()
    certificate = x509.load_der_x509_certificate((source / "tls.cert.der").read_bytes())
    key = serialization.load_der_private_key((source / "tls.key.der").read_bytes(), None)
    (target / "T-1.cert.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    (target / "T-1.key.pem").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return "tls/T-1"


def test_nobody_without_a_certificate_gets_an_answer(server):
    connection = server.connect(name=None)
    with pytest.raises((ssl.SSLError, ConnectionError, http.client.RemoteDisconnected)):
        connection.request("GET", "/v1/books")
        connection.getresponse()
    connection.close()


def test_plain_http_gets_no_answer(server):
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=READY_S)
    with pytest.raises((ConnectionError, http.client.HTTPException)):
        connection.request("GET", "/v1/books")
        connection.getresponse()
    connection.close()


def test_when_the_books_cannot_be_written_nothing_is_decided(own_server, double, folder, request):
    token = double.next_token()
    with sqlite3.connect(folder / f"{request.node.name}.db", isolation_level=None) as other:
        other.execute("BEGIN IMMEDIATE")
        status, answer = own_server.request("POST", "/v1/attestations", batch(token))
        assert (status, json.loads(answer)) == (503, {"code": "store-fault"})
        other.execute("ROLLBACK")
    assert own_server.post(token)[0].verdict is Verdict.STORED


def test_sigterm_ends_it_cleanly(own_server):
    assert own_server.end(signal.SIGTERM) == 0


def test_a_port_that_is_taken_is_a_configuration_error(server, folder):
    text = SETTINGS.format(database="taken.db").replace("port = 0", f"port = {server.port}")
    with pytest.raises(ConfigError, match=f"listen: cannot listen on 127.0.0.1 port {server.port}"):
        start_in_process(write_settings(folder, text))


def test_kill_9_between_requests_loses_nothing_that_was_receipted(own_server, double):
    tokens = []
    for _ in range(3):
        tokens.append(double.next_token())
        assert own_server.post(tokens[-1])[0].verdict is Verdict.STORED
        own_server.end(signal.SIGKILL)
        own_server.start()
    assert {receipt.verdict for receipt in own_server.post(*tokens)} == {Verdict.DUPLICATE}
    assert (own_server.books()["registrations"], own_server.books()["gaps"]) == (3, 0)


def test_kill_9_in_the_middle_of_requests_loses_nothing_that_was_receipted(own_server, double):
    seed = int(os.environ.get("SHIMING_SEED", random.getrandbits(32)))
    print("seed", seed)
    source = random.Random(seed)
    tokens = [double.next_token() for _ in range(60)]
    stored: set[bytes] = set()
    for _ in range(4):
        pending = [token for token in tokens if token not in stored]
        killer = threading.Timer(source.uniform(0.0, 0.06), own_server.process.kill)
        killer.start()
        with suppress(OSError, http.client.HTTPException):
            for at in range(0, len(pending), 4):
                chunk = pending[at : at + 4]
                own_server.post(*chunk)
                stored.update(chunk)
        killer.join()
        own_server.end(signal.SIGKILL)
        own_server.start()
        books = own_server.books()
        assert books["evidence"] >= len(stored)
    for at in range(0, len(tokens), 20):
        assert {receipt.verdict for receipt in own_server.post(*tokens[at : at + 20])} <= {
            Verdict.STORED,
            Verdict.DUPLICATE,
        }
    books = own_server.books()
    assert (books["registrations"], books["registrations_per_order_max"], books["gaps"]) == (60, 1, 0)


def test_nothing_personal_and_no_secret_is_in_the_log(folder, server):
    text = "".join(path.read_text() for path in folder.glob("*.log"))
    for secret in (citizen_number(), MSISDN, "测试甲", "测试地址", "PRIVATE KEY"):
        assert secret not in text
