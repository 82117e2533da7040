"""The terminal's next attestation key, and the old one's statement of it (PROTOCOL.md section 8).

Runs at a start that `terminal.rotation` has made for it, and ends in another: no session has its names in the heap.

    attest.request    attempts left (1 byte), and the agent's request as it came
    attest.next       the next key, or with a secure element its slot. Made once and never replaced: an operator may
                      have taken it over without this terminal knowing
    attest.statement  as in terminal.rotation
"""

import hashlib
import os
from binascii import hexlify

from terminal import cbor, cose, p256
from terminal.claim import EAT_PROFILE, IAT, PREV, SEQ, UEID
from terminal.config import content, keep
from terminal.errors import CborError, CoseError, TerminalError
from terminal.log_record import KEY
from terminal.signer import IN_ELEMENT, SoftwareSigner, sign1

TYPE_CHECKING = False
if TYPE_CHECKING:
    from terminal.config import Config
    from terminal.flight_log import FlightLog
    from terminal.hardware import Hardware
    from terminal.queue import Queue
    from terminal.signer import Signer

PROFILE = "tag:shiming.example,2026:key-rotation#1"
OVERLAP_MAX_S = 2_678_400  # 31 days


async def answer(
    hw: "Hardware", config: "Config", queue: "Queue", signer: "Signer", log: "FlightLog", folder: str = "/secret"
) -> bool:
    """Whether there was something to do: then the terminal is to start anew. Never raises."""
    path = folder + "/attest.request"
    try:
        raw = content(path)
        if not raw or not raw[0]:
            return False
        keep(path, bytes([raw[0] - 1]) + raw[1:])  # a start that does not get to the end is counted
        begins, ends = _wanted(raw[1:], config, signer, hw.clock.now())
        if begins or ends:
            await _state(hw, config, queue, signer, log, folder, begins, ends)
        os.remove(path)
    except (TerminalError, OSError, MemoryError) as error:
        code = getattr(error, "code", "rotation-fault")
        print("next key:", code, error)
        log.take("fault", code, None)
    return True


def _wanted(message: bytes, config: "Config", signer: "Signer", now: int) -> "tuple[int, int]":
    """(begin, end) of the time in which both keys are valid; (0, 0) for a request that is none, or has run out."""
    try:
        payload, _ = cose.verify1(message, lambda kid: config.agent_point if kid == config.agent_kid else None)
        claims = cbor.decode(payload)
        begins, ends, exp, kid = claims[5], claims[-70040], claims[4], claims[-70042]  # pyright: ignore
        for seconds in (begins, ends, exp):
            if isinstance(seconds, bool) or not isinstance(seconds, int) or seconds < 0:
                raise ValueError
    except (CborError, CoseError, KeyError, ValueError, TypeError):
        return 0, 0
    if kid != signer.kid or exp <= now or not begins <= ends <= begins + OVERLAP_MAX_S:
        print("next key: key-message-invalid")
        return 0, 0
    return begins, ends


async def _state(
    hw: "Hardware",
    config: "Config",
    queue: "Queue",
    signer: "Signer",
    log: "FlightLog",
    folder: str,
    begins: int,
    ends: int,
) -> None:
    successor = await _successor(hw, signer, folder)
    iat, ueid = hw.clock.now(), config.ueid
    key = cose.key_map(successor.point)
    proven = cbor.encode(["ShimingKeyRotation1", signer.kid, ueid, key[-2], key[-3], begins, ends, iat])
    claims = {
        5: begins,
        IAT: iat,
        8: {1: key},
        UEID: ueid,
        EAT_PROFILE: PROFILE,
        SEQ: queue.next_seq - 1,
        PREV: queue.head,
        -70040: ends,
        -70041: await successor.sign_digest(hashlib.sha256(proven).digest()),
    }
    statement = await sign1(cbor.encode(claims), signer.kid, signer)
    head = begins.to_bytes(8, "big") + ends.to_bytes(8, "big") + signer.kid + successor.kid
    log.note(KEY, "next-" + hexlify(successor.kid).decode())
    keep(folder + "/attest.statement", head + statement)


async def _successor(hw: "Hardware", signer: "Signer", folder: str) -> "Signer":
    """With the next key, which is made if there is none."""
    path = folder + "/attest.next"
    raw = content(path)
    element = hw.element
    if signer.custody == IN_ELEMENT and element:
        from terminal import element_signer

        current = content(folder + "/attest.slot") or bytes([hw.element_slot])
        slot = raw[0] if raw else 2 * hw.element_slot + 1 - current[0]
        if not raw:
            try:
                await element.generate_key(slot)
            except OSError as error:
                raise element_signer.fault(error) from None
            keep(path, bytes([slot, 1]))  # as in element_signer.SLOT_FILE
        return await element_signer.ElementSigner.open(element, slot)
    if not raw:
        raw = p256.generate(hw.random).to_bytes(32, "big")
        keep(path, raw)
    return SoftwareSigner.from_bytes(raw, hw.random)
