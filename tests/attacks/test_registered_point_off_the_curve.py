"""A registered key that is no point of the curve."""

import json

from host_agent.registry import Registry
from tests.attacks.bench import Attack, Bench, refusal_of

ATTACK = Attack(
    has="write access to the registry",
    does="enters a point of a curve on which he can sign for any key",
    code="config-invalid",
    check="host_agent/keys.py:public_from_xy",
)


def test_registered_point_off_the_curve(bench: Bench) -> None:
    document = json.loads((bench.pki / "registry.json").read_text())
    document["devices"][0]["y"] = document["devices"][1]["y"]
    path = bench.folder / "registry.json"
    path.write_text(json.dumps(document))
    assert refusal_of(lambda: Registry.load(path)) == ATTACK.code
