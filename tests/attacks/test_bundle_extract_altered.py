"""Another state of the terminal in an exported bundle."""

from host_agent.bundle import EXTRACT
from tests.attacks.bench import Attack, Bench
from tests.host_agent.custody_bench import codes
from tests.host_agent.test_custody import Exported

ATTACK = Attack(
    has="a bundle",
    does="writes that the terminal was revoked when it was active, or the other way round",
    code="bundle-extract-invalid",
    check="host_agent/bundle.py:verify",
)


def test_bundle_extract_altered(bench: Bench) -> None:
    exported = Exported(bench)
    parts = exported.parts
    assert b"active" in parts[EXTRACT]
    exported.replace(parts | {EXTRACT: parts[EXTRACT].replace(b"active", b"absent")})
    status, answer = exported.verify()
    assert (status, codes(answer)) == (1, {"registry-extract": ATTACK.code})
