"""Whether a piece of evidence is accepted: facts in, decision out. Nothing here reads a clock, a file or a database.

The signature has been verified. What is checked, in this order: the terminal, the transaction number, the chain of its
tokens, the order it answers, its epoch, its clock (facts of RFC 9334: nonce, cti, seq and prev, all four), its
firmware, the face.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from host_agent.attestation import ClockSource, Evidence, FreshnessKind, Results
from host_agent.face import Liveness, Match
from host_agent.registry import Device, DeviceKey, state_code

Requirement = Literal["match", "live", "none"]

SKEW_S = 120  # how far a clock set over the network may be off
SESSION_S = 120  # a session that began just before its order ran out may still end
DBGSTAT_DISABLED = 2

VERSION = re.compile(r"(0|[1-9][0-9]{0,5})\.(0|[1-9][0-9]{0,5})\.(0|[1-9][0-9]{0,5})")
Version = tuple[int, ...]


def parse_version(text: str) -> Version | None:
    """x.y.z in numbers, so that 0.10.0 comes after 0.9.0; None for anything else."""
    found = VERSION.fullmatch(text)
    return tuple(map(int, found.groups())) if found else None


@dataclass(frozen=True, slots=True)
class FirmwarePolicy:
    """The oldest firmware that may register somebody; None: any."""

    minimum: Version | None = None


ANY_FIRMWARE = FirmwarePolicy()


@dataclass(frozen=True, slots=True)
class FacePolicy:
    """What a registration must show of the face; agent and backend each have their own."""

    require: Requirement = "match"
    match_min_permille: Mapping[str, int] = field(default_factory=dict)  # by model; empty: whatever the terminal has
    models: frozenset[bytes] = frozenset()  # digests of those allowed; empty: all


@dataclass(frozen=True, slots=True)
class ReservePolicy:
    """What is asked of a registration on a pre-issued order."""

    grace_s: int = 604_800  # after the end of its sheet, until which a terminal without a trusted clock may deliver
    epoch_age_max_s: int | None = None  # how much older its epoch may be; None: it need not have one


ANY_RESERVE = ReservePolicy()


@dataclass(frozen=True, slots=True)
class KnownOrder:
    order_id: str
    device: str
    channel: str
    iat: int
    exp: int
    is_answered: bool
    is_preissued: bool = False


@dataclass(frozen=True, slots=True)
class Chain:
    """What is known of the tokens of the same key: digests, None where there is none yet."""

    at_seq: bytes | None = None
    before: bytes | None = None  # of the token at seq - 1
    prev_of_next: bytes | None = None  # what the token at seq + 1 names as the one before it
    has_other_with_prev: bool = False  # a token of another seq names the same one before it


@dataclass(frozen=True, slots=True)
class Context:
    received_at: int
    publisher: str | None  # the registered terminal on whose topic it came
    key: DeviceKey  # the one it was signed with
    token_sha256: bytes
    is_production: bool
    face: FacePolicy
    order: KnownOrder | None  # the one with this nonce
    is_cti_known: bool
    chain: Chain
    firmware: FirmwarePolicy = ANY_FIRMWARE
    reserve: ReservePolicy = ANY_RESERVE
    epoch_iat: int | None = None  # of the epoch that the evidence names; None: it names none, or none of ours


@dataclass(frozen=True, slots=True)
class Decision:
    code: str | None  # why it is refused; None: accepted
    ended_order: str | None  # the order that this evidence answers, also with a refusal
    is_own: bool  # published by its own terminal under a new cti: kept as evidence, else only as a refusal


def decide(evidence: Evidence, device: Device, context: Context) -> Decision:
    if foreign := _foreign_code(evidence, device, context):
        return Decision(foreign, ended_order=None, is_own=False)
    code = (
        _device_code(evidence, device, context)
        or _key_code(evidence, context)
        or _chain_code(evidence, context)
        or _order_code(evidence, device, context.order)
        or _epoch_code(evidence, context)
        or _clock_code(evidence, context)
        or firmware_code(evidence, context.firmware)
        or face_code(evidence.results, context.face)
    )
    return Decision(code, ended_order=_answered_order(evidence, device, context.order), is_own=True)


def _foreign_code(evidence: Evidence, device: Device, context: Context) -> str | None:
    if context.publisher != device.id or evidence.ueid != device.ueid:
        return "device-mismatch"
    return "cti-reused" if context.is_cti_known else None


def _device_code(evidence: Evidence, device: Device, context: Context) -> str | None:
    if code := state_code(device.status):
        return code
    if context.is_production and not (evidence.oemboot and evidence.dbgstat >= DBGSTAT_DISABLED):
        return "device-debug"
    return None


def _key_code(evidence: Evidence, context: Context) -> str | None:
    """A stolen old key can put any time into its claims, but it cannot answer an order made after the key's end."""
    if evidence.custody != context.key.custody:
        return "custody-mismatch"
    signed_at = evidence.iat if evidence.clock.source >= ClockSource.NETWORK else context.received_at
    earliest = context.order.iat if context.order is not None else signed_at
    is_over = context.key.valid_to is not None and max(signed_at, earliest) > context.key.valid_to + SKEW_S
    return "key-not-valid" if is_over or signed_at < context.key.valid_from - SKEW_S else None


def _chain_code(evidence: Evidence, context: Context) -> str | None:
    """A gap is no fault (a record may still be on its way), and neither is a late one; a contradiction is."""
    chain = context.chain
    if chain.at_seq not in (None, context.token_sha256):
        return "seq-replayed"
    if chain.has_other_with_prev:
        return "chain-fork"
    if chain.before not in (None, evidence.prev) or chain.prev_of_next not in (None, context.token_sha256):
        return "chain-broken"
    return None


def _order_code(evidence: Evidence, device: Device, order: KnownOrder | None) -> str | None:
    if order is None:
        return "nonce-unknown"
    if order.device != device.id or order.order_id != evidence.results.order_id:
        return "order-mismatch"
    if order.is_answered:
        return "nonce-reused"
    if (evidence.freshness.kind is FreshnessKind.PREISSUED) != order.is_preissued:
        return "freshness-mismatch"
    return "channel-mismatch" if evidence.results.channel != order.channel else None


def _epoch_code(evidence: Evidence, context: Context) -> str | None:
    """The epoch proves "after it was published"; how long after is for the policy. A refusal registers nobody."""
    epoch_iat, most_s = context.epoch_iat, context.reserve.epoch_age_max_s
    if evidence.freshness.epoch is not None and epoch_iat is None:
        return "epoch-unknown"
    if evidence.results.reason is not None:
        return None
    made_at = evidence.iat if evidence.clock.source >= ClockSource.NETWORK else context.received_at
    if epoch_iat is not None and epoch_iat > made_at + SKEW_S:
        return "clock-implausible"
    if evidence.freshness.kind is FreshnessKind.ONLINE or most_s is None:
        return None
    return "epoch-stale" if epoch_iat is None or made_at - epoch_iat > most_s + SKEW_S else None


def _clock_code(evidence: Evidence, context: Context) -> str | None:
    """Freshness. A terminal's own refusal registers nobody: it is taken whatever its clock says."""
    order = context.order
    if order is None or evidence.results.reason is not None:
        return None
    last_s = order.exp + SESSION_S + SKEW_S
    if evidence.clock.source < ClockSource.NETWORK:
        # The nonce proves that it was made after the order; only our own clock can tell that it was not made too late.
        # What was pre-issued may have waited for a link since: the operator says for how long.
        grace_s = context.reserve.grace_s if order.is_preissued else 0
        return "nonce-expired" if context.received_at > last_s + grace_s else None
    if not order.iat - SKEW_S <= evidence.iat <= context.received_at + SKEW_S:
        return "clock-implausible"
    return "nonce-expired" if evidence.iat > last_s else None


def firmware_code(evidence: Evidence, policy: FirmwarePolicy) -> str | None:
    """By the version that is signed in claim 271. A refusal registers nobody; a version that is none is too old."""
    if policy.minimum is None or evidence.results.reason is not None:
        return None
    version = parse_version(evidence.swversion)
    return "firmware-outdated" if version is None or version < policy.minimum else None


def face_code(results: Results, policy: FacePolicy) -> str | None:
    """A refusal registers nobody. In a registration what was performed has passed, or it would contradict itself."""
    liveness, match, models = results.face.liveness, results.face.match, results.face.models
    if results.reason is not None:
        return None
    if policy.require != "none" and not isinstance(liveness, Liveness):
        return "liveness-required"
    if policy.require == "match" and not isinstance(match, Match):
        return "match-required"
    if policy.models and not policy.models.issuperset(models.values()):
        return "model-not-allowed"
    if not isinstance(match, Match) or not policy.match_min_permille:
        return None
    min_permille = policy.match_min_permille.get(match.model)
    if min_permille is None:  # scores of a model without a threshold of ours mean nothing to us
        return "model-not-allowed"
    return "match-threshold-low" if match.threshold_permille < min_permille else None


def _answered_order(evidence: Evidence, device: Device, order: KnownOrder | None) -> str | None:
    is_answer = (
        order is not None
        and order.device == device.id
        and order.order_id == evidence.results.order_id
        and not order.is_answered
    )
    return order.order_id if order is not None and is_answer else None
