"""What the tests of the agent are made with: its configuration, its process, and MQTT clients in place of terminals."""

import json
import os
import select
import signal
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from paho.mqtt import client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from host_agent import attestation, envelope
from host_agent.attestation import Evidence, Receipt
from host_agent.registry import Registry
from host_agent.store import Store

DEADLINE_S = 30
NOW = 1_800_000_000
SHIMING = (sys.executable, "-m", "tools.cli")
AGENT = (*SHIMING, "agent")


def wait_until(condition: Callable[[], Any], what: str, timeout_s: float = DEADLINE_S) -> Any:
    """The first true value of the condition."""
    end = time.monotonic() + timeout_s
    while not (value := condition()):
        assert time.monotonic() < end, f"waited in vain for: {what}"
        time.sleep(0.01)
    return value


class Rig:
    def __init__(self, pki: Path, folder: Path) -> None:
        self.pki = pki
        self.folder = folder
        self.registry = Registry.load(pki / "registry.json")
        self.settings: dict[str, dict[str, Any]] = {
            "agent": {"id": "agent", "registry": str(pki / "registry.json")},
            "broker": {
                "host": "127.0.0.1",
                "port": 0,
                "ca": str(pki / "ca.cert.pem"),
                "certificate": str(pki / "broker.cert.pem"),
                "key": str(pki / "broker.key.pem"),
                "crl": str(pki / "ca.crl.pem"),
            },
            "mqtt": {"certificate": str(pki / "agent.cert.pem"), "key": str(pki / "agent.key.pem")},
            "sign": {"key": str(pki / "agent.sign.key.pem")},
            "store": {"path": "agent.db", "min_free_bytes": 0},
            "backend": {
                "url": "https://localhost:9",  # the discard port: nobody there
                "ca": str(pki / "ca.cert.pem"),
                "certificate": str(pki / "agent.cert.pem"),
                "key": str(pki / "agent.key.pem"),
                "crl": str(pki / "ca.crl.pem"),
            },
            "orders": {"port": 0},
        }
        self._closing: list[Callable[[], None]] = []

    def close(self) -> None:
        for close in reversed(self._closing):
            close()

    def write_config(self, name: str = "agent.toml", mode: str = "emulated") -> Path:
        lines = [f'mode = "{mode}"']
        for table, values in self.settings.items():
            lines += [f"[{table}]", *(f"{key} = {json.dumps(value)}" for key, value in values.items())]
        path = self.folder / name
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        return path

    def start_agent(self, program: tuple[str, ...] = AGENT) -> "AgentProcess":
        agent = AgentProcess(program, self.write_config())
        self._closing.append(agent.stop)
        agent.wait_ready()
        # The next start finds the terminals where the last one had them.
        self.settings["broker"]["port"] = agent.mqtt_port
        return agent

    def start(self, *command: str) -> "Part":
        """Another part of the system; ready once it says so."""
        part = Part(command, self.folder / "parts.log")
        self._closing.append(part.stop)
        return part

    def start_backend(self) -> "Part":
        path = self.write_backend_config()
        backend = self.start(*SHIMING, "backend", "run", "--config", str(path), "--json")
        self.settings["backend"]["url"] = f"https://localhost:{backend.ready['port']}"
        return backend

    def write_backend_config(self) -> Path:
        path = self.folder / "backend.toml"
        path.write_text(
            f"""
            mode = "emulated"
            database = "backend.db"
            [listen]
            host = "127.0.0.1"
            port = 0
            [pki]
            ca = "{self.pki}/ca.cert.pem"
            certificate = "{self.pki}/backend.cert.pem"
            key = "{self.pki}/backend.key.pem"
            sign_key = "{self.pki}/backend.sign.key.pem"
            seal_key = "{self.pki}/backend.seal.key.pem"
            registry = "{self.pki}/registry.json"
            crl = "{self.pki}/ca.crl.pem"
            """,
            encoding="utf-8",
        )
        return path

    def client(self, name: str, port: int, client_id: str | None = None, **options: Any) -> "Client":
        client = Client(client_id or name, port, self.tls(name), **options)
        self._closing.append(client.close)
        return client

    def tls(self, name: str | None) -> ssl.SSLContext:
        """The context of the agent, of a device, or of somebody without a certificate."""
        context = ssl.create_default_context(cafile=str(self.pki / "ca.cert.pem"))
        if name == "agent":
            context.load_cert_chain(self.pki / "agent.cert.pem", self.pki / "agent.key.pem")
        elif name is not None:
            context.load_cert_chain(self._device_pem(name))
        return context

    def _device_pem(self, device_id: str) -> Path:
        """A device has DER; Python reads PEM only."""
        path = self.folder / f"{device_id}.pem"
        if not path.exists():
            source = self.pki / "devices" / device_id
            certificate = x509.load_der_x509_certificate((source / "tls.cert.der").read_bytes())
            key = serialization.load_der_private_key((source / "tls.key.der").read_bytes(), password=None)
            path.write_bytes(
                certificate.public_bytes(serialization.Encoding.PEM)
                + key.private_bytes(
                    serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
                )
            )
        return path


class Part:
    """A process that says on standard output, in JSON, when it is ready."""

    def __init__(self, command: tuple[str, ...], log: Path, *, is_patient: bool = False) -> None:
        self._log_path = log
        self._log = log.open("ab")
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=self._log)
        self.ready: dict[str, Any] = {} if is_patient else self.wait_ready()

    def wait_ready(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        assert select.select([self.process.stdout], [], [], DEADLINE_S)[0], "it did not get ready"
        line = self.process.stdout.readline()
        assert line, f"it ended: {self.log()}"
        return json.loads(line)

    def log(self) -> str:
        return self._log_path.read_text()

    def wait_ended(self) -> int:
        return self.process.wait(DEADLINE_S)

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(DEADLINE_S)

    def stop(self) -> int:
        if self.process.poll() is None:
            self.process.terminate()
        try:
            return self.process.wait(DEADLINE_S)
        finally:
            self.process.kill()
            if self.process.stdout:
                self.process.stdout.close()
            self._log.close()


class AgentProcess(Part):
    def __init__(self, program: tuple[str, ...], config: Path) -> None:
        self.folder = config.parent
        command = (*program, "run", "--config", str(config), "--json")
        super().__init__(command, config.parent / "agent.log", is_patient=True)
        self.mqtt_port = self.orders_port = 0

    def wait_ready(self) -> dict[str, Any]:
        self.ready = super().wait_ready()
        self.mqtt_port, self.orders_port = self.ready["mqtt_port"], self.ready["orders_port"]
        return self.ready

    def ask(self, method: str, path: str, body: Any = None, token: str | None = None) -> tuple[int, dict[str, Any]]:
        if token is None:
            token = (self.folder / "orders.token").read_text().strip()
        connection = HTTPConnection("127.0.0.1", self.orders_port, timeout=DEADLINE_S)
        content = body if isinstance(body, bytes | None) else json.dumps(body)
        connection.request(method, path, content, {"Authorization": f"Bearer {token}"})
        response = connection.getresponse()
        return response.status, json.loads(response.read())

    def order(self, order_id: str, device: str = "t-0001", msisdn: str = "17000000001") -> dict[str, Any]:
        status, answer = self.ask("POST", "/v1/orders", {"order_id": order_id, "device": device, "msisdn": msisdn})
        assert status == 201, answer
        return answer

    def order_state(self, order_id: str) -> tuple[str, str | None]:
        answer = self.ask("GET", f"/v1/orders/{order_id}")[1]
        return answer["state"], answer["code"]

    def status(self) -> dict[str, Any]:
        return self.ask("GET", "/v1/status")[1]


@dataclass(frozen=True, slots=True)
class Arrival:
    topic: str
    payload: bytes
    is_retained: bool


@dataclass
class Client:
    """paho as a terminal, or as whoever pretends to be one. `code` is that of the CONNACK."""

    client_id: str
    port: int
    tls: ssl.SSLContext
    will: tuple[str, bytes] | None = None
    clean_session: bool = True
    keepalive_s: int = 30
    arrivals: list[Arrival] = field(default_factory=list)
    code: int | None = None
    is_connected: bool = False
    granted: list[int] | None = None

    def __post_init__(self) -> None:
        client = mqtt.Client(
            CallbackAPIVersion.VERSION2,
            client_id=self.client_id,
            clean_session=self.clean_session,
            reconnect_on_failure=False,
        )
        client.tls_set_context(self.tls)
        client.on_connect = self._on_connect
        client.on_disconnect = self._on_disconnect
        client.on_subscribe = self._on_subscribe
        client.on_message = self._on_message
        if self.will:
            client.will_set(*self.will, qos=1, retain=True)
        self._client = client
        self._acknowledged = threading.Semaphore(0)
        client.on_publish = lambda *_: self._acknowledged.release()

    def connect(self) -> "Client":
        """Up to the broker's word; raises OSError when TLS does not let it come to that."""
        self._client.connect("localhost", self.port, self.keepalive_s)
        self._client.loop_start()
        wait_until(lambda: self.code is not None or not self._client.socket(), "CONNACK")
        return self

    def subscribe(self, *filters: str) -> list[int]:
        self.granted = None
        self._client.subscribe([(name, 1) for name in filters])
        return wait_until(lambda: self.granted, "SUBACK")

    def publish(self, topic: str, payload: bytes, *, qos: int = 1, retain: bool = False) -> None:
        """Up to the PUBACK, for QoS 1."""
        self._client.publish(topic, payload, qos=qos, retain=retain)
        assert self._acknowledged.acquire(timeout=DEADLINE_S), "no PUBACK"

    def send(self, topic: str, payload: bytes) -> None:
        self._client.publish(topic, payload, qos=1)

    def wait_for(self, topic_end: str, count: int = 1) -> list[bytes]:
        def found() -> list[bytes] | None:
            payloads = [arrival.payload for arrival in list(self.arrivals) if arrival.topic.endswith(topic_end)]
            return payloads if len(payloads) >= count else None

        return wait_until(found, f"{count} messages on {topic_end}")

    def drop(self) -> None:
        """As if the cable had been pulled: no DISCONNECT."""
        sock = self._client.socket()
        assert sock is not None
        os.close(sock.detach())

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def _on_connect(self, _client: Any, _data: Any, _flags: Any, reason: Any, _more: Any) -> None:
        self.code = reason.value
        self.is_connected = not reason.is_failure

    def _on_disconnect(self, *_: Any) -> None:
        self.is_connected = False

    def _on_subscribe(self, _client: Any, _data: Any, _mid: Any, reasons: list[Any], _more: Any) -> None:
        self.granted = [reason.value for reason in reasons]

    def _on_message(self, _client: Any, _data: Any, message: mqtt.MQTTMessage) -> None:
        self.arrivals.append(Arrival(message.topic, bytes(message.payload), message.retain))


def enter(store: Store, token: bytes, code: str | None = None) -> Evidence:
    """Into the store as the agent does it, without asking its policy. Inside a transaction."""
    sealed = envelope.parse(token)
    evidence = attestation.parse_evidence(sealed.payload)
    store.add_evidence(
        evidence,
        device="t-0001",
        kid=sealed.kid,
        sha256=sealed.sha256,
        payload_sha256=sealed.payload_sha256,
        token=token,
        code=code,
        received_at=NOW,
    )
    return evidence


def read_receipt(token: bytes, registry: Registry) -> Receipt:
    """Verified as a terminal does it."""
    sealed = envelope.parse(token)
    assert sealed.kid == registry.agent.kid
    envelope.verify(sealed, registry.agent.public_key)
    receipt = attestation.parse_receipt(sealed.payload)
    assert receipt.issuer == registry.agent.id
    return receipt
