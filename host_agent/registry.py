"""Who may sign what: the devices, the agent and the backend, from `registry.json`.

The file holds public keys only. Everything is checked once at loading, so that a slip of the pen is found at start.
"""

import json
import re
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, NoReturn

from cryptography.hazmat.primitives.asymmetric import ec

from host_agent import keys
from host_agent.errors import ConfigError

_ID = re.compile(r"[A-Za-z0-9-]{1,32}")


class Status(StrEnum):
    ACTIVE = "active"
    SUSPENDED = "suspended"


@dataclass(frozen=True, slots=True)
class Key:
    kid: bytes
    public_key: ec.EllipticCurvePublicKey


@dataclass(frozen=True, slots=True)
class Agent:
    id: str
    kid: bytes
    public_key: ec.EllipticCurvePublicKey


@dataclass(frozen=True, slots=True)
class Backend:
    id: str
    sign: Key
    seal: Key


@dataclass(frozen=True, slots=True)
class Device:
    id: str
    tenant: str
    ueid: bytes
    kid: bytes
    public_key: ec.EllipticCurvePublicKey
    channel: str
    status: Status


@dataclass(frozen=True, slots=True)
class Registry:
    is_emulated: bool
    tenant: str
    agent: Agent
    backend: Backend
    devices: dict[str, Device]
    by_kid: dict[bytes, Device]

    @classmethod
    def load(cls, path: Path) -> "Registry":
        try:
            document = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise ConfigError(f"{path}: not a readable JSON file") from error
        return _read_registry(_Table(document, str(path)))

    def device(self, device_id: str) -> Device | None:
        return self.devices.get(device_id)

    def device_by_kid(self, kid: bytes) -> Device | None:
        return self.by_kid.get(kid)


def _read_registry(table: "_Table") -> Registry:
    devices = [_read_device(entry) for entry in table.tables("devices")]
    for name in ("id", "ueid", "kid"):
        if len({getattr(device, name) for device in devices}) != len(devices):
            table.refuse("devices", f"every device needs its own {name}")
    agent = table.table("agent")
    backend = table.table("backend")
    agent_key = _read_key(agent)
    return Registry(
        is_emulated=table.boolean("emulated"),
        tenant=table.identifier("tenant"),
        agent=Agent(agent.identifier("id"), agent_key.kid, agent_key.public_key),
        backend=Backend(backend.identifier("id"), _read_key(backend.table("sign")), _read_key(backend.table("seal"))),
        devices={device.id: device for device in devices},
        by_kid={device.kid: device for device in devices},
    )


def _read_device(table: "_Table") -> Device:
    key = _read_key(table)
    status = table.text("status")
    if status not in list(Status):
        table.refuse("status", "must be one of " + ", ".join(Status))
    return Device(
        id=table.identifier("id"),
        tenant=table.identifier("tenant"),
        ueid=table.hex("ueid", 17),
        kid=key.kid,
        public_key=key.public_key,
        channel=table.text("channel"),
        status=Status(status),
    )


def _read_key(table: "_Table") -> Key:
    try:
        public_key = keys.public_from_xy(table.hex("x", 32), table.hex("y", 32))
    except ValueError as error:
        raise ConfigError(f"{table.where}: x and y are not a point of the curve P-256") from error
    kid = table.hex("kid", keys.KID_BYTES)
    if kid != keys.kid_of(public_key):
        table.refuse("kid", "must be the first 8 bytes of the thumbprint of x and y")
    return Key(kid, public_key)


class _Table:
    """A JSON object that knows where it stands, so that every complaint names its key."""

    def __init__(self, value: Any, where: str) -> None:
        self.where = where
        if not isinstance(value, dict):
            raise ConfigError(f"{where}: must be an object")
        self._entries: dict[str, Any] = value

    def refuse(self, key: str, rule: str) -> NoReturn:
        raise ConfigError(f"{self.where}: {key}: {rule}")

    def table(self, key: str) -> "_Table":
        return _Table(self._entries.get(key), f"{self.where}: {key}")

    def tables(self, key: str) -> list["_Table"]:
        values = self._entries.get(key)
        if not isinstance(values, list):
            self.refuse(key, "must be an array of objects")
        return [_Table(value, f"{self.where}: {key}[{index}]") for index, value in enumerate(values)]

    def boolean(self, key: str) -> bool:
        value = self._entries.get(key)
        if not isinstance(value, bool):
            self.refuse(key, "must be true or false")
        return value

    def text(self, key: str) -> str:
        value = self._entries.get(key)
        if not isinstance(value, str) or not 1 <= len(value) <= 64:
            self.refuse(key, "must be text of 1 to 64 characters")
        return value

    def identifier(self, key: str) -> str:
        value = self._entries.get(key)
        if not isinstance(value, str) or not _ID.fullmatch(value):
            self.refuse(key, "must be 1 to 32 letters, digits or hyphens")
        return value

    def hex(self, key: str, size_bytes: int) -> bytes:
        value = self._entries.get(key)
        if not isinstance(value, str) or not re.fullmatch(r"[0-9a-fA-F]*", value) or len(value) != 2 * size_bytes:
            self.refuse(key, f"must be {2 * size_bytes} hexadecimal digits")
        return bytes.fromhex(value)
