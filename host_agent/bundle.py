"""A custody bundle: everything that proves one attestation, in one file (PROTOCOL.md section 10). Pure.

The identity data in it stays sealed to the backend. A bundle proves itself with nothing but public keys that the reader
has from elsewhere: those inside only say what the exporter believed.
"""

import hashlib
from dataclasses import dataclass, replace
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec

from host_agent import cbor, custody, envelope, history, keys
from host_agent.custody import Link, Objects
from host_agent.errors import ShimingError, TokenRefused
from host_agent.history import Sign
from host_agent.registry import Device, Registry, changed

PROFILE = "tag:shiming.example,2026:custody-bundle#1"
MANIFEST_PROFILE = "tag:shiming.example,2026:custody-manifest#1"
PROFILE_LABEL, ISS, IAT, CTI, DIGESTS = 265, 1, 6, 7, -70050
TOKEN, AGENT_RECEIPT, BACKEND_RECEIPT, EXTRACT, MANIFEST = 1, 2, 3, 4, 5
PART_OF = {custody.EVIDENCE: TOKEN, custody.AGENT_RECEIPT: AGENT_RECEIPT, custody.BACKEND_RECEIPT: BACKEND_RECEIPT}
MAX_BYTES = 256 * 1024
MAX_RECORDS = 256


class BundleMalformed(ShimingError):
    code = "bundle-malformed"


@dataclass(frozen=True, slots=True)
class Bundle:
    parts: dict[int, bytes]
    manifest: bytes


def build(objects: Objects, registry: Registry, device: Device, records: list[bytes], sign: Sign, now: int) -> bytes:
    """`records`: those of the device's history that concern it."""
    named = {TOKEN: objects.token, AGENT_RECEIPT: objects.agent_receipt, BACKEND_RECEIPT: objects.backend_receipt}
    parts = {number: part for number, part in named.items() if part is not None}
    parts[EXTRACT] = _build_extract(registry, device, records)
    manifest = cbor.encode(
        {
            ISS: registry.agent.id,
            IAT: now,
            CTI: objects.cti,
            PROFILE_LABEL: MANIFEST_PROFILE,
            DIGESTS: {number: hashlib.sha256(part).digest() for number, part in parts.items()},
        }
    )
    return cbor.encode({PROFILE_LABEL: PROFILE, **parts, MANIFEST: sign(manifest)})


def parse(data: bytes) -> Bundle:
    try:
        content = cbor.decode(data, MAX_BYTES)
    except TokenRefused as refused:
        raise BundleMalformed(str(refused)) from refused
    if not isinstance(content, dict) or content.pop(PROFILE_LABEL, None) != PROFILE:
        raise BundleMalformed()
    if not {TOKEN, EXTRACT, MANIFEST} <= content.keys() <= {TOKEN, AGENT_RECEIPT, BACKEND_RECEIPT, EXTRACT, MANIFEST}:
        raise BundleMalformed("a part is missing, or one is there that no bundle has")
    if not all(isinstance(part, bytes) for part in content.values()):
        raise BundleMalformed("a part is not a byte string")
    manifest = content.pop(MANIFEST)
    return Bundle(content, manifest)


def verify(bundle: Bundle, trust: Registry) -> list[Link]:
    """Every part against the reader's own keys; a part that is not sound carries its code."""
    manifest, digests, cti = _examine_manifest(bundle.manifest, trust)
    extract = examine_extract(bundle.parts[EXTRACT], trust)
    token = bundle.parts[TOKEN]
    # A sound manifest says which token it is: receipts are not blamed for a token that was exchanged.
    told = digests.get(TOKEN) if digests is not None else None
    objects = Objects(
        cti or cti_of(token),
        told if isinstance(told, bytes) else hashlib.sha256(token).digest(),
        token,
        bundle.parts.get(AGENT_RECEIPT),
        bundle.parts.get(BACKEND_RECEIPT),
    )
    links = [_compare(link, PART_OF[link.part], bundle, digests) for link in custody.examine(objects, trust)]
    if extract.code is None and _is_exchanged(EXTRACT, bundle, digests):
        extract = replace(extract, code="bundle-extract-invalid", detail="it is not the one of the manifest")
    return [*links, extract, manifest]


def _compare(link: Link, number: int, bundle: Bundle, digests: dict[Any, Any] | None) -> Link:
    if link.code in (None, "custody-incomplete") and _is_exchanged(number, bundle, digests):
        return replace(link, code="bundle-part-exchanged", detail="it is not the one of the manifest")
    return link


def _is_exchanged(number: int, bundle: Bundle, digests: dict[Any, Any] | None) -> bool:
    if digests is None:  # the manifest itself is not sound, and says so
        return False
    part = bundle.parts.get(number)
    return digests.get(number) != (hashlib.sha256(part).digest() if part is not None else None)


def cti_of(token: bytes) -> bytes:
    """As the token itself says it, unverified."""
    try:
        claims = cbor.decode(envelope.parse(token).payload)
    except TokenRefused:
        return b""
    cti = claims.get(CTI) if isinstance(claims, dict) else None
    return cti if isinstance(cti, bytes) else b""


def _examine_manifest(token: bytes, trust: Registry) -> tuple[Link, dict[Any, Any] | None, bytes]:
    digest = hashlib.sha256(token).digest()
    try:
        signed = envelope.parse(token)
        if signed.kid != trust.agent.kid:
            raise TokenRefused("key-unknown")
        envelope.verify(signed, trust.agent.public_key)
        match cbor.decode(signed.payload):
            case {1: str() as issuer, 6: int() as at, 7: bytes() as cti, 265: profile, -70050: dict() as digests}:
                if profile == MANIFEST_PROFILE and issuer == trust.agent.id:
                    return Link("manifest", issuer, at, signed.kid, digest, f"{len(digests)} parts"), digests, cti
        raise TokenRefused("profile-unknown")
    except TokenRefused as refused:
        detail = f"{refused} ({refused.code})"
        return Link("manifest", sha256=digest, code="bundle-manifest-invalid", detail=detail), None, b""


# --- what the exporter's registry said of the device


def _build_extract(registry: Registry, device: Device, records: list[bytes]) -> bytes:
    def party(name: str, public_key: ec.EllipticCurvePublicKey) -> list[object]:
        return [name, *keys.xy_of(public_key)]

    return cbor.encode(
        {
            1: [device.id, device.tenant, device.channel, device.ueid, str(device.status)],
            2: party(registry.agent.id, registry.agent.public_key),
            3: party(registry.backend.id, registry.backend.sign.public_key),
            4: [list(keys.xy_of(key.public_key)) for key in device.keys],
            5: records[-MAX_RECORDS:],
        }
    )


def examine_extract(data: bytes, trust: Registry) -> Link:
    """Teaches `trust` the later keys of the device that the operator's records in the extract vouch for."""
    digest = hashlib.sha256(data).digest()
    try:
        says = _read_extract(cbor.decode(data, MAX_BYTES), trust)
    except TokenRefused as refused:
        detail = f"{refused} ({refused.code})"
        return Link("registry-extract", sha256=digest, code="bundle-extract-invalid", detail=detail)
    return Link("registry-extract", trust.agent.id, sha256=digest, says=says)


def _read_extract(extract: Any, trust: Registry) -> str:
    match extract:
        case {
            1: [str() as device_id, str(), str(), bytes() as ueid, str() as status],
            2: [str() as agent_id, *agent],
            3: [str() as backend_id, *backend],
            4: [_, *_] as points,
            5: list() as records,
        } if len(extract) == 5:
            pass
        case _:
            raise TokenRefused("bundle-extract-invalid", "it has a wrong shape")
    if (agent_id, tuple(agent)) != (trust.agent.id, keys.xy_of(trust.agent.public_key)):
        raise TokenRefused("key-unknown", "it names another key of the agent")
    if (backend_id, tuple(backend)) != (trust.backend.id, keys.xy_of(trust.backend.sign.public_key)):
        raise TokenRefused("key-unknown", "it names another key of the backend")
    device = trust.device(device_id)
    if device is None or device.ueid != ueid:
        raise TokenRefused("device-mismatch", "the given keys know no such device")
    for record in records:
        device = _learn(record, device, trust)
    if [list(keys.xy_of(key.public_key)) for key in device.keys][: len(points)] != points:
        raise TokenRefused("key-unknown", "it names other keys of the device")
    return f"{device_id} was {status} when exported, {len(points)} key{'s' if len(points) > 1 else ''}"


def _learn(record: Any, device: Device, trust: Registry) -> Device:
    if not isinstance(record, bytes):
        raise TokenRefused("bundle-extract-invalid", "a record is not a byte string")
    change, _ = history.read_alone(record, trust.signers())
    if change.device != device.id:
        raise TokenRefused("device-mismatch", "a record is about another device")
    if change.statement is not None and change.sha256 not in {known.sha256 for known in trust.changes}:
        device = changed(device, change, trust)
        trust.add(device)
    return device
