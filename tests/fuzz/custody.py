"""Targets of what an auditor and an operator read: bundles, rotations, records of history and of deletion."""

from cryptography.hazmat.primitives.asymmetric import ec

from host_agent import bundle, envelope, history, keys, rotation
from host_agent.attestation import Custody
from host_agent.custody import Objects
from host_agent.errors import TokenRefused
from host_agent.history import Status
from host_agent.registry import Agent, Backend, Device, DeviceKey, Key, Registry
from tests.fuzz import wire
from tests.fuzz.host import encoded
from tests.fuzz.source import Source
from tools.backend import deletion

_KEY = ec.derive_private_key(1, ec.SECP256R1())
_PUBLIC = _KEY.public_key()
_KID = keys.kid_of(_PUBLIC)
_X, _Y = keys.xy_of(_PUBLIC)
_ROTATION = {
    5: 100,
    6: 90,
    8: {1: {1: 2, -1: 1, -2: _X, -3: _Y}},
    256: wire.UEID,
    265: rotation.PROFILE,
    -70001: 0,
    -70002: bytes(32),
    -70040: 200,
    -70041: bytes(64),
}
_CHANGE = {
    1: "agent",
    6: 1,
    265: history.PROFILE,
    -70002: bytes(32),
    -70030: 1,
    -70031: "t-1",
    -70032: "suspended",
    -70034: "li",
    -70035: "lost",
}
_DELETION = {1: "backend", 6: 1, 7: bytes(16), 265: deletion.IDENTITY_PROFILE, -70020: bytes(32)}
_DELETION |= {-70034: "li", -70035: "over", -70051: bytes(8)}
_EXTRACT = {
    1: ["t-1", "demo", "CH-1", wire.UEID, "active"],
    2: ["agent", _X, _Y],
    3: ["backend", _X, _Y],
    4: [[_X, _Y]],
    5: [],
}


def check_custody(data: bytes) -> None:
    """Any bytes, or sound claims with some changed and signed: read, or refused by name; nothing else."""
    source = Source(data)
    match source.below(5):
        case 0:
            _check_bundle(source.rest())
        case 1:
            _refused_or_read(lambda token: rotation.read(token, lambda _: _PUBLIC), _signed(source, _ROTATION))
        case 2:
            _refused_or_read(lambda token: history.read_alone(token, _trust().signers()), _signed(source, _CHANGE))
        case 3:
            _refused_or_read(lambda token: deletion.read_deletion(token, _KID, _PUBLIC), _signed(source, _DELETION))
        case _:
            _check_extract(encoded(wire.changed(source, _EXTRACT)))


def custody_seeds() -> list[bytes]:
    objects = Objects(bytes(16), bytes(32), b"token", b"receipt", b"receipt")
    trust = _trust()
    whole = bundle.build(objects, trust, trust.devices["t-1"], [], _sign, 1)
    return [b"\0" + whole, b"\1\0\0", b"\1\2\5\1", b"\2\1\3", b"\2\1\7\2", b"\3\1\5", b"\4\1\1", b"\4\2\4\1"]


def _check_bundle(data: bytes) -> None:
    try:
        opened = bundle.parse(data)
    except bundle.BundleMalformed:
        return
    links = bundle.verify(opened, _trust())
    assert any(link.code for link in links), "a token that nobody signed is held to be sound"


def _check_extract(data: bytes) -> None:
    bundle.examine_extract(data, _trust())


def _refused_or_read(read: object, token: bytes) -> None:
    assert callable(read)
    try:
        read(token)
    except TokenRefused:
        pass  # the named error


def _signed(source: Source, claims: dict) -> bytes:
    return _sign(encoded(wire.changed(source, claims)))


def _sign(payload: bytes) -> bytes:
    return envelope.sign(payload, _KID, _KEY)


def _trust() -> Registry:
    device = Device("t-1", "demo", wire.UEID, (DeviceKey(_KID, _PUBLIC, Custody.SOFTWARE),), "CH-1", Status.ACTIVE)
    own = Key(_KID, _PUBLIC)
    agent, backend = Agent("agent", _KID, _PUBLIC), Backend("backend", own, own)
    return Registry(True, "demo", agent, backend, {"t-1": device}, {_KID: device})
