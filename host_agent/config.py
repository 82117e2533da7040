"""agent.toml: every key checked at start, so that a mistake shows before the first customer and not during one.

Paths are relative to the file. A wrong value is refused with its dotted name and what is allowed; so is an unknown key.
"""

import ipaddress
import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, cast
from urllib.parse import urlsplit

from host_agent import keys
from host_agent.errors import ConfigError
from host_agent.face import PERMILLE
from host_agent.policy import FacePolicy, FirmwarePolicy, Requirement, ReservePolicy, Version, parse_version

Mode = Literal["production", "emulated"]

ID_PATTERN = re.compile(r"[A-Za-z0-9-]{1,32}")
DIGEST_PATTERN = re.compile(r"[0-9a-f]{64}")
MIB = 1024 * 1024
DAY_S = 86_400


@dataclass(frozen=True, slots=True)
class AgentConfig:
    id: str
    registry: Path


@dataclass(frozen=True, slots=True)
class BrokerConfig:
    embedded: bool
    host: str
    port: int
    ca: Path
    certificate: Path | None
    key: Path | None
    crl: Path | None = None


@dataclass(frozen=True, slots=True)
class MqttConfig:
    certificate: Path
    key: Path
    canary_s: int


@dataclass(frozen=True, slots=True)
class SignConfig:
    key: Path


@dataclass(frozen=True, slots=True)
class StoreConfig:
    path: Path
    max_bytes: int
    min_free_bytes: int


@dataclass(frozen=True, slots=True)
class BackendConfig:
    url: str
    ca: Path
    certificate: Path
    key: Path
    batch_items: int
    crl: Path | None = None


@dataclass(frozen=True, slots=True)
class OrdersConfig:
    host: str
    port: int
    token: Path
    nonce_life_s: int


@dataclass(frozen=True, slots=True)
class ReserveConfig:
    """Orders that a terminal is given before it needs them, and what proves that they were answered in time."""

    orders_max: int
    life_s: int
    epoch_s: int
    policy: ReservePolicy


@dataclass(frozen=True, slots=True)
class Config:
    mode: Mode
    agent: AgentConfig
    broker: BrokerConfig
    mqtt: MqttConfig
    sign: SignConfig
    store: StoreConfig
    backend: BackendConfig
    orders: OrdersConfig
    reserve: ReserveConfig
    face: FacePolicy
    firmware: FirmwarePolicy

    @property
    def is_emulated(self) -> bool:
        return self.mode == "emulated"


def load(path: Path) -> Config:
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read ({error.strerror})") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: not TOML ({error})") from error
    return _read(_Table("", document, path.parent))


def read_face(values: object) -> FacePolicy:
    """The table [face], which the backend's settings have too."""
    return _read_face(_Table("", {"face": values}, Path()).table("face"))


def read_firmware(values: object) -> FirmwarePolicy:
    """The table [firmware], which the backend's settings have too."""
    return _read_firmware(_Table("", {"firmware": values}, Path()).table("firmware"))


def _read(root: "_Table") -> Config:
    mode = cast(Mode, root.choice("mode", ("production", "emulated"), "production"))
    agent = root.table("agent")
    broker = root.table("broker")
    mqtt = root.table("mqtt")
    sign = root.table("sign")
    store = root.table("store")
    backend = root.table("backend")
    orders = root.table("orders")
    embedded = broker.flag("embedded", True)
    config = Config(
        mode=mode,
        agent=AgentConfig(id=agent.identifier("id"), registry=agent.file("registry")),
        broker=BrokerConfig(
            embedded=embedded,
            host=broker.text("host", "127.0.0.1"),
            port=broker.integer("port", 0 if embedded else 1, 65535, 8883),
            ca=broker.file("ca"),
            certificate=broker.file("certificate") if embedded else broker.optional_file("certificate"),
            key=broker.file("key") if embedded else broker.optional_file("key"),
            crl=broker.optional_file("crl"),
        ),
        mqtt=MqttConfig(
            certificate=mqtt.file("certificate"),
            key=mqtt.file("key"),
            canary_s=mqtt.integer("canary_s", 4, 3600, 60),
        ),
        sign=SignConfig(key=sign.file("key")),
        store=StoreConfig(
            path=store.new_file("path"),
            max_bytes=store.integer("max_bytes", MIB, 2**46, 4096 * MIB),
            min_free_bytes=store.integer("min_free_bytes", 0, 2**46, 64 * MIB),
        ),
        backend=BackendConfig(
            url=backend.https_url("url"),
            ca=backend.file("ca"),
            certificate=backend.file("certificate"),
            key=backend.file("key"),
            batch_items=backend.integer("batch_items", 1, 256, 64),
            crl=backend.optional_file("crl"),
        ),
        orders=OrdersConfig(
            host=orders.loopback("host", "127.0.0.1"),
            port=orders.integer("port", 0, 65535, 8080),
            token=orders.new_file("token", "orders.token"),
            nonce_life_s=orders.integer("nonce_life_s", 30, 86400, 300),
        ),
        reserve=_read_reserve(root.table("reserve")),
        face=_read_face(root.table("face")),
        firmware=_read_firmware(root.table("firmware")),
    )
    for table in (agent, broker, mqtt, sign, store, backend, orders, root):
        table.refuse_the_rest()
    for name, ca in (("broker.ca", config.broker.ca), ("backend.ca", config.backend.ca)):
        _check_authority(name, ca, config.is_emulated)
    return config


def _read_face(face: "_Table") -> FacePolicy:
    policy = FacePolicy(
        require=cast(Requirement, face.choice("require", ("match", "live", "none"), "match")),
        match_min_permille=face.integers("match_min", *PERMILLE),
        models=face.digests("models"),
    )
    face.refuse_the_rest()
    return policy


def _read_reserve(reserve: "_Table") -> ReserveConfig:
    config = ReserveConfig(
        orders_max=reserve.integer("orders_max", 0, 2000, 200),
        life_s=reserve.integer("life_s", 3600, 31 * DAY_S, 7 * DAY_S),
        epoch_s=reserve.integer("epoch_s", 10, 86400, 300),
        policy=ReservePolicy(
            grace_s=reserve.integer("grace_s", 0, 31 * DAY_S, 7 * DAY_S),
            epoch_age_max_s=reserve.optional_integer("epoch_age_max_s", 60, 31 * DAY_S),
        ),
    )
    reserve.refuse_the_rest()
    return config


def _read_firmware(firmware: "_Table") -> FirmwarePolicy:
    policy = FirmwarePolicy(firmware.version("minimum"))
    firmware.refuse_the_rest()
    return policy


def _check_authority(name: str, ca: Path, emulated: bool) -> None:
    try:
        keys.refuse_test_authority(ca.read_bytes(), emulated)
    except ConfigError as error:
        raise ConfigError(f"{name}: {error}") from error
    except OSError as error:
        raise ConfigError(f"{name}: cannot be read ({error.strerror})") from error


_MISSING = object()


class _Table:
    """One table of the file; remembers which keys were asked for, so that the others can be refused."""

    def __init__(self, name: str, values: dict[str, Any], folder: Path) -> None:
        self._name = name
        self._values = values
        self._folder = folder
        self._known: set[str] = set()

    def table(self, key: str) -> "_Table":
        values = self._take(key, {})
        if not isinstance(values, dict):
            raise self._wrong(key, f"must be a table, [{key}]")
        return _Table(f"{self._name}.{key}" if self._name else key, values, self._folder)

    def text(self, key: str, default: object = _MISSING) -> str:
        value = self._take(key, default)
        if not isinstance(value, str) or not value:
            raise self._wrong(key, "must be text that is not empty")
        return value

    def identifier(self, key: str) -> str:
        value = self.text(key)
        if not ID_PATTERN.fullmatch(value):
            raise self._wrong(key, "must be 1 to 32 of the characters A-Z a-z 0-9 -")
        return value

    def choice(self, key: str, allowed: tuple[str, ...], default: str) -> str:
        value = self._take(key, default)
        if value not in allowed:
            raise self._wrong(key, "must be one of " + ", ".join(f'"{item}"' for item in allowed))
        return value

    def flag(self, key: str, default: bool) -> bool:
        value = self._take(key, default)
        if not isinstance(value, bool):
            raise self._wrong(key, "must be true or false")
        return value

    def integer(self, key: str, low: int, high: int, default: int) -> int:
        value = self._take(key, default)
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise self._wrong(key, f"must be a whole number from {low} to {high}")
        return value

    def optional_integer(self, key: str, low: int, high: int) -> int | None:
        return self.integer(key, low, high, low) if key in self._values else None

    def integers(self, key: str, low: int, high: int) -> dict[str, int]:
        """A table whose keys are free."""
        table = self.table(key)
        return {name: table.integer(name, low, high, low) for name in table._values}

    def version(self, key: str) -> Version | None:
        if key not in self._values:
            return None
        version = parse_version(self.text(key))
        if version is None:
            raise self._wrong(key, 'must be three numbers, such as "0.1.0"')
        return version

    def digests(self, key: str) -> frozenset[bytes]:
        values = self._take(key, [])
        if not isinstance(values, list) or not all(isinstance(v, str) and DIGEST_PATTERN.fullmatch(v) for v in values):
            raise self._wrong(key, "must be an array of SHA-256 digests, 64 of 0-9 a-f each")
        return frozenset(bytes.fromhex(value) for value in values)

    def loopback(self, key: str, default: str) -> str:
        """The order API speaks plain HTTP: whoever wants it elsewhere puts a TLS proxy in front."""
        value = self.text(key, default)
        try:
            is_loopback = value == "localhost" or ipaddress.ip_address(value).is_loopback
        except ValueError:
            is_loopback = False
        if not is_loopback:
            raise self._wrong(key, "must be a loopback address, such as 127.0.0.1 or ::1")
        return value

    def https_url(self, key: str) -> str:
        value = self.text(key)
        parts = urlsplit(value)
        if parts.scheme != "https" or not parts.hostname or parts.query or parts.fragment:
            raise self._wrong(key, "must be an address such as https://backend.example:8443")
        return value.rstrip("/")

    def file(self, key: str) -> Path:
        path = self._folder / self.text(key)
        if not path.is_file():
            raise self._wrong(key, f"must name a file; there is none at {path}")
        return path

    def optional_file(self, key: str) -> Path | None:
        return self.file(key) if key in self._values else None

    def new_file(self, key: str, default: object = _MISSING) -> Path:
        path = self._folder / self.text(key, default)
        if not path.parent.is_dir():
            raise self._wrong(key, f"must be in a folder that exists; {path.parent} does not")
        if path.is_dir():
            raise self._wrong(key, f"must name a file; {path} is a folder")
        return path

    def refuse_the_rest(self) -> None:
        for key in self._values.keys() - self._known:
            raise self._wrong(key, "is not a key of this table; known: " + ", ".join(sorted(self._known)))

    def _take(self, key: str, default: object) -> Any:
        self._known.add(key)
        value = self._values.get(key, default)
        if value is _MISSING:
            raise self._wrong(key, "is missing")
        return value

    def _wrong(self, key: str, allowed: str) -> ConfigError:
        return ConfigError(f"{self._name}.{key}: {allowed}" if self._name else f"{key}: {allowed}")
