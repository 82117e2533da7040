"""Who may sign what: the devices, the agent and the backend, from `registry.json` and the history beside it.

The file holds public keys only. Everything is checked at loading, so that a slip of the pen is found at start. Devices
change while the agent runs: `refresh` reads both files again when they have changed.
"""

import json
import re
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NoReturn

from cryptography.hazmat.primitives.asymmetric import ec

from host_agent import history, keys, rotation
from host_agent.errors import ConfigError, TokenRefused
from host_agent.history import Change, Head, HistoryInvalid, Signers, Status

_ID = re.compile(r"[A-Za-z0-9-]{1,32}")
HISTORY_NAME = "registry.history"


def state_code(status: Status) -> str | None:
    """Why a device in this state registers nobody; None: it may."""
    match status:
        case Status.ACTIVE:
            return None
        case Status.SUSPENDED:
            return "device-suspended"
        case Status.REVOKED:
            return "device-revoked"
        case Status.RETIRED:
            return "device-retired"
        case Status.REGISTERED:
            return "device-inactive"


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
class DeviceKey:
    """Times are seconds since 1970; the last key has no end."""

    kid: bytes
    public_key: ec.EllipticCurvePublicKey
    valid_from: int = 0
    valid_to: int | None = None

    def is_valid_at(self, at: int) -> bool:
        return self.valid_from <= at and (self.valid_to is None or at <= self.valid_to)


@dataclass(frozen=True, slots=True)
class Device:
    id: str
    tenant: str
    ueid: bytes
    keys: tuple[DeviceKey, ...]  # oldest first
    channel: str
    status: Status

    @property
    def kid(self) -> bytes:
        """Of the newest key."""
        return self.keys[-1].kid

    def key(self, kid: bytes) -> DeviceKey | None:
        return next((key for key in self.keys if key.kid == kid), None)


@dataclass(slots=True)
class Registry:
    is_emulated: bool
    tenant: str
    agent: Agent
    backend: Backend
    devices: dict[str, Device]
    by_kid: dict[bytes, Device]
    changes: list[Change] = field(default_factory=list)
    path: Path | None = None
    _seen: tuple[object, ...] = ()

    @classmethod
    def load(cls, path: Path, known: Head | None = None) -> "Registry":
        """`known`: how far its history had come before; one that has lost something is refused."""
        seen = _look(path)
        try:
            document = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise ConfigError(f"{path}: not a readable JSON file") from error
        registry = _read_registry(_Table(document, str(path)))
        registry.path, registry._seen = path, seen
        registry._apply(history.load(path.with_name(HISTORY_NAME), registry.signers()), known)
        return registry

    def refresh(self) -> bool:
        """True if devices have changed. On an error everything stays in force as it was."""
        if self.path is None or _look(self.path) == self._seen:
            return False
        fresh = Registry.load(self.path, self.head)
        if (fresh.agent.kid, fresh.backend.sign.kid) != (self.agent.kid, self.backend.sign.kid):
            raise ConfigError(f"{self.path}: another agent or backend takes a restart")
        self.devices, self.by_kid, self.changes, self._seen = fresh.devices, fresh.by_kid, fresh.changes, fresh._seen
        return True

    @property
    def head(self) -> Head:
        return history.head_of(self.changes)

    def signers(self) -> Signers:
        """Who may write its history."""
        return {
            self.agent.kid: (self.agent.id, self.agent.public_key),
            self.backend.sign.kid: (self.backend.id, self.backend.sign.public_key),
        }

    def _apply(self, changes: list[Change], known: Head | None) -> None:
        history.check_extends(changes, known)
        for number, change in enumerate(changes, 1):
            if (device := self.devices.get(change.device)) is None:
                continue  # no longer in registry.json; what was done to it stays in the history
            try:
                self.add(changed(device, change, self))
            except TokenRefused as refused:
                raise HistoryInvalid(f"record {number} of the device history: {refused}") from refused
        self.changes = changes

    def add(self, device: Device) -> None:
        self.devices[device.id] = device
        self.by_kid |= dict.fromkeys((key.kid for key in device.keys), device)

    def tenants(self) -> list[str]:
        return sorted({device.tenant for device in self.devices.values()})

    def device(self, device_id: str) -> Device | None:
        return self.devices.get(device_id)

    def device_by_kid(self, kid: bytes) -> Device | None:
        return self.by_kid.get(kid)


def changed(device: Device, change: Change, registry: Registry) -> Device:
    """The device as it is after a change; refuses one that its state, or its keys, do not allow."""
    if change.state is not None:
        if change.state not in history.NEXT[device.status]:
            raise TokenRefused(
                "device-state-invalid", f"{device.id} is {device.status} and cannot become {change.state}"
            )
        return replace(device, status=change.state)
    assert change.statement is not None
    newest = device.keys[-1]
    new = rotation.read(change.statement, lambda kid: newest.public_key if kid == newest.kid else None)
    if new.ueid != device.ueid:
        raise TokenRefused("device-mismatch")
    if new.kid in registry.by_kid:
        raise TokenRefused("rotation-invalid", "the new key is registered already")
    ended = replace(newest, valid_to=new.old_ends)
    return replace(device, keys=(*device.keys[:-1], ended, DeviceKey(new.kid, new.public_key, new.valid_from)))


def _look(path: Path) -> tuple[object, ...]:
    """Changes whenever one of the two files does."""
    found = []
    for name in (path, path.with_name(HISTORY_NAME)):
        try:
            stat = name.stat()
            found += [stat.st_ino, stat.st_size, stat.st_mtime_ns]
        except OSError:
            found.append(None)
    return tuple(found)


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
        keys=(DeviceKey(key.kid, key.public_key),),
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
