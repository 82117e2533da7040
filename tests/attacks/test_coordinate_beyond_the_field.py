"""A second spelling of a public key."""

import json

from host_agent import keys
from host_agent.errors import ConfigError
from host_agent.registry import Registry
from tests.attacks.bench import Attack, Bench

ATTACK = Attack(
    has="a key pair of his own whose x is small",
    does="registers it with x + p: the same point for a library that reduces it, another key for who compares",
    code="config-invalid",
    check="host_agent/keys.py:public_from_xy",
)


# A point with a small x, so that x + p still has 32 bytes.
X = 5
Y = 0x459243B9AA581806FE913BCE99817ADE11CA503C64D9A3C533415C083248FBCC


def test_coordinate_beyond_the_field(bench: Bench) -> None:
    assert registered(bench, X) is None
    assert registered(bench, X + keys.FIELD_PRIME) == ATTACK.code


def registered(bench: Bench, x: int) -> str | None:
    """The code with which a registry with this x is refused."""
    kid = keys.kid_of(keys.public_from_xy(X.to_bytes(32, "big"), Y.to_bytes(32, "big")))
    document = json.loads((bench.pki / "registry.json").read_text())
    document["devices"][0] |= {"kid": kid.hex(), "x": x.to_bytes(32, "big").hex(), "y": Y.to_bytes(32, "big").hex()}
    path = bench.folder / "registry.json"
    path.write_text(json.dumps(document))
    try:
        Registry.load(path)
    except ConfigError as error:
        return error.code
    return None
