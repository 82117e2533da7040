"""The whole agent as a process: embedded broker, real SQLite, MQTT over TLS; killed, starved of disk, lied to."""

import hashlib
import random
import resource
import socket
import sqlite3
import sys
from pathlib import Path
from typing import Any

import pytest

from host_agent import attestation
from host_agent.admin import load_token
from host_agent.attestation import Verdict
from tests.host_agent.rig import AGENT, DEADLINE_S, AgentProcess, Rig, wait_until
from tests.host_agent.shop import Shop
from tests.host_agent.terminal_double import TerminalDouble

MSISDN = "17099887766"


@pytest.fixture
def shop(rig: Rig) -> Shop:
    return Shop(rig)


# --- one registration


def test_order_goes_out_evidence_comes_in_and_is_receipted(shop: Shop) -> None:
    shop.agent.order("order-1", msisdn=MSISDN)
    order = shop.take_order("order-1")
    assert (order.msisdn, order.channel, order.ueid) == (MSISDN, shop.terminal.channel, shop.terminal.ueid)
    token = shop.evidence("order-1")
    shop.send(token)
    receipt = shop.receipt_for(token)
    assert (receipt.verdict, receipt.reason) == (Verdict.STORED, None)
    assert shop.agent.order_state("order-1") == ("attested", None)
    assert shop.agent.status()["outbox"] == 1, "kept for the backend, which is away"


def test_terminals_refusal_ends_the_order_with_its_code(shop: Shop) -> None:
    shop.agent.order("order-1")
    token = shop.evidence("order-1", reason="card-expired")
    shop.send(token)
    assert shop.receipt_for(token).verdict is Verdict.STORED
    assert shop.agent.order_state("order-1") == ("refused", "card-expired")


def test_personal_data_and_tokens_stay_out_of_the_log(shop: Shop) -> None:
    shop.agent.order("order-1", msisdn=MSISDN)
    shop.send(shop.evidence("order-1"))
    shop.send(b"garbage " + MSISDN.encode())
    wait_until(lambda: shop.agent.status()["refused"], "the refusal")
    shop.agent.stop()
    bearer = (shop.rig.folder / "orders.token").read_text().strip()
    for secret in (MSISDN, "测试甲", bearer):
        assert secret not in shop.agent.log()
    assert "token-malformed" in shop.agent.log(), "but the refusal is there"


# --- bad input gets a named error and nothing else breaks


def test_bad_input_gets_a_named_refusal_and_nothing_else_breaks(shop: Shop) -> None:
    seed = random.randrange(2**32)
    print("seed", seed)
    shop.agent.order("order-1")
    good = shop.evidence("order-1")
    wrong_profile = shop.terminal.claims() | {265: attestation.ORDER_PROFILE}
    stranger = TerminalDouble(shop.rig.pki, "t-0003")
    bad = {
        "token-malformed": [random.Random(seed).randbytes(500), good[:-1], b""],
        "token-oversized": [bytes(20_000)],
        "signature-invalid": [good[:-1] + bytes([good[-1] ^ 1])],
        "profile-unknown": [shop.terminal.sign(wrong_profile)],
        "claims-malformed": [shop.terminal.sign(shop.terminal.claims() | {7: b"short"})],
        "device-mismatch": [stranger.next_token()],
        "nonce-unknown": [shop.terminal.next_token()],
    }
    for code, payloads in bad.items():
        for payload in payloads:
            shop.send(payload)
            receipt = shop.receipt_for(payload)
            assert (receipt.verdict, receipt.reason) == (Verdict.REFUSED, code)
    shop.send(good, "rnr/v1/demo/t-0001/up/other")
    assert shop.receipt_for(good).reason == "topic-invalid"
    shop.client.arrivals.clear()
    shop.send(good)
    assert shop.receipt_for(good).verdict is Verdict.STORED
    refused = shop.agent.status()["refused"]
    assert {code: refused[code] for code in bad} == {code: len(payloads) for code, payloads in bad.items()}


def test_replayed_token_is_a_duplicate(shop: Shop) -> None:
    shop.agent.order("order-1")
    token = shop.evidence("order-1")
    shop.send(token)
    assert shop.receipt_for(token).verdict is Verdict.STORED
    shop.client.arrivals.clear()
    shop.send(token)
    assert shop.receipt_for(token).verdict is Verdict.DUPLICATE
    assert len(shop.stored()) == 1


def test_token_of_another_terminal_is_refused_for_its_thief_and_taken_from_its_owner(shop: Shop) -> None:
    shop.agent.order("order-1")
    token = shop.evidence("order-1")
    thief = Shop(shop.rig, "t-0002", shop.agent)
    thief.send(token)
    assert thief.receipt_for(token).reason == "device-mismatch"
    shop.send(token)
    assert shop.receipt_for(token).verdict is Verdict.STORED


# --- killed


def test_killed_between_commit_and_acknowledgement_stores_once(rig: Rig) -> None:
    shop = Shop(rig)
    shop.agent.order("order-1")
    token = shop.evidence("order-1")
    shop.agent.stop()
    dying = rig.start_agent((sys.executable, str(Path(__file__).with_name("dying_agent.py"))))
    shop.agent = dying
    shop.come_online()
    shop.send(token)
    assert dying.wait_ended() == -9
    assert shop.stored() == [hashlib.sha256(token).digest()], "it died after the commit"
    assert not [arrival for arrival in shop.client.arrivals if arrival.topic.endswith("/rcpt")], (
        "and before the receipt"
    )
    shop.restart()
    shop.send(token)
    assert shop.receipt_for(token).verdict is Verdict.DUPLICATE
    assert len(shop.stored()) == 1
    assert shop.agent.order_state("order-1") == ("attested", None)
    assert shop.agent.status()["outbox"] == 1


def test_order_survives_kill_9_and_is_sent_by_the_next_process(shop: Shop) -> None:
    shop.agent.order("order-1")
    first = shop.take_order("order-1")
    shop.agent.kill()
    shop.restart()
    assert shop.take_order("order-1") == first, "the same nonce"


def test_terminate_ends_cleanly_and_quickly(shop: Shop) -> None:
    assert shop.agent.stop() == 0
    assert '"event": "stopping"' in shop.agent.log()


# --- a full disk, made by the kernel: writes beyond the limit fail


def test_failing_disk_stops_acknowledgements_and_nothing_is_lost(shop: Shop) -> None:
    for number in range(6):
        shop.agent.order(f"order-{number}")
    pid = shop.agent.process.pid
    limits = resource.prlimit(pid, resource.RLIMIT_FSIZE)
    files = [shop.rig.folder / name for name in ("agent.db", "agent.db-wal")]
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (max(file.stat().st_size for file in files), limits[1]))
    tokens = []
    for number in range(4):
        tokens.append(shop.evidence(f"order-{number}"))
        shop.send(tokens[-1])
    wait_until(lambda: shop.agent.status()["store_state"] != "ok", "the agent to say so")
    assert shop.agent.status()["state"] in ("store-full", "store-fault")
    receipted = [answer.token_sha256 for answer in shop.answers()]
    assert receipted == shop.stored() and len(receipted) < 4, "a receipt for what is on disk, for nothing else"
    resource.prlimit(pid, resource.RLIMIT_FSIZE, limits)
    for token in tokens:
        assert shop.receipt_for(token).verdict is Verdict.STORED
    assert sorted(shop.stored()) == sorted(hashlib.sha256(token).digest() for token in tokens)
    wait_until(lambda: shop.agent.status()["store_state"] == "ok", "the store to be well again")


def test_store_held_by_another_process_is_waited_for(shop: Shop) -> None:
    shop.agent.order("order-1")
    token = shop.evidence("order-1")
    somebody = sqlite3.connect(shop.rig.folder / "agent.db", isolation_level=None)
    somebody.execute("BEGIN IMMEDIATE")
    shop.send(token)
    body = {"order_id": "order-2", "device": "t-0001", "msisdn": MSISDN}
    status, answer = shop.agent.ask("POST", "/v1/orders", body)
    assert (status, answer["code"]) == (503, "store-fault")
    wait_until(lambda: shop.agent.status()["store_state"] == "store-fault", "the agent to say so")
    somebody.execute("ROLLBACK")
    somebody.close()
    assert shop.receipt_for(token).verdict is Verdict.STORED
    assert "Traceback" not in shop.agent.log()


# --- the order interface


def test_order_is_idempotent_by_its_id(shop: Shop) -> None:
    first = shop.agent.order("order-1")
    body = {"order_id": "order-1", "device": "t-0001", "msisdn": "17000000001"}
    assert shop.agent.ask("POST", "/v1/orders", body) == (200, first)
    status, answer = shop.agent.ask("POST", "/v1/orders", body | {"msisdn": "17000000002"})
    assert (status, answer["code"]) == (409, "order-conflict")
    status, answer = shop.agent.ask("POST", "/v1/orders", body | {"device": "t-0002"})
    assert (status, answer["code"]) == (409, "order-conflict")


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({"device": "t-9999"}, 404, "device-unknown"),
        ({"channel": "CH-999999"}, 400, "channel-mismatch"),
        ({"msisdn": "not a number"}, 400, "request-malformed"),
        ({"msisdn": 17000000001}, 400, "request-malformed"),
        ({"order_id": "with space"}, 400, "request-malformed"),
        ({"order_id": "x" * 65}, 400, "request-malformed"),
        ({"order_id": None}, 400, "request-malformed"),
        ({"name": "no identity data here"}, 400, "request-malformed"),
    ],
)
def test_order_that_cannot_be_is_refused_by_name(
    agent: AgentProcess, change: dict[str, Any], status: int, code: str
) -> None:
    body = {"order_id": "order-x", "device": "t-0001", "msisdn": "17000000001"} | change
    answer = agent.ask("POST", "/v1/orders", body)
    assert (answer[0], answer[1]["code"]) == (status, code)
    assert agent.ask("GET", "/v1/orders/order-x")[0] == 404


@pytest.mark.parametrize("body", [b"", b"not json", b"[]", b"x" * 10_000, b"[" * 4000])
def test_body_that_is_no_order_is_refused_by_name(agent: AgentProcess, body: bytes) -> None:
    status, answer = agent.ask("POST", "/v1/orders", body)
    assert (status, answer["code"]) == (400, "request-malformed")


def test_authorisation_that_is_no_text_is_refused_without_a_trace(agent: AgentProcess) -> None:
    with socket.create_connection(("127.0.0.1", agent.orders_port), timeout=DEADLINE_S) as connection:
        connection.sendall(b"GET /v1/status HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer \xff\xfe\r\n\r\n")
        assert connection.recv(4096).startswith(b"HTTP/1.1 401 ")
    assert "Traceback" not in agent.log()


def test_half_a_request_does_not_keep_the_agent_from_ending(shop: Shop) -> None:
    token = (shop.rig.folder / "orders.token").read_text().strip()
    head = f"POST /v1/orders HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\nContent-Length: 100\r\n"
    with socket.create_connection(("127.0.0.1", shop.agent.orders_port), timeout=DEADLINE_S) as connection:
        connection.sendall(head.encode() + b"Expect: 100-continue\r\n\r\n")
        assert connection.recv(4096).startswith(b"HTTP/1.1 100 "), "the agent waits for the body"
        assert shop.agent.stop() == 0  # within DEADLINE_S


@pytest.mark.parametrize("token", ["", "wrong", "测试"])
@pytest.mark.parametrize(("method", "path"), [("POST", "/v1/orders"), ("GET", "/v1/status")])
def test_request_without_the_bearer_token_is_refused(agent: AgentProcess, method: str, path: str, token: str) -> None:
    status, answer = agent.ask(method, path, b"{}", token=token.encode().decode("latin-1"))
    assert (status, answer["code"]) == (401, "not-authorised")


def test_bearer_token_is_readable_by_its_owner_only(agent: AgentProcess) -> None:
    assert (agent.folder / "orders.token").stat().st_mode & 0o777 == 0o600


def test_start_that_is_cut_off_leaves_no_half_a_token(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def killed(_size_bytes: int) -> str:
        raise RuntimeError("killed")

    with monkeypatch.context() as patch:
        patch.setattr("secrets.token_urlsafe", killed)
        with pytest.raises(RuntimeError):
            load_token(tmp_path / "orders.token", make=True)
    assert len(load_token(tmp_path / "orders.token", make=True)) >= 32


@pytest.fixture(scope="module")
def agent(pki: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """One for all questions that change nothing."""
    rig = Rig(pki, tmp_path_factory.mktemp("agent"))
    yield rig.start_agent()
    rig.close()


def test_order_is_sent_again_when_the_terminal_comes_online(shop: Shop) -> None:
    shop.client.close()
    shop.agent.order("order-1")
    shop.come_online()
    shop.take_order("order-1")


def test_next_order_follows_as_soon_as_one_has_ended(shop: Shop) -> None:
    for number in range(6):
        shop.agent.order(f"order-{number}")
    for number in range(6):
        token = shop.evidence(f"order-{number}")
        shop.send(token)
        assert shop.receipt_for(token).verdict is Verdict.STORED
    assert len(shop.stored()) == 6


# --- configuration


@pytest.mark.parametrize(
    ("table", "key", "value", "message"),
    [
        ("agent", "id", "other", "agent.id: must be the agent of the registry"),
        ("sign", "key", "agent.key.pem", "sign.key: must be the private key of the registry's agent"),
        ("mqtt", "key", "broker.key.pem", "mqtt.certificate, mqtt.key: must be PEM files that fit together"),
        ("broker", "key", "agent.key.pem", "broker.key: must be PEM files that fit together"),
    ],
)
def test_configuration_that_does_not_fit_fails_with_the_keys_name(
    rig: Rig, table: str, key: str, value: str, message: str
) -> None:
    rig.settings[table][key] = str(rig.pki / value) if key == "key" else value
    agent = AgentProcess(AGENT, rig.write_config())
    assert agent.wait_ended() != 0
    assert message in agent.log()
