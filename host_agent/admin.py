"""The agent's HTTP interface on loopback: orders from the point of sale, and the agent's own state.

Every request carries the bearer token of `orders.token`, a file that only the agent's user can read.
"""

import asyncio
import hmac
import json
import logging
import secrets
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from aiohttp import web

from host_agent.config import OrdersConfig
from host_agent.errors import ConfigError, ShimingError
from host_agent.key_changes import KeyChanges, Stage
from host_agent.key_tables import KeyChange
from host_agent.orders import OrderRefused, Orders
from host_agent.reserve import Reserve, Wanted
from host_agent.store import OrderRow, Store, StoreFault

log = logging.getLogger("shiming.admin")

BODY_MAX_BYTES = 262_144  # a reserve of 2 000 orders
RESERVE_ITEMS = 2000
TOKEN_BYTES = 32
SHUTDOWN_S = 5  # for requests under way; aiohttp would give half a request a minute
STATUS_OF_CODE = {
    "device-unknown": 404,
    "order-unknown": 404,
    "alarm-unknown": 404,
    "rotation-unasked": 404,
    "order-conflict": 409,
    "reserve-full": 409,
    "rotation-pending": 409,
    "not-authorised": 401,
    "store-full": 503,
    "store-fault": 503,
}

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Admin:
    def __init__(
        self,
        orders: Orders,
        reserve: Reserve,
        key_changes: KeyChanges,
        store: Store,
        status: Callable[[], dict[str, Any]],
        take_off: Callable[[str, str], int],
        config: OrdersConfig,
    ) -> None:
        self._orders = orders
        self._reserve = reserve
        self._key_changes = key_changes
        self._store = store
        self._status = status
        self._take_off = take_off
        self._config = config
        self._token = load_token(config.token, make=True)
        self._runner: web.AppRunner | None = None
        self.port = config.port

    async def start(self) -> None:
        app = web.Application(middlewares=[self._guard], client_max_size=BODY_MAX_BYTES)
        app.router.add_post("/v1/orders", self._post_order)
        app.router.add_get("/v1/orders/{order_id}", self._get_order)
        app.router.add_post("/v1/reserves", self._post_reserve)
        app.router.add_post("/v1/devices/{device}/key", self._post_key)
        app.router.add_get("/v1/devices/{device}/key", self._get_key)
        app.router.add_get("/v1/status", self._get_status)
        app.router.add_delete("/v1/alarms/{device}/{code}", self._delete_alarms)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=SHUTDOWN_S)
        await self._runner.setup()
        try:
            await web.TCPSite(self._runner, self._config.host, self._config.port).start()
        except OSError as error:
            raise ConfigError(f"orders.host, orders.port: cannot listen there ({error.strerror})") from error
        self.port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    @web.middleware
    async def _guard(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            given = request.headers.get("Authorization", "").encode(errors="surrogateescape")
            if not hmac.compare_digest(given, f"Bearer {self._token}".encode()):
                raise OrderRefused("not-authorised", "the bearer token is missing or wrong")
            return await handler(request)
        except (OrderRefused, StoreFault) as error:
            body = {"code": error.code, "message": str(error)}
            return web.json_response(body, status=STATUS_OF_CODE.get(error.code, 400))

    async def _post_order(self, request: web.Request) -> web.Response:
        order_id, device, msisdn, channel = _read_order(await _read_json(request))
        row, is_new = await asyncio.to_thread(self._orders.create, order_id, device, msisdn, channel)
        if is_new:
            self._orders.wake(row.device)
        return web.json_response(_shown(row), status=201 if is_new else 200)

    async def _post_reserve(self, request: web.Request) -> web.Response:
        device, wanted = _read_reserve(await _read_json(request))
        rows, is_new = await asyncio.to_thread(self._reserve.create, device, wanted)
        if is_new:
            self._orders.wake(device)
        answer = {"device": device, "orders": [_shown(row) for row in rows]}
        return web.json_response(answer, status=201 if is_new else 200)

    async def _get_order(self, request: web.Request) -> web.Response:
        row = await asyncio.to_thread(self._store.order, request.match_info["order_id"])
        if row is None:
            raise OrderRefused("order-unknown", "there is no such order")
        return web.json_response(_shown(row))

    async def _post_key(self, request: web.Request) -> web.Response:
        delay_s, overlap_s = _read_key_request(await _read_json(request))
        asked = await asyncio.to_thread(self._key_changes.ask, request.match_info["device"], delay_s, overlap_s)
        self._key_changes.wake(request.match_info["device"])
        log.warning("new key asked for", extra={"device": request.match_info["device"]})
        return web.json_response(_shown_key(*asked), status=201)

    async def _get_key(self, request: web.Request) -> web.Response:
        found = await asyncio.to_thread(self._key_changes.look, request.match_info["device"])
        return web.json_response(_shown_key(*found))

    async def _get_status(self, _request: web.Request) -> web.Response:
        return web.json_response(await asyncio.to_thread(self._status))

    async def _delete_alarms(self, request: web.Request) -> web.Response:
        device, code = request.match_info["device"], request.match_info["code"]
        taken_off = await asyncio.to_thread(self._take_off, device, code)
        if not taken_off:
            raise OrderRefused("alarm-unknown", f"{device} has no alarm {code} that can be taken off")
        log.warning("alarms taken off", extra={"device": device, "code": code, "times": taken_off})
        return web.json_response({"device": device, "code": code, "taken_off": taken_off})


def load_token(path: Path, *, make: bool = False) -> str:
    """The bearer token; made at the agent's first start."""
    try:
        if make and not path.exists():
            _make_token(path)
        token = path.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"orders.token: {path} cannot be read; the agent makes it at its first start") from error
    if len(token) < TOKEN_BYTES:
        raise ConfigError(f"orders.token: {path} must hold at least {TOKEN_BYTES} characters; delete it for a new one")
    return token


def _make_token(path: Path) -> None:
    """Whole or not at all: a start that is killed here must not leave an empty file to the next one."""
    fresh = path.with_name(path.name + ".new")
    fresh.unlink(missing_ok=True)
    fresh.touch(mode=0o600)
    fresh.write_text(secrets.token_urlsafe(TOKEN_BYTES) + "\n", encoding="ascii")
    fresh.replace(path)


async def _read_json(request: web.Request) -> dict[str, Any]:
    try:
        body = json.loads(await request.read())
    except (ValueError, RecursionError, web.HTTPRequestEntityTooLarge) as error:
        raise OrderRefused("request-malformed", "the body must be a JSON object") from error
    if not isinstance(body, dict):
        raise OrderRefused("request-malformed", "the body must be a JSON object")
    return body


def _read_order(body: dict[str, Any]) -> tuple[str, str, str, str | None]:
    for key in body:
        if key not in ("order_id", "device", "msisdn", "channel"):
            raise OrderRefused("request-malformed", "allowed are order_id, device, msisdn, channel")
    for key in ("order_id", "device", "msisdn"):
        if not isinstance(body.get(key), str):
            raise OrderRefused("request-malformed", f"{key} must be text")
    channel = body.get("channel")
    if channel is not None and not isinstance(channel, str):
        raise OrderRefused("request-malformed", "channel must be text")
    return body["order_id"], body["device"], body["msisdn"], channel


def _read_reserve(body: dict[str, Any]) -> tuple[str, list[Wanted]]:
    match body:
        case {"device": str() as device, "orders": [_, *_] as orders} if len(body) == 2:
            if len(orders) > RESERVE_ITEMS:
                raise OrderRefused("request-malformed", f"orders: {RESERVE_ITEMS} at most")
            return device, [_read_wanted(order) for order in orders]
    raise OrderRefused("request-malformed", "device must be text, orders a list that is not empty; nothing else")


def _read_wanted(order: Any) -> Wanted:
    match order:
        case {"order_id": str() as order_id, "msisdn": str() as msisdn} if len(order) == 2:
            return Wanted(order_id, msisdn)
    raise OrderRefused("request-malformed", "each order has order_id and msisdn, both text, and nothing else")


def _read_key_request(body: dict[str, Any]) -> tuple[int, int]:
    values = (body.get("delay_s"), body.get("overlap_s"))
    if set(body) != {"delay_s", "overlap_s"} or any(type(value) is not int for value in values):
        raise OrderRefused("request-malformed", "delay_s and overlap_s must be integers, and nothing else is allowed")
    return body["delay_s"], body["overlap_s"]


def _shown_key(change: KeyChange, stage: Stage) -> dict[str, Any]:
    return {
        "device": change.device,
        "state": str(stage),
        "kid": change.kid.hex(),
        "new_kid": change.new_kid.hex() if change.new_kid is not None else None,
        "from": change.begins,
        "to": change.ends,
        "statement": change.statement.hex() if change.statement is not None else None,
    }


def _shown(row: OrderRow) -> dict[str, Any]:
    """Without the number to register: whoever asks has it already."""
    return {
        "order_id": row.order_id,
        "device": row.device,
        "channel": row.channel,
        "sheet": row.sheet,
        "state": row.state,
        "code": row.code,
        "nonce": row.nonce.hex(),
        "cti": row.cti.hex() if row.cti is not None else None,
        "issued_at": row.iat,
        "expires_at": row.exp,
    }


def error_of(answer: object) -> ShimingError:
    """What a client of this interface makes of an answer that is an error."""
    if isinstance(answer, dict) and isinstance(answer.get("code"), str):
        return OrderRefused(answer["code"], str(answer.get("message", "")))
    return OrderRefused("internal", "the agent gave an answer that cannot be understood")
