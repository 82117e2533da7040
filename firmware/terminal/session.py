"""One registration, from an order to a signed record on flash. Read `Session.run` from top to bottom.

Every order ends in exactly one record: identity sealed to the backend, or a refusal with its code. After it, nothing of
the person is left in reach: buffers are overwritten, names dropped and collected.
"""

import asyncio
import gc
import time

from terminal import card, claim, cose
from terminal.errors import (
    Cancelled,
    CardError,
    CardExpired,
    CardMalformed,
    CardNotYetValid,
    NumberInvalid,
    QueueFull,
    ReaderError,
)
from terminal.masking import masked
from terminal.signer import sign1

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Coroutine
    from typing import Any, TypeVar

    from terminal.agent_messages import Order
    from terminal.card_picture import CardPicture
    from terminal.config import Config
    from terminal.face_step import FaceStep
    from terminal.hardware import Hardware
    from terminal.panel import Panel
    from terminal.queue import Queue
    from terminal.reserve import Reserve
    from terminal.signer import Signer
    from terminal.station import Presentation, Station
    from terminal.uplink import Uplink

    Result = TypeVar("Result")

RESERVE_BYTES = 24_576  # the largest record and the queue's marks: made sure of before a customer is asked for a card
TRUSTED_SOURCE = 3  # network: from here on the clock decides over a card's validity
CLOCK_UNCERTAINTY_S = 30
# Most ports of MicroPython count from 2000, the unix port from 1970; `hw.clock` always from 1970.
EPOCH_S = 946_684_800 if time.gmtime(0)[0] == 2000 else 0


class Session:
    """`station.read_card(deadline_s, on_event)` gives a card, whatever the reader module goes through meanwhile;
    `picture` is where it leaves the one on the card. `face` is None on a board without a camera."""

    def __init__(
        self,
        hw: "Hardware",
        panel: "Panel",
        config: "Config",
        boot: claim.Boot,
        station: "Station",
        queue: "Queue",
        signer: "Signer",
        uplink: "Uplink",
        reserve: "Reserve",
        face: "FaceStep | None" = None,
        picture: "CardPicture | None" = None,
    ) -> None:
        self._hw = hw
        self._panel = panel
        self._config = config
        self._boot = boot
        self._station = station
        self._queue = queue
        self._signer = signer
        self._uplink = uplink
        self._reserve = reserve
        self._face = face
        self._picture = picture

    async def run(self, order: "Order") -> None:
        """A fault of card or reader, and a cancelling, are results. Raises QueueFull, before asking for a card, and
        QueueError."""
        self._require_room()
        show = self._panel.show
        read = person = reading = reason = None
        face = claim.no_face(claim.NOT_REACHED if self._face else claim.NO_CAMERA)
        try:
            show("ready-offline" if order.sheet else "ready")
            if order.sheet:
                self._panel.show_number(order.msisdn)
            cti = self._hw.random(16)
            try:
                read = await self._unless_cancelled(self._station.read_card(order.expires_at, show))
                person = card.parse(read.text)
                show("read-look" if self._face else "read")
                self._panel.show_person(masked(person.name or person.english_name or "", person.number))
                await asyncio.sleep(0)  # after every long step: the screen, and whoever presses a button
                reading, reason = self._appraise(person, read)
                if self._face and reason is None:
                    face = await self._look(self._face, order, cti, read)
                    reason = face.reason
            except (Cancelled, CardError, ReaderError) as error:
                reason = error.code
            token = await self._sign(order, cti, read, person, reading, face, reason)
            seq = self._queue.append(order.id, token, self._hw.clock.now())
            if order.sheet:
                self._reserve.remove(order)
            self._uplink.wake()
            if read:
                show("overhead-ms", None, read.elapsed_ms() - read.waited_ms)
            show("refused" if reason else "queued", reason, seq)
        finally:
            if read:
                read.wipe()
            if self._picture:
                self._picture.wipe()
            read = person = None
            gc.collect()
            show("loop-gap-ms", None, self._panel.take_gap_ms())
            show("heap-free", None, gc.mem_free())

    async def _look(self, face_step: "FaceStep", order: "Order", cti: bytes, read: "Presentation") -> claim.Findings:
        """Raises Cancelled."""
        picture = self._picture.frame() if self._picture else None
        try:
            return await self._unless_cancelled(face_step.run(order.nonce, cti, picture))
        finally:
            read.waited_ms += face_step.duration_ms
            self._panel.show("face-ms", None, face_step.duration_ms)
            self._panel.show("face-overhead-ms", None, face_step.overhead_ms)

    async def _unless_cancelled(self, step: "Coroutine[Any, Any, Result]") -> "Result":
        """Raises Cancelled when the button is pressed meanwhile."""
        task = asyncio.create_task(step)
        self._panel.on_cancel = task.cancel
        try:
            return await task
        except asyncio.CancelledError:
            raise Cancelled("by the button") from None
        finally:
            self._panel.on_cancel = None

    def _require_room(self) -> None:
        self._queue.require_room(self._hw.clock.now())
        if self._hw.free_bytes() < RESERVE_BYTES:
            raise QueueFull("flash is full")

    def _appraise(self, person: card.Person, read: "Presentation") -> tuple:
        """(Reading, reason code or None)"""
        if person.damaged:
            raise CardMalformed("a character that cannot be decoded")  # better no record than one with a wrong name
        reason = None
        validity = card.NOT_CHECKED
        try:
            card.check_number(person)
            validity = card.validity(person, self._today())
            if validity == card.EXPIRED:
                reason = CardExpired.code
            elif validity == card.NOT_YET_VALID:
                reason = CardNotYetValid.code
        except NumberInvalid as error:
            reason = error.code
        is_number_right = reason != NumberInvalid.code
        return claim.Reading(person.document, read.attempts, is_number_right, validity), reason

    def _today(self) -> "str | None":
        """In China (UTC+8, no summer time), YYYYMMDD; None when the clock is not to be trusted."""
        if self._hw.clock.source < TRUSTED_SOURCE:
            return None
        year, month, day = time.gmtime(self._hw.clock.now() - EPOCH_S + 8 * 3600)[:3]
        return "%04d%02d%02d" % (year, month, day)

    async def _sign(
        self,
        order: "Order",
        cti: bytes,
        read: "Presentation | None",
        person: "card.Person | None",
        reading: "claim.Reading | None",
        face: claim.Findings,
        reason: "str | None",
    ) -> bytes:
        config, clock = self._config, self._hw.clock
        chain = (self._queue.next_seq, self._queue.head)
        sealed = None
        if read and person and reason is None:
            sealed = self._seal(person, read, order, cti)
            gc.collect()  # here and below: what lives on is not to lie in the middle of what does not
            await asyncio.sleep(0)
        uncertainty_s = CLOCK_UNCERTAINTY_S if clock.source >= TRUSTED_SOURCE else None
        trust = claim.Clock(not self._uplink.is_online, clock.source, uncertainty_s)
        age_ms = read.elapsed_ms() if read else None
        found = claim.results(order, self._station.sam_id, reading, age_ms, face, reason)
        signer, epoch = self._signer, self._reserve.epoch
        payload = claim.evidence(
            config, self._boot, trust, order, clock.now(), cti, chain, found, sealed, signer.custody, epoch
        )
        sealed = found = None
        gc.collect()
        return await sign1(payload, signer.kid, signer, claim.MEDIA_TYPE)

    def _seal(self, person: card.Person, read: "Presentation", order: "Order", cti: bytes) -> bytes:
        config = self._config
        plaintext = claim.identity(person, read.addresses, read.photo, order.msisdn)
        context = claim.seal_context(config.ueid, cti, self._queue.next_seq)
        return cose.seal(plaintext, config.backend_kid, config.backend_point, context, self._hw.random)
