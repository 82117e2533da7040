"""What a technician sees of a document: enough to know that it was read right, and no more unless it is revealed."""

from datetime import date
from typing import Any

from terminal import card
from terminal.errors import CardError
from terminal.masking import mask_name, mask_number
from terminal.reader import CardData

DOCUMENTS = {
    card.RESIDENT: "resident ID card",
    card.HMT_PERMIT: "residence permit for Hong Kong, Macao and Taiwan residents",
    card.FOREIGN_2017: "foreign permanent resident ID card, 2017",
    card.FOREIGN_2023: "foreign permanent resident ID card, 2023",
}
VALIDITY = {
    card.NOT_CHECKED: "not checked",
    card.VALID: "valid",
    card.EXPIRED: "card-expired",
    card.NOT_YET_VALID: "card-not-yet-valid",
}
_SHOWN = ("valid_from", "valid_to")  # of no person


def view(data: CardData, today: date, *, is_revealed: bool) -> dict[str, Any]:
    """CardError for a card that cannot be understood. A wrong number or an old card is a result, not an error."""
    person = card.parse(data.text)
    fields = {name: value for name in card.FIELDS if (value := getattr(person, name)) is not None}
    if not is_revealed:
        fields = {
            "name": mask_name(person.name or person.english_name or ""),
            "number": mask_number(person.number),
            **{name: fields[name] for name in _SHOWN if name in fields},
        }
    shown: dict[str, Any] = {"document": DOCUMENTS[person.document]} | fields
    if is_revealed:
        shown["additional_addresses"] = list(data.addresses)
    return shown | {
        "number_check": _number_check(person),
        "validity": VALIDITY[card.validity(person, today.strftime("%Y%m%d"))],
        "additional_address_count": len(data.addresses),
        "photo_bytes": len(data.photo),
        "answer_ms": data.answer_ms,
    }


def _number_check(person: card.Person) -> str:
    try:
        card.check_number(person)
    except CardError as error:
        return error.code
    return "ok"
