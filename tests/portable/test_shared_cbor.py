"""The shared CBOR vectors: 29 to accept, 34 to refuse."""

from harness import raises, shared
from terminal import cbor
from terminal.errors import CborError


def test_accepted_encodings_come_back():
    cases = shared("cbor/deterministic.json")["accept"]
    assert len(cases) == 29
    for case in cases:
        raw = bytes.fromhex(case["hex"])
        assert cbor.encode(cbor.decode(raw)) == raw, case["diag"]


def test_refused_encodings():
    cases = shared("cbor/deterministic.json")["reject"]
    assert len(cases) == 34
    for case in cases:
        raises(CborError, cbor.decode, bytes.fromhex(case["hex"]))
