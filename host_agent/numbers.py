"""The numbers of identity documents: which are right (reader facts section 5), and what a person should look at.

Pure. `doubts` are warnings and never refuse: a code may be newer than our tables, a card may be oddly made.
"""

import re
from datetime import datetime

from host_agent.attestation import DocumentType
from host_agent.sealed import Identity
from host_agent.tables import ETHNIC_GROUPS, PROVINCES

HMT_ADDRESS_CODES = {"810000": "H", "820000": "M", "830000": ""}  # and the letter of the travel permit
NO_EARLIER_CARD = ("", "000")

_EIGHTEEN = re.compile(r"[0-9]{17}[0-9X]")
_FIFTEEN = re.compile(r"[A-Z]{3}[0-9]{12}")
_LINK = re.compile(r"[0-9]{3}")
_NATIONALITY = re.compile(r"[A-Z]{3}")
_EIGHT_DIGITS = re.compile(r"[0-9]{8}")
_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_CHECK_DIGITS = "10X98765432"


def is_valid(document: DocumentType, number: str, birth_date: str) -> bool:
    """Form, check digit, and the birth date in its place; a foreigner's number of 2017 has no century."""
    if not is_date(birth_date):
        return False
    if document is DocumentType.FOREIGN_2017:
        return bool(_FIFTEEN.fullmatch(number)) and number[7:13] == birth_date[2:] and number[14] == check_731(number)
    if not _EIGHTEEN.fullmatch(number) or number[6:14] != birth_date or number[17] != check_mod_11_2(number):
        return False
    match document:
        case DocumentType.HMT_PERMIT:
            return number[:6] in HMT_ADDRESS_CODES
        case DocumentType.FOREIGN_2023:
            return number[0] == "9"
    return True


def earlier_number(number: str, nationality: str, link: str) -> str | None:
    """The number of 2017 that the holder of a card of 2023 had before; None when the card tells of none."""
    if link in NO_EARLIER_CARD:
        return None
    if not (_EIGHTEEN.fullmatch(number) and _NATIONALITY.fullmatch(nationality) and _LINK.fullmatch(link)):
        return None
    first14 = nationality + number[1:3] + link[:2] + number[8:14] + link[2]
    return first14 + check_731(first14)


def doubts(identity: Identity) -> tuple[str, ...]:
    """Names of the things about a valid card that are unusual; without personal data."""
    number, document = identity.number, identity.document
    found = []
    if document is not DocumentType.FOREIGN_2017 and identity.sex in (1, 2) and int(number[16]) % 2 != identity.sex % 2:
        found.append("sex-parity")  # the form of 2017 does not tell the sex
    place = {DocumentType.FOREIGN_2017: number[3:5], DocumentType.FOREIGN_2023: number[1:3]}.get(document, number[:2])
    if place not in PROVINCES:
        found.append("province-unknown")
    if identity.ethnicity is not None and identity.ethnicity not in ETHNIC_GROUPS:
        found.append("ethnic-group-unknown")
    if document is DocumentType.HMT_PERMIT and not _is_travel_permit(identity.travel_permit or "", number[:6]):
        found.append("travel-permit-form")
    if document is DocumentType.FOREIGN_2017 and number[:3] != identity.nationality:
        found.append("nationality-differs")
    return tuple(found)


def check_mod_11_2(number: str) -> str:
    """ISO 7064, over the first 17 digits."""
    return _CHECK_DIGITS[sum(weight * int(digit) for weight, digit in zip(_WEIGHTS, number, strict=False)) % 11]


def check_731(number: str) -> str:
    """Weights 7, 3, 1 over the first 14 characters; A is 10."""
    return str(sum((7, 3, 1)[i % 3] * int(char, 36) for i, char in enumerate(number[:14])) % 10)


def is_date(text: str) -> bool:
    # strptime alone would take blanks and other scripts' digits as well
    if not _EIGHT_DIGITS.fullmatch(text):
        return False
    try:
        datetime.strptime(text, "%Y%m%d")
    except ValueError:
        return False
    return True


def _is_travel_permit(permit: str, address_code: str) -> bool:
    letter = HMT_ADDRESS_CODES[address_code]
    return permit.startswith(letter) and bool(_EIGHT_DIGITS.fullmatch(permit[len(letter) :]))
