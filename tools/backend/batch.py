"""What agent and backend exchange over HTTPS (PROTOCOL.md section 7): bytes in, values out."""

from typing import Any

from host_agent import cbor
from host_agent.errors import TokenRefused
from host_agent.typed import MAX_UINT

MAX_BYTES = 1024 * 1024
MAX_ITEMS = 256


def parse_request(body: bytes) -> tuple[str, list[bytes]]:
    """The agent's id and the tokens; when the agent received them is its own affair, but has to be said."""
    try:
        request = cbor.decode(body, MAX_BYTES)
    except TokenRefused as error:
        raise TokenRefused("batch-malformed") from error
    match request:
        case {1: str() as agent_id, 2: [_, *_] as items} if len(request) == 2 and len(items) <= MAX_ITEMS:
            return agent_id, [_parse_item(item) for item in items]
    raise TokenRefused("batch-malformed")


def build_response(backend_id: str, receipts: list[bytes]) -> bytes:
    return cbor.encode({1: backend_id, 2: receipts})


def _parse_item(item: Any) -> bytes:
    match item:
        case {1: bytes() as token, 2: int() as received_at} if len(item) == 2:
            if not isinstance(received_at, bool) and 0 <= received_at <= MAX_UINT:
                return token
    raise TokenRefused("batch-malformed")
