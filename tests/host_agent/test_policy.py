"""Every rule by which evidence is refused, and what is deliberately accepted."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from host_agent import attestation, envelope
from host_agent.attestation import Clock, ClockSource, Evidence, Freshness, FreshnessKind
from host_agent.policy import (
    SESSION_S,
    SKEW_S,
    Chain,
    Context,
    Decision,
    FacePolicy,
    FirmwarePolicy,
    KnownOrder,
    ReservePolicy,
    decide,
    parse_version,
)
from host_agent.registry import Device, Registry, Status
from tests.host_agent.terminal_double import TerminalDouble

SHA256 = b"\x11" * 32
OTHER = b"\x22" * 32
ISSUED_AT = 1_800_000_000
EXPIRES_AT = ISSUED_AT + 300

Change = Callable[[Evidence], Evidence]


@pytest.fixture(scope="module")
def device(pki: Path) -> Device:
    device = Registry.load(pki / "registry.json").device("t-0001")
    assert device is not None
    return device


@pytest.fixture(scope="module")
def evidence(pki: Path) -> Evidence:
    token = TerminalDouble(pki, "t-0001").next_token(order_id="order-1")
    good = attestation.parse_evidence(envelope.parse(token).payload)
    return replace(good, iat=ISSUED_AT + 20, seq=5, prev=OTHER)


@pytest.fixture(scope="module")
def context(device: Device) -> Context:
    return Context(
        received_at=ISSUED_AT + 21,
        publisher="t-0001",
        key=device.keys[0],
        token_sha256=SHA256,
        is_production=False,
        face=FacePolicy(),
        order=KnownOrder("order-1", "t-0001", device.channel, ISSUED_AT, EXPIRES_AT, is_answered=False),
        is_cti_known=False,
        chain=Chain(),
    )


def with_order(context: Context, **changes: Any) -> Context:
    assert context.order is not None
    return replace(context, order=replace(context.order, **changes))


def with_results(evidence: Evidence, **changes: Any) -> Evidence:
    return replace(evidence, results=replace(evidence.results, **changes))


def with_clock(evidence: Evidence, source: ClockSource) -> Evidence:
    return replace(evidence, clock=Clock(was_offline=False, source=source, uncertainty_s=None))


def test_good_evidence_is_accepted_and_answers_its_order(evidence: Evidence, device: Device, context: Context) -> None:
    assert decide(evidence, device, context) == Decision(code=None, ended_order="order-1", is_own=True)


# --- the terminal


def test_another_terminals_token_is_refused_and_answers_nothing(
    evidence: Evidence, device: Device, context: Context
) -> None:
    for publisher in ("t-0002", None):
        decision = decide(evidence, device, replace(context, publisher=publisher))
        assert decision == Decision("device-mismatch", ended_order=None, is_own=False)


def test_ueid_of_another_terminal_is_refused(evidence: Evidence, device: Device, context: Context) -> None:
    decision = decide(replace(evidence, ueid=b"\x01" + bytes(16)), device, context)
    assert decision == Decision("device-mismatch", ended_order=None, is_own=False)


def test_suspended_terminal_is_refused_and_its_order_ends(evidence: Evidence, device: Device, context: Context) -> None:
    decision = decide(evidence, replace(device, status=Status.SUSPENDED), context)
    assert decision == Decision("device-suspended", ended_order="order-1", is_own=True)


@pytest.mark.parametrize(
    ("oemboot", "dbgstat", "code"), [(False, 2, "device-debug"), (True, 1, "device-debug"), (True, 2, None)]
)
def test_development_build_is_refused_in_production(
    evidence: Evidence, device: Device, context: Context, oemboot: bool, dbgstat: int, code: str | None
) -> None:
    evidence = replace(evidence, oemboot=oemboot, dbgstat=dbgstat)
    assert decide(evidence, device, replace(context, is_production=True)).code == code
    assert decide(evidence, device, context).code is None


def test_used_cti_is_refused(evidence: Evidence, device: Device, context: Context) -> None:
    decision = decide(evidence, device, replace(context, is_cti_known=True))
    assert decision == Decision("cti-reused", ended_order=None, is_own=False)


@pytest.mark.parametrize(
    ("valid_from", "valid_to", "source", "iat", "received_at", "code"),
    [
        pytest.param(-9000, None, 3, 20, 21, None, id="newest-key"),
        pytest.param(-9000, 300, 3, 20, 21, None, id="overlap"),
        pytest.param(-9000, 50, 3, 20, 9000, None, id="signed-in-time-delivered-late"),
        pytest.param(-9000, -200, 3, 20, 21, "key-not-valid", id="signed-after-the-end"),
        pytest.param(-9000, -200, 3, -300, 21, "key-not-valid", id="backdated-answer-to-an-order-made-after-the-end"),
        pytest.param(200, None, 3, 20, 21, "key-not-valid", id="signed-before-the-beginning"),
        pytest.param(100, None, 3, 20, 21, None, id="within-the-skew-of-clocks"),
        pytest.param(-9000, 50, 2, 20, 300, "key-not-valid", id="no-trusted-clock-and-delivered-late"),
        pytest.param(-9000, 50, 2, 9000, 21, None, id="no-trusted-clock-and-delivered-in-time"),
    ],
)
def test_key_signs_in_its_time_only(
    evidence: Evidence,
    device: Device,
    context: Context,
    valid_from: int,
    valid_to: int | None,
    source: int,
    iat: int,
    received_at: int,
    code: str | None,
) -> None:
    end = None if valid_to is None else ISSUED_AT + valid_to
    key = replace(device.keys[0], valid_from=ISSUED_AT + valid_from, valid_to=end)
    evidence = replace(with_clock(evidence, ClockSource(source)), iat=ISSUED_AT + iat)
    context = replace(context, key=key, received_at=ISSUED_AT + received_at)
    assert decide(evidence, device, context).code == code


# --- the chain


@pytest.mark.parametrize(
    ("chain", "code"),
    [
        pytest.param(Chain(at_seq=OTHER), "seq-replayed", id="seq-used-by-another-token"),
        pytest.param(Chain(at_seq=SHA256), None, id="seq-known-of-this-very-token"),
        pytest.param(Chain(before=OTHER), None, id="links-to-the-one-before"),
        pytest.param(Chain(before=SHA256), "chain-broken", id="does-not-link-to-the-one-before"),
        pytest.param(Chain(prev_of_next=SHA256), None, id="late-and-fits"),
        pytest.param(Chain(prev_of_next=OTHER), "chain-broken", id="late-and-does-not-fit"),
        pytest.param(Chain(before=OTHER, prev_of_next=SHA256), None, id="late-between-two"),
        pytest.param(Chain(has_other_with_prev=True), "chain-fork", id="two-follow-the-same"),
        pytest.param(Chain(), None, id="after-a-gap"),
    ],
)
def test_chain(evidence: Evidence, device: Device, context: Context, chain: Chain, code: str | None) -> None:
    decision = decide(evidence, device, replace(context, chain=chain))
    assert decision == Decision(code, ended_order="order-1", is_own=True)


# --- the order


def test_unknown_nonce_is_refused(evidence: Evidence, device: Device, context: Context) -> None:
    assert decide(evidence, device, replace(context, order=None)) == Decision("nonce-unknown", None, is_own=True)


def test_nonce_of_another_terminals_order_is_refused(evidence: Evidence, device: Device, context: Context) -> None:
    decision = decide(evidence, device, with_order(context, device="t-0002"))
    assert decision == Decision("order-mismatch", ended_order=None, is_own=True)


def test_other_order_id_is_refused(evidence: Evidence, device: Device, context: Context) -> None:
    decision = decide(with_results(evidence, order_id="order-2"), device, context)
    assert decision == Decision("order-mismatch", ended_order=None, is_own=True)


def test_used_nonce_is_refused_and_leaves_the_order_as_it_is(
    evidence: Evidence, device: Device, context: Context
) -> None:
    decision = decide(evidence, device, with_order(context, is_answered=True))
    assert decision == Decision("nonce-reused", ended_order=None, is_own=True)


def test_other_channel_is_refused(evidence: Evidence, device: Device, context: Context) -> None:
    decision = decide(with_results(evidence, channel="CH-999999"), device, context)
    assert decision == Decision("channel-mismatch", ended_order="order-1", is_own=True)


# --- the clock

LAST = EXPIRES_AT + SESSION_S + SKEW_S
LATE = EXPIRES_AT + 7 * 86400


@pytest.mark.parametrize(
    ("iat", "received_at", "code"),
    [
        pytest.param(ISSUED_AT, LATE, None, id="made-in-time-delivered-after-days-offline"),
        pytest.param(LAST, LATE, None, id="made-at-the-last-moment"),
        pytest.param(LAST + 1, LATE, "nonce-expired", id="made-too-late"),
        pytest.param(ISSUED_AT - SKEW_S, ISSUED_AT + 1, None, id="clock-a-little-behind"),
        pytest.param(ISSUED_AT - SKEW_S - 1, ISSUED_AT + 1, "clock-implausible", id="before-its-order"),
        pytest.param(ISSUED_AT + SKEW_S, ISSUED_AT, None, id="clock-a-little-ahead"),
        pytest.param(ISSUED_AT + SKEW_S + 1, ISSUED_AT, "clock-implausible", id="from-the-future"),
    ],
)
@pytest.mark.parametrize("source", [ClockSource.NETWORK, ClockSource.AUTHENTICATED])
def test_trusted_clock(
    evidence: Evidence,
    device: Device,
    context: Context,
    source: ClockSource,
    iat: int,
    received_at: int,
    code: str | None,
) -> None:
    evidence = with_clock(replace(evidence, iat=iat), source)
    assert decide(evidence, device, replace(context, received_at=received_at)).code == code


@pytest.mark.parametrize("source", [ClockSource.NONE, ClockSource.BUILD_FLOOR, ClockSource.LAST_GOOD])
@pytest.mark.parametrize(("received_at", "code"), [(LAST, None), (LAST + 1, "nonce-expired")])
def test_untrusted_clock_is_not_asked(
    evidence: Evidence, device: Device, context: Context, source: ClockSource, received_at: int, code: str | None
) -> None:
    evidence = with_clock(replace(evidence, iat=946_684_800), source)
    assert decide(evidence, device, replace(context, received_at=received_at)).code == code


def test_terminals_own_refusal_is_taken_whatever_its_clock_says(
    evidence: Evidence, device: Device, context: Context
) -> None:
    refusal = with_results(replace(evidence, iat=LATE, identity=None), reason="order-expired")
    assert decide(refusal, device, context) == Decision(None, ended_order="order-1", is_own=True)


# --- the firmware


@pytest.mark.parametrize(
    ("version", "minimum", "code"),
    [
        ("0.0.1", None, None),
        ("0.1.0", (0, 1, 0), None),
        ("0.10.0", (0, 9, 0), None),
        ("1.0.0", (0, 9, 9), None),
        ("0.9.9", (0, 10, 0), "firmware-outdated"),
        ("0.0.9", (0, 1, 0), "firmware-outdated"),
        ("newest", (0, 1, 0), "firmware-outdated"),
    ],
)
def test_firmware(
    evidence: Evidence,
    device: Device,
    context: Context,
    version: str,
    minimum: tuple[int, ...] | None,
    code: str | None,
) -> None:
    evidence = replace(evidence, swversion=version)
    context = replace(context, firmware=FirmwarePolicy(minimum))
    assert decide(evidence, device, context) == Decision(code, ended_order="order-1", is_own=True)


def test_refusal_of_an_outdated_terminal_is_taken(evidence: Evidence, device: Device, context: Context) -> None:
    evidence = replace(with_results(evidence, reason="card-expired"), swversion="0.0.1")
    assert decide(evidence, device, replace(context, firmware=FirmwarePolicy((0, 1, 0)))).code is None


@pytest.mark.parametrize(
    "text", ["", "1", "1.2", "1.2.3.4", "01.2.3", "1.2.3-rc1", "1.2.x", " 1.2.3", "-1.2.3", "١.٢.٣"]
)
def test_what_is_not_three_numbers_is_no_version(text: str) -> None:
    assert parse_version(text) is None


# --- reserve and epoch


def preissued(evidence: Evidence, source: ClockSource = ClockSource.NETWORK, epoch: bytes | None = None) -> Evidence:
    return replace(with_clock(evidence, source), freshness=Freshness(FreshnessKind.PREISSUED, epoch))


@pytest.mark.parametrize("is_preissued", [False, True])
@pytest.mark.parametrize("kind", list(FreshnessKind))
def test_kind_is_that_of_the_order(
    evidence: Evidence, device: Device, context: Context, kind: FreshnessKind, is_preissued: bool
) -> None:
    said = replace(evidence, freshness=Freshness(kind, None))
    code = None if (kind is FreshnessKind.PREISSUED) is is_preissued else "freshness-mismatch"
    assert decide(said, device, with_order(context, is_preissued=is_preissued)).code == code


@pytest.mark.parametrize(
    ("source", "received_at", "code"),
    [
        (ClockSource.NETWORK, LAST + 30 * 86_400, None),  # made in time, says a clock that can be trusted
        (ClockSource.LAST_GOOD, LAST + 86_400, None),
        (ClockSource.LAST_GOOD, LAST + 86_401, "nonce-expired"),
        (ClockSource.NONE, LAST + 86_401, "nonce-expired"),
    ],
)
def test_grace_for_what_was_preissued(
    evidence: Evidence, device: Device, context: Context, source: ClockSource, received_at: int, code: str | None
) -> None:
    policy = ReservePolicy(grace_s=86_400)
    late = replace(with_order(context, is_preissued=True), received_at=received_at, reserve=policy)
    assert decide(preissued(evidence, source), device, late).code == code
    if source is not ClockSource.NETWORK:
        assert decide(with_clock(evidence, source), device, replace(context, received_at=received_at)).code == (
            "nonce-expired"
        ), "an order that was sent has none"


EPOCH = b"\x07" * 16


@pytest.mark.parametrize("kind", list(FreshnessKind))
def test_epoch_must_be_one_of_ours(evidence: Evidence, device: Device, context: Context, kind: FreshnessKind) -> None:
    said = replace(evidence, freshness=Freshness(kind, EPOCH))
    asked = with_order(context, is_preissued=kind is FreshnessKind.PREISSUED)
    assert decide(said, device, asked).code == "epoch-unknown"
    assert decide(said, device, replace(asked, epoch_iat=ISSUED_AT)).code is None


@pytest.mark.parametrize(
    ("source", "epoch_at", "code"),
    [
        (ClockSource.NETWORK, ISSUED_AT + 20 + SKEW_S, None),
        (ClockSource.NETWORK, ISSUED_AT + 21 + SKEW_S, "clock-implausible"),
        (ClockSource.LAST_GOOD, ISSUED_AT + 21 + SKEW_S, None),  # by the arrival
        (ClockSource.LAST_GOOD, ISSUED_AT + 22 + SKEW_S, "clock-implausible"),
    ],
)
def test_epoch_is_not_younger_than_the_evidence(
    evidence: Evidence, device: Device, context: Context, source: ClockSource, epoch_at: int, code: str | None
) -> None:
    asked = replace(with_order(context, is_preissued=True), epoch_iat=epoch_at)
    assert decide(preissued(evidence, source, EPOCH), device, asked).code == code


@pytest.mark.parametrize(
    ("age_s", "code"), [(100, None), (100 + SKEW_S, None), (101 + SKEW_S, "epoch-stale"), (None, "epoch-stale")]
)
@pytest.mark.parametrize("source", [ClockSource.NETWORK, ClockSource.LAST_GOOD])
def test_age_of_the_epoch_where_the_operator_asks(
    evidence: Evidence, device: Device, context: Context, source: ClockSource, age_s: int | None, code: str | None
) -> None:
    policy = ReservePolicy(epoch_age_max_s=100)
    made_at = evidence.iat if source is ClockSource.NETWORK else context.received_at
    epoch_at = None if age_s is None else made_at - age_s
    asked = replace(with_order(context, is_preissued=True), reserve=policy, epoch_iat=epoch_at)
    said = preissued(evidence, source, None if age_s is None else EPOCH)
    assert decide(said, device, asked).code == code
    assert decide(with_results(said, reason="card-expired"), device, asked).code is None, "it registers nobody"
    online = replace(said, freshness=replace(said.freshness, kind=FreshnessKind.ONLINE))
    assert decide(online, device, with_order(asked, is_preissued=False)).code is None
