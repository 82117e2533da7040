"""Whether a piece of evidence is accepted: facts in, decision out. Nothing here reads a clock, a file or a database.

The signature has been verified. What is checked, in this order: the terminal, the transaction number, the chain of its
tokens, the order it answers, its clock (facts of RFC 9334: nonce, cti, seq and prev, all four).
"""

from dataclasses import dataclass

from host_agent.attestation import ClockSource, Evidence
from host_agent.registry import Device, Status

SKEW_S = 120  # how far a clock set over the network may be off
SESSION_S = 120  # a session that began just before its order ran out may still end
DBGSTAT_DISABLED = 2


@dataclass(frozen=True, slots=True)
class KnownOrder:
    order_id: str
    device: str
    channel: str
    iat: int
    exp: int
    is_answered: bool


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
    token_sha256: bytes
    is_production: bool
    order: KnownOrder | None  # the one with this nonce
    is_cti_known: bool
    chain: Chain


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
        or _chain_code(evidence, context)
        or _order_code(evidence, device, context.order)
        or _clock_code(evidence, context)
    )
    return Decision(code, ended_order=_answered_order(evidence, device, context.order), is_own=True)


def _foreign_code(evidence: Evidence, device: Device, context: Context) -> str | None:
    if context.publisher != device.id or evidence.ueid != device.ueid:
        return "device-mismatch"
    return "cti-reused" if context.is_cti_known else None


def _device_code(evidence: Evidence, device: Device, context: Context) -> str | None:
    if device.status is not Status.ACTIVE:
        return "device-suspended"
    if context.is_production and not (evidence.oemboot and evidence.dbgstat >= DBGSTAT_DISABLED):
        return "device-debug"
    return None


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
    return "channel-mismatch" if evidence.results.channel != order.channel else None


def _clock_code(evidence: Evidence, context: Context) -> str | None:
    """Freshness. A terminal's own refusal registers nobody: it is taken whatever its clock says."""
    order = context.order
    if order is None or evidence.results.reason is not None:
        return None
    last_s = order.exp + SESSION_S + SKEW_S
    if evidence.clock.source < ClockSource.NETWORK:
        # The nonce proves that it was made after the order; only our own clock can tell that it was not made too late.
        return "nonce-expired" if context.received_at > last_s else None
    if not order.iat - SKEW_S <= evidence.iat <= context.received_at + SKEW_S:
        return "clock-implausible"
    return "nonce-expired" if evidence.iat > last_s else None


def _answered_order(evidence: Evidence, device: Device, order: KnownOrder | None) -> str | None:
    is_answer = (
        order is not None
        and order.device == device.id
        and order.order_id == evidence.results.order_id
        and not order.is_answered
    )
    return order.order_id if order is not None and is_answer else None
