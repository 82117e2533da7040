"""Settings: a wrong one is refused with its name."""

import os
from binascii import hexlify
from hashlib import sha256

from harness import ROOT
from terminal import config
from terminal.errors import ConfigInvalid
from terminal.signer import SoftwareSigner

SIGNER = SoftwareSigner.from_bytes(bytes(31) + b"\x07")
X, Y = SIGNER.point


def hexadecimal(value: bytes) -> str:
    return hexlify(value).decode()


POINT = {
    "kid": hexadecimal(SIGNER.kid),
    "x": hexadecimal(X.to_bytes(32, "big")),
    "y": hexadecimal(Y.to_bytes(32, "big")),
}
GOOD = {
    "device": "terminal-1",
    "tenant": "demo",
    "ueid": "01" + "ab" * 16,
    "channel": "CH-000001",
    "oemid": "cd" * 16,
    "hwmodel": "emulated",
    "hwversion": "1",
    "broker": {"host": "127.0.0.1", "port": 8883, "name": "localhost"},
    "agent": POINT,
    "backend": POINT,
}


def changed(dotted: str, value: object) -> dict:
    first, _, rest = dotted.partition(".")
    copy = dict(GOOD)
    if rest:
        copy[first] = dict(copy.get(first, {}))
        copy[first][rest] = value
    else:
        copy[first] = value
    return copy


def message(raw: object) -> str:
    try:
        config.parse(raw)
    except ConfigInvalid as error:
        return str(error)
    raise AssertionError("accepted")


def test_good_settings_are_read() -> None:
    found = config.parse(GOOD)
    assert (found.device, found.broker_port, found.ueid) == ("terminal-1", 8883, b"\x01" + b"\xab" * 16)
    assert found.agent_point == SIGNER.point


def test_missing_key_is_named() -> None:
    for dotted in ("device", "ueid", "broker.host", "agent.x"):
        first, _, rest = dotted.partition(".")
        raw = changed(dotted, None)
        del (raw[first] if rest else raw)[rest or first]
        assert message(raw).startswith(dotted)


def test_wrong_value_is_named() -> None:
    for dotted, value in (
        ("device", "a/b"),
        ("device", "x" * 33),
        ("tenant", 7),
        ("tenant", "+"),
        ("tenant", "demo/#"),
        ("ueid", "01" * 16),
        ("oemid", "zz" * 16),
        ("custody", "vault"),
        ("broker.port", 0),
        ("broker.port", "8883"),
        ("agent.kid", ""),
        ("agent.kid", "11" * 8),
        ("face.require", "maybe"),
        ("face.require", None),
        ("backend.y", "33" * 31),
        ("backend", POINT | {"x": POINT["y"]}),
    ):
        assert message(changed(dotted, value)).startswith(dotted), dotted


def test_a_match_with_the_card_is_required_unless_told_otherwise() -> None:
    assert config.parse(GOOD).face == "match"
    assert config.parse(changed("face", {"require": "live"})).face == "live"
    assert message(changed("face", {})).startswith("face.require")


def test_settings_that_are_no_map_are_refused() -> None:
    assert message([])


def test_fingerprint_is_that_of_the_file_whatever_is_in_it() -> None:
    path = ROOT + "/build/config-under-test.json"
    try:
        os.mkdir(ROOT + "/build")
    except OSError:
        pass  # is there
    for content in (b"{}", b"no JSON", b""):
        with open(path, "wb") as file:
            file.write(content)
        assert config.fingerprint(path) == hexadecimal(sha256(content).digest()[:8]), content
    os.remove(path)
    assert config.fingerprint(path) == "missing"
