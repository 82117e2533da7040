import json
from enum import Enum

import pytest

from host_agent.errors import ConfigError
from host_agent.registry import Registry, Status
from tools.pki import authority

REMOVED = Enum("Mark", "REMOVED").REMOVED  # its name stands in the tests' names


@pytest.fixture(scope="module")
def document(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pki")
    authority.create(folder, ["T-1", "T-2"], tenant="shop", channel="CH-7")
    return json.loads((folder / "registry.json").read_text())


def load(tmp_path, document) -> Registry:
    path = tmp_path / "registry.json"
    path.write_text(document if isinstance(document, str) else json.dumps(document), encoding="utf-8")
    return Registry.load(path)


def test_devices_are_found_by_id_and_by_key(tmp_path, document):
    registry = load(tmp_path, document)
    device = registry.device("T-2")
    assert device is not None and registry.device_by_kid(device.kid) is device
    assert (device.tenant, device.channel, device.status, len(device.ueid)) == ("shop", "CH-7", Status.ACTIVE, 17)
    assert registry.device("T-3") is None and registry.device_by_kid(bytes(8)) is None
    assert (
        registry.is_emulated and registry.agent.id == "agent" and registry.backend.seal.kid != registry.backend.sign.kid
    )


def test_a_suspended_device_is_known_as_such(tmp_path, document):
    changed = json.loads(json.dumps(document))
    changed["devices"][0]["status"] = "suspended"
    device = load(tmp_path, changed).device("T-1")
    assert device is not None and device.status is Status.SUSPENDED


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        (("emulated",), "yes", "emulated: must be true or false"),
        (("emulated",), REMOVED, "emulated: must be true or false"),
        (("tenant",), "a/b", "tenant: must be"),
        (("agent",), REMOVED, "agent: must be an object"),
        (("agent", "id"), "", "agent: id: must be"),
        (("agent", "kid"), "00" * 8, "agent: kid: must be the first 8 bytes"),
        (("agent", "x"), "zz" * 32, "agent: x: must be 64 hexadecimal digits"),
        (("agent", "x"), "00" * 31, "agent: x: must be 64 hexadecimal digits"),
        (("agent", "y"), "00" * 32, "agent: x and y are not a point"),
        (("backend", "seal"), [], "backend: seal: must be an object"),
        (("backend", "sign", "kid"), 5, "backend: sign: kid: must be 16 hexadecimal digits"),
        (("devices",), {}, "devices: must be an array"),
        (("devices", 0), "T-1", r"devices\[0\]: must be an object"),
        (("devices", 1, "status"), "asleep", r"devices\[1\]: status: must be one of registered, active, suspended"),
        (("devices", 1, "ueid"), "01", r"devices\[1\]: ueid: must be 34 hexadecimal digits"),
        (("devices", 1, "id"), "T-1", "devices: every device needs its own id"),
        (("devices", 1, "channel"), "", r"devices\[1\]: channel: must be text"),
        (("devices", 0, "id"), "x" * 33, r"devices\[0\]: id: must be 1 to 32"),
    ],
    ids=lambda value: ".".join(map(str, value)) if isinstance(value, tuple) else "",
)
def test_a_mistake_is_named(tmp_path, document, path, value, words):
    changed = json.loads(json.dumps(document))
    inner = changed
    for step in path[:-1]:
        inner = inner[step]
    if value is REMOVED:
        del inner[path[-1]]
    else:
        inner[path[-1]] = value
    with pytest.raises(ConfigError, match=words):
        load(tmp_path, changed)


@pytest.mark.parametrize("content", ["", "{", "[]", "null"])
def test_a_file_that_is_no_registry_is_refused(tmp_path, content):
    with pytest.raises(ConfigError, match="registry.json"):
        load(tmp_path, content)


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="absent.json"):
        Registry.load(tmp_path / "absent.json")
