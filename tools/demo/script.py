"""Who comes to the shop, what happens to their card, and how it has to end. Pure, and seeded."""

from dataclasses import dataclass
from enum import StrEnum

from tools.emulator import people


class Plot(StrEnum):
    PLAIN = "plain"
    EXPIRED = "expired"
    PULLED = "pulled"  # the card is taken away in the middle of the reading, and put back
    WRONG_DIGIT = "wrong-digit"


# Five customers, again and again.
PLOTS = (Plot.PLAIN, Plot.EXPIRED, Plot.PULLED, Plot.WRONG_DIGIT, Plot.PLAIN)
REFUSALS = {Plot.EXPIRED: "card-expired", Plot.WRONG_DIGIT: "number-invalid"}


@dataclass(frozen=True, slots=True)
class Customer:
    number: int  # from 1
    plot: Plot
    person: people.Person
    order_id: str
    msisdn: str

    @property
    def expected_refusal(self) -> str | None:
        return REFUSALS.get(self.plot)


def customers(count: int, seed: int) -> list[Customer]:
    """MSISDNs lie in 170 0000 xxxx, a range for resellers' numbers with nobody behind it here."""
    deck = people.deck(seed, count)
    return [_customer(i, person, seed) for i, person in enumerate(deck, start=1)]


def _customer(number: int, person: people.Person, seed: int) -> Customer:
    plot = PLOTS[(number - 1) % len(PLOTS)]
    if plot is Plot.EXPIRED:
        person = people.expired(person)
    elif plot is Plot.WRONG_DIGIT:
        person = people.with_wrong_check_digit(person)
    return Customer(number, plot, person, f"demo-{seed}-{number:04d}", f"1700000{number:04d}")
