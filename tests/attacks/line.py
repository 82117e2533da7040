"""The embedded broker behind its gate, the agent at it, and whoever comes."""

import contextlib
import socket
import ssl
import struct
from typing import Any

import pytest

from host_agent import config
from host_agent.broker import EmbeddedBroker, server_context
from host_agent.registry import Registry
from tests.host_agent.rig import DEADLINE_S, Client, Rig
from tests.host_agent.test_broker import connect_packet, is_shut_out


class Line:
    def __init__(self, rig: Rig, caplog: pytest.LogCaptureFixture) -> None:
        self.rig = rig
        self.registry = Registry.load(rig.pki / "registry.json")
        self.broker = EmbeddedBroker(config.load(rig.write_config()).broker, "agent", self.registry)
        self.broker.start()
        self._log = caplog
        self.agent = self.come("agent")
        self.agent.subscribe("rnr/#")

    def close(self) -> None:
        self.rig.close()
        self.broker.stop()

    def come(self, name: str, client_id: str | None = None, **options: Any) -> Client:
        """Somebody with the certificate of `name`."""
        return self.rig.client(name, self.broker.port, client_id, **options).connect()

    def is_shut_out(self, tls: ssl.SSLContext, client_id: str = "t-0001") -> bool:
        return is_shut_out(self.broker, tls, connect_packet(client_id))

    def handshake_error(self, tls: ssl.SSLContext) -> str:
        """Why the broker's TLS refuses this client, in OpenSSL's words: on the wire an alert does not tell."""
        server_in, server_out = ssl.MemoryBIO(), ssl.MemoryBIO()
        context = server_context(config.load(self.rig.write_config()).broker)
        server = context.wrap_bio(server_in, server_out, server_side=True)
        client = tls.wrap_bio(server_out, server_in, server_hostname="localhost")
        for side in (client, server, client, server):
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                continue
            except ssl.SSLError as error:
                return str(error)
        return ""

    def refusals(self) -> list[str]:
        """What the broker has logged of them: the reason, or else what was refused."""
        records = [record for record in self._log.records if record.name == "shiming.broker"]
        refused = [record for record in records if record.getMessage().endswith(" refused")]
        return [getattr(record, "reason", record.getMessage().replace(" ", "-")) for record in refused]

    def publish_raw(self, name: str, topic: bytes, payload: bytes) -> None:
        """Past a client library that knows what a topic may be, up to the broker's answer."""
        with (
            socket.create_connection(("localhost", self.broker.port), DEADLINE_S) as plain,
            self.rig.tls(name).wrap_socket(plain, server_hostname="localhost") as sock,
        ):
            sock.sendall(connect_packet(name))
            assert sock.recv(4) == bytes.fromhex("20020000")
            body = struct.pack(">H", len(topic)) + topic + b"\x00\x01" + payload
            sock.sendall(bytes([0x32, len(body)]) + body)
            sock.shutdown(socket.SHUT_WR)
            with contextlib.suppress(ConnectionError):
                while sock.recv(64):  # up to the end: the broker has read everything
                    pass

    def greet_raw(self, name: str, will: tuple[str, bytes]) -> int:
        """The return code of the CONNACK to a will that no client library would send."""
        with (
            socket.create_connection(("localhost", self.broker.port), DEADLINE_S) as plain,
            self.rig.tls(name).wrap_socket(plain, server_hostname="localhost") as sock,
        ):
            sock.sendall(connect_packet(name, will=will))
            return sock.recv(4)[3]

    def settled(self) -> list[tuple[str, bytes]]:
        """All that has reached the agent, once an honest message of t-0003 has come through behind it."""
        honest = self.come("t-0003")
        honest.publish("rnr/v1/demo/t-0003/up/evi", b"honest")
        self.agent.wait_for("/t-0003/up/evi")
        return [(arrival.topic, arrival.payload) for arrival in list(self.agent.arrivals)]
