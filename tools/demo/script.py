"""Who comes to the shop, what happens to their card, and how it has to end. Pure, and seeded."""

from dataclasses import dataclass
from enum import StrEnum

from tools.emulator import people
from tools.emulator.camera.cast import CAST
from tools.emulator.camera.visitor import Visitor
from tools.emulator.scenario import Fault


class Plot(StrEnum):
    PLAIN = "plain"
    HMT_PERMIT = "hmt-permit"
    FOREIGN_2017 = "foreign-2017"
    FOREIGN_2023 = "foreign-2023"
    EXPIRED = "expired"
    WRONG_DIGIT = "wrong-digit"
    UNKNOWN = "unknown"  # the module does not know the card's kind
    PULLED = "pulled"  # the card is taken away in the middle of the reading, and put back
    CANCELLED = "cancelled"  # by the button, before there is a card
    IMPOSTOR = "impostor"  # comes with somebody else's card
    PHOTO = "photo"  # holds a print of the card's holder before the camera
    WALKED_OUT = "walked-out"  # cancels in the middle of the moves


# Of the reader, each once.
NOISE = Fault("find", noise_bytes=40)
DAMAGED = Fault("read", bad_checksum=True)
LATE = Fault("select", delay_ms=1800)
UNKNOWN_KIND = Fault("select", sw3=0x40)

Act = tuple[Plot, Fault | None]

# Twelve customers, again and again.
SCRIPT: tuple[Act, ...] = (
    (Plot.PLAIN, None),
    (Plot.EXPIRED, None),
    (Plot.PULLED, None),
    (Plot.WRONG_DIGIT, None),
    (Plot.HMT_PERMIT, None),
    (Plot.PLAIN, NOISE),
    (Plot.FOREIGN_2023, None),
    (Plot.CANCELLED, None),
    (Plot.PLAIN, DAMAGED),
    (Plot.FOREIGN_2017, None),
    (Plot.UNKNOWN, UNKNOWN_KIND),
    (Plot.PLAIN, LATE),
)
# Who passes before the camera takes half a minute.
SCRIPT_WITH_FACES: tuple[Act, ...] = (
    (Plot.PLAIN, None),
    (Plot.IMPOSTOR, None),
    (Plot.EXPIRED, None),
    (Plot.PHOTO, None),
    (Plot.HMT_PERMIT, NOISE),
    (Plot.WRONG_DIGIT, None),
    (Plot.FOREIGN_2023, DAMAGED),
    (Plot.CANCELLED, None),
    (Plot.FOREIGN_2017, LATE),
    (Plot.WALKED_OUT, None),
    (Plot.UNKNOWN, UNKNOWN_KIND),
    (Plot.PULLED, None),
)
REFUSALS = {
    Plot.EXPIRED: "card-expired",
    Plot.WRONG_DIGIT: "number-invalid",
    Plot.UNKNOWN: "card-unsupported",
    Plot.CANCELLED: "cancelled",
    Plot.IMPOSTOR: "face-mismatch",
    Plot.PHOTO: "face-not-live",
    Plot.WALKED_OUT: "cancelled",
}
PEOPLE = {
    Plot.EXPIRED: people.expired,
    Plot.WRONG_DIGIT: people.with_wrong_check_digit,
    Plot.HMT_PERMIT: people.hmt_permit,
    Plot.FOREIGN_2017: people.foreign_2017,
    Plot.FOREIGN_2023: people.foreign_2023,
}


@dataclass(frozen=True, slots=True)
class Customer:
    """`head` is that of the camera's cast whose picture is on the card, `visitor` who comes before the camera."""

    number: int  # from 1
    plot: Plot
    person: people.Person
    order_id: str
    msisdn: str
    fault: Fault | None = None
    head: int | None = None
    visitor: Visitor | None = None

    @property
    def expected_refusal(self) -> str | None:
        return REFUSALS.get(self.plot)


def customers(count: int, seed: int, *, with_faces: bool = False) -> list[Customer]:
    """MSISDNs lie in 170 0000 xxxx, a range for resellers' numbers with nobody behind it here."""
    script = SCRIPT_WITH_FACES if with_faces else SCRIPT
    deck = people.deck(seed, count)
    return [_customer(i, person, seed, script[(i - 1) % len(script)], with_faces) for i, person in enumerate(deck, 1)]


def _customer(number: int, person: people.Person, seed: int, act: Act, with_face: bool) -> Customer:
    plot, fault = act
    if plot in PEOPLE:
        person = PEOPLE[plot](person)
    head = CAST[number % len(CAST)]
    visitor = _visitor(plot, number, head, seed) if with_face else None
    order_id, msisdn = f"demo-{seed}-{number:04d}", f"1700000{number:04d}"
    return Customer(number, plot, person, order_id, msisdn, fault, head if with_face else None, visitor)


def _visitor(plot: Plot, number: int, head: int, seed: int) -> Visitor:
    if plot is Plot.IMPOSTOR:
        head = CAST[(number + 1) % len(CAST)]
    return Visitor(head, "print, flat" if plot is Plot.PHOTO else "genuine", seed + number, careful=True)
