"""One registration, from an order to a signed record on flash. Read `Session.run` from top to bottom.

Every order ends in exactly one record: identity sealed to the backend, or a refusal with its code. After it, nothing of
the person is left in reach: buffers are overwritten, names dropped and collected.
"""

import gc
import time

from terminal import card, claim, cose
from terminal.errors import (
    CardError,
    CardExpired,
    CardMalformed,
    CardNotYetValid,
    NumberInvalid,
    QueueFull,
    ReaderError,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from terminal.agent_messages import Order
    from terminal.config import Config
    from terminal.hardware import Hardware
    from terminal.queue import Queue
    from terminal.signer import SoftwareSigner
    from terminal.station import Presentation, Station
    from terminal.uplink import Uplink

RESERVE_BYTES = 24_576  # the largest record and the queue's marks: made sure of before a customer is asked for a card
TRUSTED_SOURCE = 3  # network: from here on the clock decides over a card's validity
CLOCK_UNCERTAINTY_S = 30
# Most ports of MicroPython count from 2000, the unix port from 1970; `hw.clock` always from 1970.
EPOCH_S = 946_684_800 if time.gmtime(0)[0] == 2000 else 0


class Session:
    """`station.read_card(deadline_s, on_event)` gives a card, whatever the reader module goes through meanwhile."""

    def __init__(
        self,
        hw: "Hardware",
        config: "Config",
        boot: claim.Boot,
        station: "Station",
        queue: "Queue",
        signer: "SoftwareSigner",
        uplink: "Uplink",
    ) -> None:
        self._hw = hw
        self._config = config
        self._boot = boot
        self._station = station
        self._queue = queue
        self._signer = signer
        self._uplink = uplink

    async def run(self, order: "Order") -> None:
        """A fault of card or reader is a result. Raises QueueFull, before asking for a card, and QueueError."""
        self._require_room()
        show = self._hw.panel.show
        read = person = reading = reason = None
        try:
            try:
                show("place-card")
                read = await self._station.read_card(order.expires_at, show)
                person = card.parse(read.text)
                reading, reason = self._appraise(person, read)
            except (CardError, ReaderError) as error:
                reason = error.code
            token = self._sign(order, read, person, reading, reason)
            seq = self._queue.append(order.id, token)
            self._uplink.wake()
            if read:
                show("overhead-ms", None, read.elapsed_ms() - read.answer_ms)
            show("refused" if reason else "queued", reason, seq)
        finally:
            if read:
                read.wipe()
            read = person = None
            gc.collect()

    def _require_room(self) -> None:
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
        return claim.Reading(person.document, read.attempts, is_number_right, validity, read.elapsed_ms()), reason

    def _today(self) -> "str | None":
        """In China (UTC+8, no summer time), YYYYMMDD; None when the clock is not to be trusted."""
        if self._hw.clock.source < TRUSTED_SOURCE:
            return None
        year, month, day = time.gmtime(self._hw.clock.now() - EPOCH_S + 8 * 3600)[:3]
        return "%04d%02d%02d" % (year, month, day)

    def _sign(
        self,
        order: "Order",
        read: "Presentation | None",
        person: "card.Person | None",
        reading: "claim.Reading | None",
        reason: "str | None",
    ) -> bytes:
        config, clock = self._config, self._hw.clock
        cti = self._hw.random(16)
        chain = (self._queue.next_seq, self._queue.head)
        sealed = None
        if read and person and reason is None:
            plaintext = claim.identity(person, read.addresses, read.photo, order.msisdn)
            context = claim.seal_context(config.ueid, cti, chain[0])
            sealed = cose.seal(plaintext, config.backend_kid, config.backend_point, context, self._hw.random)
        uncertainty_s = CLOCK_UNCERTAINTY_S if clock.source >= TRUSTED_SOURCE else None
        trust = claim.Clock(not self._uplink.is_online, clock.source, uncertainty_s)
        found = claim.results(order, self._station.sam_id, reading, reason)
        payload = claim.evidence(config, self._boot, trust, order, clock.now(), cti, chain, found, sealed)
        return cose.sign1(payload, self._signer.kid, self._signer, typ=claim.MEDIA_TYPE)
