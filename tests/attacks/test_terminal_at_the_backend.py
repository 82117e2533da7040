"""A terminal that goes past the agent."""

import http.client
import json

from host_agent import cbor
from tests.attacks.bench import Attack, Bench
from tests.attacks.line import Line
from tests.host_agent.rig import DEADLINE_S, Rig

ATTACK = Attack(
    has="a terminal's certificate, which is of the authority that the backend trusts",
    does="delivers to the backend himself, where no agent has asked for an order",
    code="agent-unknown",
    check="tools/backend/app.py:Backend._authenticate",
)


def test_terminal_at_the_backend(line: Line, bench: Bench) -> None:
    port = line.rig.start_backend().ready["port"]
    request = cbor.encode({1: "agent", 2: [{1: bench.token(), 2: 1}]})
    assert answer(line.rig, "t-0001", port, request) == (403, ATTACK.code)
    assert answer(line.rig, "agent", port, b"") == (400, "batch-malformed"), "the agent itself is heard"


def answer(rig: Rig, name: str, port: int, request: bytes) -> tuple[int, str]:
    connection = http.client.HTTPSConnection("localhost", port, timeout=DEADLINE_S, context=rig.tls(name))
    connection.request("POST", "/v1/attestations", request)
    response = connection.getresponse()
    return response.status, json.loads(response.read())["code"]
