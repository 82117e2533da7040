"""Stands between the agent and the backend, HTTPS with certificates on both sides, and spoils single requests."""

import asyncio
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto

import aiohttp
from aiohttp import web

UNANSWERED_S = 40  # longer than the agent waits


class Act(Enum):
    FAIL_BEFORE = auto()  # 500, and the backend never hears of it
    FAIL_AFTER = auto()  # 500, though the backend has taken it
    HANG = auto()  # taken, and no answer for so long that the agent gives up
    LOSE_ANSWER = auto()  # taken, and the connection breaks
    TWICE = auto()  # taken, then sent once more; the second answer counts
    BREAK_ANSWER = auto()
    DELAY = auto()


@dataclass(frozen=True, slots=True)
class Fate:
    """`at`: the place of the bit in a broken answer, in thousandths; with an odd one the answer ends there as well."""

    act: Act
    at: int = 0
    bit: int = 0
    delay_s: float = 0.0


class HttpRelay:
    """`judge()` is asked about each POST; None lets it pass."""

    def __init__(
        self,
        towards_agent: ssl.SSLContext,
        towards_backend: ssl.SSLContext,
        backend_port: int,
        judge: Callable[[], Fate | None],
    ) -> None:
        self._towards_agent = towards_agent
        self._towards_backend = towards_backend
        self._url = f"https://localhost:{backend_port}"
        self._judge = judge
        self._session: aiohttp.ClientSession | None = None
        self._runner: web.AppRunner | None = None
        self.port = 0

    async def start(self) -> None:
        self._session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=self._towards_backend))
        app = web.Application(client_max_size=2 * 1024 * 1024)
        app.router.add_route("POST", "/{path:.*}", self._post)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0, ssl_context=self._towards_agent).start()
        self.port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        if self._session is not None:
            await self._session.close()
        if self._runner is not None:
            await self._runner.cleanup()

    async def _post(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        fate = self._judge()
        if fate is not None and fate.act is Act.FAIL_BEFORE:
            return web.Response(status=500)
        try:
            answer = await self._forward(request, body)
            if fate is None:
                return answer
            if fate.act is Act.TWICE:
                return await self._forward(request, body)
        except (aiohttp.ClientError, OSError):
            return web.Response(status=502)  # the backend is down: what a gateway says
        match fate.act:
            case Act.FAIL_AFTER:
                return web.Response(status=500)
            case Act.HANG:
                await asyncio.sleep(UNANSWERED_S)
            case Act.DELAY:
                await asyncio.sleep(fate.delay_s)
                return answer
            case Act.BREAK_ANSWER:
                return web.Response(body=broken(answer.body, fate), content_type="application/cbor")
            case _:
                pass
        if request.transport is not None:  # the agent has not given up before
            request.transport.close()
        return web.Response(status=504)

    async def _forward(self, request: web.Request, body: bytes) -> web.Response:
        assert self._session is not None
        headers = {"Content-Type": request.headers.get("Content-Type", "")}
        async with self._session.post(self._url + request.path, data=body, headers=headers) as response:
            content = await response.read()
            return web.Response(status=response.status, body=content, content_type=response.content_type)


def broken(body: object, fate: Fate) -> bytes:
    assert isinstance(body, bytes)
    if not body:
        return body
    at = len(body) * fate.at // 1000
    changed = bytearray(body)
    changed[at] ^= 1 << fate.bit % 8
    return bytes(changed[:at] if fate.at % 2 else changed)
