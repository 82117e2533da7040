"""A bundle whose keys are all the attacker's."""

import shutil

from tests.attacks.bench import Attack, Bench
from tests.host_agent.custody_bench import codes
from tests.host_agent.test_custody import Exported
from tools.pki import authority

ATTACK = Attack(
    has="a whole system of his own: authority, agent, backend, terminal",
    does="exports a bundle of a registration that never was, consistent in itself",
    code="bundle-manifest-invalid",
    check="host_agent/bundle.py:_examine_manifest",
)


def test_bundle_of_his_own(bench: Bench) -> None:
    exported = Exported(bench)
    authority.create(bench.folder / "ours", ["t-0001"])
    shutil.copy(bench.folder / "ours" / "registry.json", exported.keys)
    status, answer = exported.verify()
    assert status == 1 and codes(answer)["manifest"] == ATTACK.code
    assert set(codes(answer)) == {link["part"] for link in answer["links"]}, "nothing in it is believed"
