"""The test authority in production."""

from host_agent import config, keys
from tests.attacks.bench import Attack, Bench, refusal_of
from tests.host_agent.rig import Rig

ATTACK = Attack(
    has="the test authority's key, which is in everybody's reach",
    does="signs certificates that a production agent or backend would have to trust",
    code="test-authority-refused",
    check="host_agent/keys.py:refuse_test_authority",
)


def test_test_authority(bench: Bench) -> None:
    rig = Rig(bench.pki, bench.folder)
    assert config.load(rig.write_config(mode="emulated")).is_emulated
    assert refusal_of(lambda: config.load(rig.write_config(mode="production"))) == ATTACK.code
    assert refusal_of(lambda: keys.refuse_test_authority(behind_a_real_one(bench), emulated=False)) == ATTACK.code


def behind_a_real_one(bench: Bench) -> bytes:
    """A file of authorities whose first is none of the test authority's."""
    return (bench.pki / "broker.cert.pem").read_bytes() + (bench.pki / "ca.cert.pem").read_bytes()
