"""Devices and certificates that are shut out while everything runs: on every hop, without a restart."""

import http.client
import json
import shutil
import signal
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from typer.testing import CliRunner

from host_agent import config, link, mosquitto, revocation
from host_agent.attestation import Verdict
from host_agent.broker import EmbeddedBroker
from host_agent.errors import ConfigError
from host_agent.registry import HISTORY_NAME, Registry
from host_agent.revocation import CrlInvalid, Revocations
from tests.host_agent.rig import DEADLINE_S, SHIMING, Client, Rig, wait_until
from tests.host_agent.shop import Shop
from tests.host_agent.test_broker import connect_packet, is_shut_out
from tests.host_agent.test_delivery import needs_mosquitto, start_broker
from tools.cli import app
from tools.pki import authority
from tools.pki import revocation as pki_revocation

NOT_AUTHORISED = 0x87
UNSPECIFIED = x509.ReasonFlags.unspecified


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("made") / "pki"
    authority.create(folder, ["t-0001", "t-0002"])
    return folder


@pytest.fixture
def rig(made: Path, tmp_path: Path) -> Iterator[Rig]:
    """With an authority of the test's own: it is changed."""
    rig = Rig(Path(shutil.copytree(made, tmp_path / "pki")), tmp_path)
    yield rig
    rig.close()


def device(rig: Rig, *arguments: str, party: str = "agent") -> None:
    command = [party, "device", *arguments, "--reason", "test", "--by", "officer"]
    result = CliRunner().invoke(app, [*command, "--config", str(rig.folder / f"{party}.toml")])
    assert result.exit_code == 0, result.output


def revoke(rig: Rig, name: str) -> int:
    return pki_revocation.revoke(rig.pki, name, UNSPECIFIED)


# --- devices, at a running agent


def verdict_of(shop: Shop, order_id: str) -> tuple[Verdict, str | None]:
    shop.agent.order(order_id)
    token = shop.evidence(order_id)
    shop.send(token)
    receipt = shop.receipt_for(token)
    return receipt.verdict, receipt.reason


def test_suspended_terminal_is_refused_by_the_running_agent_and_taken_again_when_resumed(rig: Rig) -> None:
    shop = Shop(rig)
    assert verdict_of(shop, "order-1") == (Verdict.STORED, None)
    shop.agent.order("order-2")
    token = shop.evidence("order-2")
    device(rig, "suspend", "t-0001")
    wait_until(lambda: "devices or certificates have changed" in shop.agent.log(), "the agent to notice")
    assert shop.client.is_connected, "a suspended terminal is to hear of its release"
    shop.send(token)
    receipt = shop.receipt_for(token)
    assert (receipt.verdict, receipt.reason) == (Verdict.REFUSED, "device-suspended")
    assert shop.agent.ask("POST", "/v1/orders", {"order_id": "o", "device": "t-0001", "msisdn": "1"})[1]["code"] == (
        "device-suspended"
    )
    device(rig, "resume", "t-0001")
    wait_until(lambda: shop.agent.log().count("devices or certificates have changed") == 2, "the agent to notice")
    assert verdict_of(shop, "order-3") == (Verdict.STORED, None)


@pytest.mark.parametrize("state", ["revoke", "retire"])
def test_open_connection_of_a_revoked_terminal_is_ended_and_none_is_accepted(rig: Rig, state: str) -> None:
    shop = Shop(rig)
    other = rig.client("t-0002", shop.agent.mqtt_port).connect()
    began = time.monotonic()
    device(rig, state, "t-0001")
    wait_until(lambda: not shop.client.is_connected, "the connection to end")
    assert time.monotonic() - began < DEADLINE_S < 60, "within a minute"
    assert rig.client("t-0001", shop.agent.mqtt_port).connect().code == NOT_AUTHORISED
    assert other.is_connected
    assert f"device-{state}d" in shop.agent.log()


def test_broker_in_a_process_of_its_own_ends_the_connection_too(rig: Rig) -> None:
    start_broker(rig, "alone")
    client = rig.client("t-0001", rig.settings["broker"]["port"]).connect()
    device(rig, "revoke", "t-0001")
    wait_until(lambda: not client.is_connected, "the connection to end")
    assert rig.client("t-0001", rig.settings["broker"]["port"]).connect().code == NOT_AUTHORISED


def test_damaged_or_shortened_history_changes_nothing_and_is_told(rig: Rig) -> None:
    shop = Shop(rig)
    device(rig, "suspend", "t-0001")
    wait_until(lambda: "have changed" in shop.agent.log(), "the agent to notice")
    path = rig.pki / HISTORY_NAME
    sound = path.read_bytes()
    path.write_bytes(sound + b"rubbish\n")
    wait_until(lambda: "history-invalid" in shop.agent.status()["troubles"], "the trouble to be told")
    path.unlink()
    wait_until(lambda: "history-truncated" in shop.agent.status()["troubles"], "the trouble to be told")
    _, answer = shop.agent.ask("POST", "/v1/orders", {"order_id": "o", "device": "t-0001", "msisdn": "1"})
    assert answer["code"] == "device-suspended"
    path.write_bytes(sound)
    wait_until(lambda: not {"history-invalid", "history-truncated"} & set(shop.agent.status()["troubles"]), "all well")
    shop.agent.stop()
    path.unlink()
    failed = subprocess.run(
        [*SHIMING, "agent", "run", "--config", rig.write_config()], capture_output=True, text=True, check=False
    )
    assert failed.returncode == 1 and "history-truncated (E5102)" in failed.stderr


def test_running_backend_takes_over_states_and_refuses_a_suspended_terminals_evidence(rig: Rig) -> None:
    backend = rig.start_backend()
    shop = Shop(rig)
    shop.agent.order("order-1")
    # The backend's registry is its own: the agent still takes what the backend refuses.
    own = rig.folder / "own"
    shutil.copytree(rig.pki, own)
    backend.stop()
    text = (rig.folder / "backend.toml").read_text().replace(f"{rig.pki}/registry.json", f"{own}/registry.json")
    (rig.folder / "backend.toml").write_text(text.replace("port = 0", f"port = {backend.ready['port']}"))
    again = rig.start(*SHIMING, "backend", "run", "--config", str(rig.folder / "backend.toml"), "--json")
    device(rig, "suspend", "t-0001", party="backend")
    wait_until(lambda: "have changed" in again.log(), "the backend to notice")
    shop.send(shop.evidence("order-1"))
    wait_until(lambda: shop.agent.order_state("order-1") == ("refused", "device-suspended"), "the backend's word")


# --- certificates


@pytest.fixture
def broker(rig: Rig) -> Iterator[EmbeddedBroker]:
    broker = EmbeddedBroker(config.load(rig.write_config()).broker, "agent")
    broker.start()
    yield broker
    broker.stop()


def test_revoked_certificate_is_refused_in_the_handshake(rig: Rig, broker: EmbeddedBroker) -> None:
    assert not is_shut_out(broker, rig.tls("t-0001"), connect_packet("t-0001"))
    revoke(rig, "t-0001")
    assert broker.revocations.refresh()
    assert is_shut_out(broker, rig.tls("t-0001"), connect_packet("t-0001"))
    assert not is_shut_out(broker, rig.tls("t-0002"), connect_packet("t-0002"))


def test_every_later_list_counts_however_soon_it_comes(rig: Rig, broker: EmbeddedBroker) -> None:
    for name in ("t-0001", "t-0002", "agent"):
        revoke(rig, name)
        broker.revocations.refresh()
    for name in ("t-0001", "t-0002", "agent"):
        assert is_shut_out(broker, rig.tls(name), connect_packet(name)), name


def test_resumed_session_of_a_revoked_certificate_is_refused(rig: Rig, broker: EmbeddedBroker) -> None:
    """OpenSSL checks no certificate in a resumed handshake."""
    tls = rig.tls("t-0001")
    tls.maximum_version = ssl.TLSVersion.TLSv1_2  # its session is there at once
    session = handshake(broker, tls, None)
    assert session is not None
    revoke(rig, "t-0001")
    broker.revocations.refresh()
    with connection(broker, tls, session) as sock:
        assert sock.session_reused
        sock.sendall(connect_packet("t-0001"))
        assert sock.recv(4) == bytes.fromhex("20020005")


def handshake(broker: EmbeddedBroker, tls: ssl.SSLContext, session: ssl.SSLSession | None) -> ssl.SSLSession | None:
    with connection(broker, tls, session) as sock:
        return sock.session


def connection(broker: EmbeddedBroker, tls: ssl.SSLContext, session: ssl.SSLSession | None) -> ssl.SSLSocket:
    plain = socket.create_connection(("localhost", broker.port), DEADLINE_S)
    return tls.wrap_socket(plain, server_hostname="localhost", session=session)


def test_open_connection_with_a_revoked_certificate_is_ended_by_the_running_agent(rig: Rig) -> None:
    shop = Shop(rig)
    revoke(rig, "t-0001")
    wait_until(lambda: not shop.client.is_connected, "the connection to end")
    assert "certificate-revoked" in shop.agent.log()


def test_backend_refuses_the_agents_revoked_certificate_and_takes_a_new_one(rig: Rig) -> None:
    backend = rig.start_backend()
    held = http.client.HTTPSConnection("127.0.0.1", backend.ready["port"], context=rig.tls("agent"), timeout=DEADLINE_S)
    held.request("GET", "/v1/books")
    first = held.getresponse()
    first.read()
    assert first.status == 200
    revoke(rig, "agent")
    wait_until(lambda: "have changed" in backend.log(), "the backend to notice")
    held.request("GET", "/v1/books")
    answer = held.getresponse()
    assert (answer.status, json.loads(answer.read())) == (403, {"code": "certificate-revoked"}), "the open connection"
    fresh = http.client.HTTPSConnection(
        "127.0.0.1", backend.ready["port"], context=rig.tls("agent"), timeout=DEADLINE_S
    )
    with pytest.raises((ssl.SSLError, ConnectionError)):
        fresh.request("GET", "/v1/books")
        fresh.getresponse()


def test_agent_sends_nothing_to_a_backend_whose_certificate_is_revoked(rig: Rig) -> None:
    rig.start_backend()
    shop = Shop(rig)
    shop.agent.order("order-1")
    shop.send(shop.evidence("order-1"))
    wait_until(lambda: shop.agent.order_state("order-1")[0] == "accepted", "delivery")
    revoke(rig, "backend")
    wait_until(lambda: "have changed" in shop.agent.log(), "the agent to notice")
    shop.agent.order("order-2")
    shop.send(shop.evidence("order-2"))
    wait_until(lambda: "backend-unreachable" in shop.agent.status()["troubles"], "no delivery")
    assert shop.agent.order_state("order-2")[0] == "attested", "kept"


def test_agent_leaves_a_broker_whose_certificate_is_revoked(rig: Rig) -> None:
    start_broker(rig, "alone")
    agent = rig.start_agent()
    wait_until(lambda: agent.status()["broker_connected"], "a connection")
    revoke(rig, "broker")
    wait_until(lambda: "link-down" in agent.status()["troubles"], "the agent to leave")
    assert agent.status()["broker_connections"] == 1


@needs_mosquitto
def test_mosquitto_checks_the_list_and_reads_it_again_at_a_hangup(rig: Rig) -> None:
    broker = start_broker(rig, "mosquitto")
    assert broker is not None
    assert f"crlfile {rig.pki}/ca.crl.pem\n" in (rig.folder / "mosquitto" / mosquitto.CONFIG_NAME).read_text()
    port = rig.settings["broker"]["port"]
    assert rig.client("t-0001", port).connect().code == 0
    revoke(rig, "t-0001")
    broker.process.send_signal(signal.SIGHUP)
    wait_until(lambda: not can_connect(rig, "t-0001", port), "mosquitto to read the list")
    assert can_connect(rig, "t-0002", port)


def can_connect(rig: Rig, name: str, port: int) -> bool:
    client = Client(name, port, rig.tls(name))
    try:
        return client.connect().code == 0
    except OSError:
        return False
    finally:
        client.close()


# --- the list itself


def test_list_that_cannot_be_used_is_refused_at_the_start_by_its_code(rig: Rig, tmp_path: Path) -> None:
    authority.create(tmp_path / "other", [])
    for content in (b"", b"text", (tmp_path / "other" / "ca.crl.pem").read_bytes()):
        (rig.pki / "ca.crl.pem").write_bytes(content)
        with pytest.raises(CrlInvalid):
            Revocations(rig.pki / "ca.crl.pem", rig.pki / "ca.cert.pem")
    failed = subprocess.run(
        [*SHIMING, "agent", "run", "--config", rig.write_config()], capture_output=True, text=True, check=False
    )
    assert failed.returncode == 2 and "crl-invalid (E5105)" in failed.stderr


def test_bad_or_older_list_does_not_replace_the_one_in_force(rig: Rig) -> None:
    path = rig.pki / "ca.crl.pem"
    older = path.read_bytes()
    serial = revoke(rig, "t-0001")
    lists = Revocations(path, rig.pki / "ca.cert.pem")
    assert lists.serials == {serial}
    for content in (older, b"", path.read_bytes()[:-40]):
        path.write_bytes(content)
        with pytest.raises(CrlInvalid):
            lists.refresh()
        assert lists.serials == {serial}


def test_list_that_expires_while_it_is_in_force_is_told(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    lists = Revocations(rig.pki / "ca.crl.pem", rig.pki / "ca.cert.pem")
    assert lists.refresh() is False
    later = datetime.now(UTC) + pki_revocation.LIFE + timedelta(days=1)
    monkeypatch.setattr(revocation, "datetime", type("Clock", (datetime,), {"now": classmethod(lambda *_: later)}))
    with pytest.raises(CrlInvalid, match="expired"):
        lists.refresh()


def test_revoking_again_or_nobody_changes_no_list(rig: Rig) -> None:
    serial = revoke(rig, "t-0001")
    before = (rig.pki / "ca.crl.pem").read_bytes()
    assert revoke(rig, "t-0001") == serial and (rig.pki / "ca.crl.pem").read_bytes() == before
    with pytest.raises(ConfigError, match="t-0009: no certificate"):
        revoke(rig, "t-0009")


def test_revoke_command_says_what_it_did(rig: Rig) -> None:
    result = CliRunner().invoke(app, ["pki", "revoke", str(rig.pki), "t-0002", "--reason", "key-compromise", "--json"])
    assert result.exit_code == 0
    listed = x509.load_pem_x509_crl((rig.pki / "ca.crl.pem").read_bytes())
    entry = listed.get_revoked_certificate_by_serial_number(int(json.loads(result.stdout)["serial"], 16))
    assert entry is not None
    assert entry.extensions.get_extension_for_class(x509.CRLReason).value.reason is x509.ReasonFlags.key_compromise


def test_without_a_list_nothing_is_revoked(rig: Rig) -> None:
    lists = Revocations(None, rig.pki / "ca.cert.pem")
    context = link.client_context(
        rig.pki / "ca.cert.pem", rig.pki / "agent.cert.pem", rig.pki / "agent.key.pem", "backend"
    )
    lists.guard(context)
    assert not context.verify_flags & ssl.VerifyFlags.VERIFY_CRL_CHECK_LEAF and lists.refresh() is False
    assert Registry.load(rig.pki / "registry.json").refresh() is False
