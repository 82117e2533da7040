"""The terminal's settings and keys, as the technician's tool leaves them on flash.

`/config.json` holds what may be read by anyone; `/secret/` the TLS key and, on boards without a secure element, the
attestation key. A wrong setting stops the start with its name, before a customer is asked for anything.
"""

import hashlib
import json
import os
from binascii import hexlify, unhexlify
from collections import namedtuple

from terminal import cose, p256
from terminal.errors import ConfigInvalid, KeyInvalid

Config = namedtuple(
    "Config",
    (
        "device",  # id = common name of the certificate = MQTT client id
        "tenant",
        "ueid",  # 17 bytes, RFC 9711 §4.2.1
        "channel",  # 渠道统一标识 this terminal is bound to
        "oemid",
        "hwmodel",
        "hwversion",
        "broker_host",
        "broker_port",
        "broker_name",  # name the broker's certificate must carry
        "agent_kid",
        "agent_point",  # (x, y): signs orders and receipts
        "backend_kid",
        "backend_point",  # (x, y): identity data is sealed to it
        "face",  # what a registration must have: "match" with the card's picture, "live", or "none"
        "language",  # of the screen until somebody presses the button: "zh" or "en"
        "custody",  # of the attestation key: "software", which lies on flash, or "element"
    ),
)

Secrets = namedtuple("Secrets", ("ca", "tls_cert", "tls_key", "attest_key"))

# In the order of Secrets. With a secure element there is no last one.
SECRET_FILES = ("/secret/ca.der", "/secret/tls.cert.der", "/secret/tls.key.der", "/secret/attest.key")


def load(path: str = "/config.json") -> Config:
    """Raises ConfigInvalid naming the key."""
    try:
        with open(path) as file:
            raw = json.load(file)
    except OSError:
        raise ConfigInvalid("config.json is missing") from None
    except ValueError:
        raise ConfigInvalid("config.json is not JSON") from None
    return parse(raw)


def parse(raw: dict) -> Config:
    device, tenant = _name(raw, "device"), _name(raw, "tenant")
    agent_kid, agent_point = _key(raw, "agent")
    backend_kid, backend_point = _key(raw, "backend")
    port = _item(raw, "broker.port")
    if not isinstance(port, int) or not 1 <= port <= 65535:
        raise ConfigInvalid("broker.port: 1 to 65535")
    face = _item(raw, "face.require") if "face" in raw else "match"
    if face not in ("match", "live", "none"):
        raise ConfigInvalid("face.require: match, live or none")
    language = raw.get("language", "zh")
    if language not in ("zh", "en"):
        raise ConfigInvalid("language: zh or en")
    custody = raw.get("custody", "software")
    if custody not in ("software", "element"):
        raise ConfigInvalid("custody: software or element")
    return Config(
        device,
        tenant,
        _hex(raw, "ueid", 17),
        _text(raw, "channel", 32),
        _hex(raw, "oemid", 16),
        _text(raw, "hwmodel", 32).encode(),
        _text(raw, "hwversion", 32),
        _text(raw, "broker.host", 253),
        port,
        _text(raw, "broker.name", 253),
        agent_kid,
        agent_point,
        backend_kid,
        backend_point,
        face,
        language,
        custody,
    )


def fingerprint(path: str = "/config.json") -> str:
    """Of the file, whatever is in it: 16 hexadecimal digits, "missing" without one."""
    try:
        with open(path, "rb") as file:
            return hexlify(hashlib.sha256(file.read()).digest()[:8]).decode()
    except OSError:
        return "missing"


def load_secrets(custody: str) -> Secrets:
    """Raises ConfigInvalid naming the file; never its content."""
    found = []
    for path in SECRET_FILES:
        if custody == "element" and path == SECRET_FILES[-1]:
            found.append(b"")
            break
        try:
            with open(path, "rb") as file:
                found.append(file.read())
        except OSError:
            raise ConfigInvalid(path + " is missing") from None
        if not found[-1]:
            raise ConfigInvalid(path + " is empty")
    return Secrets(*found)


def keep(path: str, content: bytes) -> None:
    """Written new, then renamed: a power cut leaves the old file or the new one. Raises OSError."""
    with open(path + ".new", "wb") as file:
        file.write(content)
    os.rename(path + ".new", path)


def content(path: str) -> bytes:
    """b"" where there is no such file. Raises OSError."""
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError as error:
        if error.errno != 2:
            raise
        return b""


def _item(raw: dict, dotted: str) -> object:
    value: object = raw
    for key in dotted.split("."):
        if not isinstance(value, dict) or key not in value:
            raise ConfigInvalid(dotted + " is missing")
        value = value[key]
    return value


def _text(raw: dict, dotted: str, most: int) -> str:
    value = _item(raw, dotted)
    if not isinstance(value, str) or not 1 <= len(value) <= most:
        raise ConfigInvalid("%s: text of 1 to %d characters" % (dotted, most))
    return value


def _name(raw: dict, dotted: str) -> str:
    """A level of every topic."""
    value = _text(raw, dotted, 32)
    if not all("a" <= char <= "z" or "A" <= char <= "Z" or "0" <= char <= "9" or char == "-" for char in value):
        raise ConfigInvalid(dotted + ": letters, digits and '-' only")
    return value


def _hex(raw: dict, dotted: str, size: int) -> bytes:
    try:
        value = unhexlify(_text(raw, dotted, 2 * size))
    except ValueError:
        value = b""
    if len(value) != size:
        raise ConfigInvalid("%s: %d bytes in hexadecimal" % (dotted, size))
    return value


def _key(raw: dict, dotted: str) -> tuple:
    """(kid, point). A key that does not hold would show only once a customer's card is read."""
    kid = _hex(raw, dotted + ".kid", cose.KID_BYTES)
    try:
        point = p256.decode_point(b"\x04" + _hex(raw, dotted + ".x", 32) + _hex(raw, dotted + ".y", 32))
    except KeyInvalid:
        raise ConfigInvalid(dotted + ": x and y are no point of P-256") from None
    if cose.key_id(point) != kid:
        raise ConfigInvalid(dotted + ".kid: of another key")
    return kid, point
