"""The settings of the backend, a TOML file; paths are relative to it.

mode = "emulated"              # or "production": refuses the test authority and development builds
database = "backend.db"
retention_key = "backend.retention.key"  # default: beside the database; never in a backup of it
[listen]
host = "127.0.0.1"
port = 0                       # 0: any free one, told on standard output
[pki]
ca = "pki/ca.cert.pem"         # who may be a client
certificate = "pki/backend.cert.pem"
key = "pki/backend.key.pem"
sign_key = "pki/backend.sign.key.pem"
seal_key = "pki/backend.seal.key.pem"
registry = "pki/registry.json"
earlier_seal_keys = "pki/seal-keys"      # folder of those whose records may still come; may be left out
crl = "pki/ca.crl.pem"         # certificates that are not let in any more; may be left out
[face]                         # these two as in agent.toml, host_agent/README.md
[firmware]
"""

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from host_agent.config import read_face, read_firmware
from host_agent.errors import ConfigError
from host_agent.policy import FacePolicy, FirmwarePolicy

MODES = ("production", "emulated")
KEYS = ("mode", "database", "retention_key", "listen.host", "listen.port") + tuple(
    f"pki.{name}"
    for name in ("ca", "certificate", "key", "sign_key", "seal_key", "earlier_seal_keys", "registry", "crl")
)


@dataclass(frozen=True, slots=True)
class Config:
    is_emulated: bool
    database: Path
    host: str
    port: int
    ca: Path
    certificate: Path
    key: Path
    sign_key: Path
    seal_key: Path
    registry: Path
    crl: Path | None
    retention_key: Path
    earlier_seal_keys: Path | None
    face: FacePolicy
    firmware: FirmwarePolicy


def load(path: Path) -> Config:
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path}: not a readable TOML file") from error
    face = read_face(document.pop("face", {}))
    firmware = read_firmware(document.pop("firmware", {}))
    values = _flatten(document)
    for key in values:
        if key not in KEYS:
            raise ConfigError(f"{key}: not a setting; allowed are {', '.join(KEYS)}")
    mode = values.get("mode", "production")
    if mode not in MODES:
        raise ConfigError(f"mode: must be one of {', '.join(MODES)}")
    port = values.get("listen.port")
    if isinstance(port, bool) or not isinstance(port, int) or not 0 <= port <= 65535:
        raise ConfigError("listen.port: must be a whole number from 0 to 65535")
    database = path.parent / _text(values, "database")
    if not database.parent.is_dir():
        raise ConfigError("database: must be in a folder that exists")
    default_key = str(Path(_text(values, "database")).with_suffix(".retention.key"))
    return Config(
        is_emulated=mode == "emulated",
        database=database,
        host=_text(values, "listen.host"),
        port=port,
        ca=_file(values, "pki.ca", path.parent),
        certificate=_file(values, "pki.certificate", path.parent),
        key=_file(values, "pki.key", path.parent),
        sign_key=_file(values, "pki.sign_key", path.parent),
        seal_key=_file(values, "pki.seal_key", path.parent),
        registry=_file(values, "pki.registry", path.parent),
        crl=_file(values, "pki.crl", path.parent) if "pki.crl" in values else None,
        retention_key=path.parent / _text({"retention_key": default_key} | values, "retention_key"),
        earlier_seal_keys=_folder(values, "pki.earlier_seal_keys", path.parent),
        face=face,
        firmware=firmware,
    )


def _flatten(document: dict[str, Any]) -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in document.items():
        if isinstance(value, dict):
            flat |= {f"{key}.{inner}": inner_value for inner, inner_value in value.items()}
        else:
            flat[key] = value
    return flat


def _text(values: dict[str, Any], key: str) -> str:
    value = values.get(key)
    if not isinstance(value, str) or not value:
        raise ConfigError(f"{key}: must be text that is not empty")
    return value


def _file(values: dict[str, Any], key: str, folder: Path) -> Path:
    path = folder / _text(values, key)
    if not path.is_file():
        raise ConfigError(f"{key}: must name a file; there is none at {path}")
    return path


def _folder(values: dict[str, Any], key: str, folder: Path) -> Path | None:
    if key not in values:
        return None
    path = folder / _text(values, key)
    if not path.is_dir():
        raise ConfigError(f"{key}: must name a folder; there is none at {path}")
    return path
