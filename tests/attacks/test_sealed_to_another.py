"""Identity sealed to another key."""

import os

from terminal import cose
from terminal.signer import SoftwareSigner

from host_agent import cbor
from tests.attacks.bench import Attack, Bench
from tests.host_agent.terminal_double import identity

ATTACK = Attack(
    has="a terminal's key, and a key pair of his own",
    does="seals the identity to himself, so that the operator has accepted what it cannot read",
    code="seal-invalid",
    check="host_agent/sealed.py:_parse",
)


def test_sealed_to_another(bench: Bench) -> None:
    reader = SoftwareSigner.from_bytes(bytes(31) + b"\x05")
    claims = bench.claims()
    context = cbor.encode([claims[265], claims[256], claims[7], claims[-70001]])
    claims[-70004] = cose.seal(cbor.encode(identity()), reader.kid, reader.point, context, os.urandom)
    assert bench.backend_says(bench.terminal.sign(claims)) == ATTACK.code
