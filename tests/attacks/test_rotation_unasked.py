"""A new key that nobody has asked for."""

import time

from cryptography.hazmat.primitives.asymmetric import ec

from host_agent import ingest
from tests.attacks.bench import Attack, Bench
from tests.host_agent.custody_bench import CustodyBench
from tools.pki import rotation

ATTACK = Attack(
    has="a copy of the key of t-0001",
    does="states a key of his own as the next one, hoping that the officer takes over whatever lies there",
    code="rotation-unasked",
    check="host_agent/ingest.py:_key_code",
)


def test_rotation_unasked(bench: Bench) -> None:
    own_key = ec.generate_private_key(ec.SECP256R1())
    statement = rotation.sign(bench.terminal_key(), own_key, bench.terminal.ueid, 600)
    assert key_comes(bench, statement) == ATTACK.code
    assert bench.store.key_changes() == []


def key_comes(bench: CustodyBench, statement: bytes) -> str | None:
    examined = ingest.examine(f"rnr/v1/demo/{bench.device}/up/key", statement, bench.registry)
    with bench.store.transaction():
        outcome = ingest.settle(bench.store, examined, is_production=False, face=bench.face, now=int(time.time()))
    return outcome.code
