"""agent.toml: a wrong value fails with the key's dotted name and what is allowed."""

from pathlib import Path
from typing import Any

import pytest

from host_agent import config
from host_agent.errors import ConfigError, TestAuthorityRefused
from tests.host_agent.rig import Rig


def test_complete_file_is_read(rig: Rig) -> None:
    loaded = config.load(rig.write_config())
    assert loaded.is_emulated
    assert loaded.agent.id == "agent"
    assert loaded.store.path == rig.folder / "agent.db", "paths are relative to the file"
    assert (loaded.backend.batch_items, loaded.orders.nonce_life_s, loaded.broker.embedded) == (64, 300, True)


def test_mode_is_production_unless_said_otherwise_and_refuses_the_test_authority(rig: Rig) -> None:
    path = rig.write_config()
    path.write_text(path.read_text().removeprefix('mode = "emulated"\n'))
    with pytest.raises(TestAuthorityRefused):
        config.load(path)


@pytest.mark.parametrize(
    ("table", "key", "value", "allowed"),
    [
        ("agent", "id", "", "not empty"),
        ("agent", "id", "a/b", "A-Z a-z 0-9 -"),
        ("agent", "id", "a" * 33, "1 to 32"),
        ("agent", "registry", "absent.json", "must name a file"),
        ("broker", "embedded", "yes", "true or false"),
        ("broker", "port", 65536, "from 0 to 65535"),
        ("broker", "port", "8883", "whole number"),
        ("broker", "port", True, "whole number"),
        ("broker", "ca", "absent.pem", "must name a file"),
        ("broker", "ca", 7, "must be text"),
        ("broker", "key", "absent.pem", "must name a file"),
        ("mqtt", "certificate", "absent.pem", "must name a file"),
        ("mqtt", "key", ".", "must name a file"),
        ("mqtt", "canary_s", 3, "from 4 to 3600"),
        ("sign", "key", "absent.pem", "must name a file"),
        ("store", "path", "absent/agent.db", "folder that exists"),
        ("store", "path", ".", "must name a file"),
        ("store", "max_bytes", 1000, "from 1048576"),
        ("store", "max_bytes", 1e9, "whole number"),
        ("store", "min_free_bytes", -1, "from 0"),
        ("backend", "url", "http://backend.example", "https://"),
        ("backend", "url", "backend.example:8443", "https://"),
        ("backend", "url", "https://backend.example/?key=1", "https://"),
        ("backend", "ca", "absent.pem", "must name a file"),
        ("backend", "batch_items", 0, "from 1 to 256"),
        ("backend", "batch_items", 257, "from 1 to 256"),
        ("orders", "host", "0.0.0.0", "loopback"),
        ("orders", "host", "example.com", "loopback"),
        ("orders", "port", -1, "from 0 to 65535"),
        ("orders", "nonce_life_s", 29, "from 30 to 86400"),
        ("orders", "token", "absent/orders.token", "folder that exists"),
    ],
)
def test_wrong_value_names_the_key_and_what_is_allowed(
    rig: Rig, table: str, key: str, value: Any, allowed: str
) -> None:
    rig.settings[table][key] = value
    with pytest.raises(ConfigError) as caught:
        config.load(rig.write_config())
    assert str(caught.value).startswith(f"{table}.{key}: ")
    assert allowed in str(caught.value)


def test_wrong_mode_names_the_key_and_what_is_allowed(rig: Rig) -> None:
    with pytest.raises(ConfigError, match=r'^mode: must be one of "production", "emulated"'):
        config.load(rig.write_config(mode="test"))


@pytest.mark.parametrize(
    ("table", "key"),
    [("agent", "id"), ("broker", "ca"), ("mqtt", "key"), ("sign", "key"), ("store", "path"), ("backend", "url")],
)
def test_missing_key_is_named(rig: Rig, table: str, key: str) -> None:
    del rig.settings[table][key]
    with pytest.raises(ConfigError, match=rf"^{table}\.{key}: is missing"):
        config.load(rig.write_config())


def test_missing_table_is_named_by_its_first_key(rig: Rig) -> None:
    del rig.settings["sign"]
    with pytest.raises(ConfigError, match=r"^sign\.key: is missing"):
        config.load(rig.write_config())


@pytest.mark.parametrize("table", ["agent", "broker", "mqtt", "sign", "store", "backend", "orders"])
def test_unknown_key_is_refused_by_name(rig: Rig, table: str) -> None:
    rig.settings[table]["colour"] = "red"
    with pytest.raises(ConfigError, match=rf"^{table}\.colour: is not a key of this table; known: "):
        config.load(rig.write_config())


def test_lowest_firmware_is_three_numbers_or_any(rig: Rig) -> None:
    assert config.load(rig.write_config()).firmware.minimum is None
    rig.settings["firmware"] = {"minimum": "1.20.3"}
    assert config.load(rig.write_config()).firmware.minimum == (1, 20, 3)
    for wrong in ("1.2", "newest", 1):
        rig.settings["firmware"] = {"minimum": wrong}
        with pytest.raises(ConfigError, match=r"^firmware\.minimum: must be "):
            config.load(rig.write_config())


def test_reserve(rig: Rig) -> None:
    plain = config.load(rig.write_config()).reserve
    assert (plain.orders_max, plain.life_s, plain.epoch_s) == (200, 604_800, 300)
    assert (plain.policy.grace_s, plain.policy.epoch_age_max_s) == (604_800, None)
    rig.settings["reserve"] = {"orders_max": 2000, "grace_s": 0, "epoch_age_max_s": 86_400}
    asked = config.load(rig.write_config()).reserve
    assert (asked.orders_max, asked.policy.grace_s, asked.policy.epoch_age_max_s) == (2000, 0, 86_400)
    for key, wrong in (("orders_max", 2001), ("life_s", 60), ("epoch_s", 1), ("epoch_age_max_s", 0), ("colour", "red")):
        rig.settings["reserve"] = {key: wrong}
        with pytest.raises(ConfigError, match=rf"^reserve\.{key}: "):
            config.load(rig.write_config())


def test_unknown_table_is_refused_by_name(rig: Rig) -> None:
    rig.settings["colours"] = {}
    with pytest.raises(ConfigError, match="^colours: "):
        config.load(rig.write_config())


def test_value_in_place_of_a_table_is_refused(rig: Rig) -> None:
    path = rig.write_config()
    path.write_text("agent = 7\n")
    with pytest.raises(ConfigError, match=r"^agent: must be a table"):
        config.load(path)


def test_external_broker_needs_no_server_certificate(rig: Rig) -> None:
    rig.settings["broker"] |= {"embedded": False, "port": 8883}
    del rig.settings["broker"]["certificate"], rig.settings["broker"]["key"]
    assert config.load(rig.write_config()).broker.certificate is None


def test_external_broker_needs_a_port(rig: Rig) -> None:
    rig.settings["broker"] |= {"embedded": False, "port": 0}
    with pytest.raises(ConfigError, match=r"^broker\.port: must be a whole number from 1 "):
        config.load(rig.write_config())


def test_file_that_is_no_certificate_is_named(rig: Rig) -> None:
    (rig.folder / "nonsense.pem").write_text("nonsense")
    rig.settings["backend"]["ca"] = "nonsense.pem"
    with pytest.raises(ConfigError, match=r"^backend\.ca: "):
        config.load(rig.write_config())


@pytest.mark.parametrize("content", [b"mode = ", b"\xff\xfe"])
def test_file_that_is_not_toml_is_named(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "agent.toml"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match=r"agent\.toml: not TOML"):
        config.load(path)


def test_absent_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"agent\.toml: cannot be read"):
        config.load(tmp_path / "agent.toml")
