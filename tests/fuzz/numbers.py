"""Target: the number rules over valid, nearly valid and random numbers. Portable; host.py compares the agent's."""

from collections import namedtuple

from terminal import card
from terminal.errors import NumberInvalid

from tests.fuzz import layouts
from tests.fuzz.source import Source
from tests.fuzz.texts import blank_person

# `is_right` is None where only the rules themselves can say
Case = namedtuple("Case", ("document", "number", "birth", "is_right"))

_HMT_CODES = ("810000", "820000", "830000")
_WRONG_HMT_CODES = ("800000", "840000", "810001", "710000", "910000", "008100")
_ZEROS = (0xFF10, 0x660, 0x1D7CE)  # of the full-width, the Arabic-Indic and the bold digits
_SYMBOLS = "0123456789X"
_STRANGE = " \0\n-xZaX５Ⅹ０٣\u200b\U0001d7ce"


def check_number(data: bytes) -> None:
    case = number_case(data)
    is_right = firmware_says(case)
    assert case.is_right is None or is_right == case.is_right, "right or wrong"


def firmware_says(case: Case) -> bool:
    try:
        card.check_number(blank_person(case.document, {"number": case.number, "birth": case.birth}))
    except NumberInvalid:
        return False
    return True


def seeds() -> list:
    # document, kind of change, then the digits
    return [bytes((document, kind)) + bytes(range(30, 60)) for document in range(4) for kind in range(9)]


def number_case(data: bytes) -> Case:
    source = Source(data)
    document = 1 + source.below(4)
    kind = source.below(9)
    number, birth = _valid(source, document)
    if kind == 0:
        return Case(document, number, birth, True)
    if kind == 1:
        return _with_other_digit(source, document, number, birth)
    if kind == 2:
        return _with_swap(source, document, number, birth)
    at = source.below(len(number))
    if kind == 3:  # a character less
        return Case(document, number[:at] + number[at + 1 :], birth, False)
    if kind == 4:  # one more
        return Case(document, number[:at] + source.choice(_SYMBOLS) + number[at:], birth, False)
    if kind == 5:
        strange = source.choice(_STRANGE)
        if "0" <= number[at] <= "9" and source.below(2):
            strange = chr(source.choice(_ZEROS) + int(number[at]))  # int() takes it for the same digit
        changed = number[:at] + strange + number[at + 1 :]
        return Case(document, changed, birth, None if strange in "ZX" else False)
    if kind == 6:
        return _of_another_birth(source, document, number, birth)
    if kind == 7:
        return _of_another_place(source, document, number, birth)
    alphabet = _SYMBOLS + source.choice(("", "ABCXYZ", _STRANGE))
    number = "".join([source.choice(alphabet) for _ in range(source.below(24))])
    return Case(document, number, number[6:14] if source.below(2) else birth, None)


def _valid(source: Source, document: int) -> tuple:
    year, month, day = 1 + source.below(9999), 1 + source.below(12), 1 + source.below(28)
    birth = "%04d%02d%02d" % (year, month, day)
    if document == layouts.FOREIGN_2017:
        letters = "".join([chr(65 + source.below(26)) for _ in range(3)])
        first14 = letters + source.digits(4) + birth[2:] + source.digits(1)
        return first14 + layouts.check_15(first14), birth
    if document == layouts.HMT_PERMIT:
        place = source.choice(_HMT_CODES)
    else:
        place = ("9" if document == layouts.FOREIGN_2023 else source.digits(1)) + source.digits(5)
    first17 = place + birth + source.digits(3)
    return first17 + layouts.check_18(first17), birth


def _with_other_digit(source: Source, document: int, number: str, birth: str) -> Case:
    """Both check characters notice every one. The birth field follows the number, so that nothing else can."""
    first = 3 if document == layouts.FOREIGN_2017 else 0
    at = first + source.below(len(number) - first)
    symbols = _SYMBOLS if len(number) == 18 and at == 17 else _SYMBOLS[:10]
    other = symbols[(symbols.index(number[at]) + 1 + source.below(len(symbols) - 1)) % len(symbols)]
    changed = number[:at] + other + number[at + 1 :]
    return Case(document, changed, _birth_in(changed, birth), False)


def _with_swap(source: Source, document: int, number: str, birth: str) -> Case:
    """MOD 11-2 notices every swap of neighbours, 7-3-1 not those that differ by five."""
    at = source.below(len(number) - 1)
    changed = number[:at] + number[at + 1] + number[at] + number[at + 2 :]
    if changed == number:
        return Case(document, number, birth, True)
    return Case(document, changed, _birth_in(changed, birth), False if len(number) == 18 else None)


def _of_another_birth(source: Source, document: int, number: str, birth: str) -> Case:
    kind = source.below(4)
    if kind == 0:
        return Case(document, number, source.choice(("", birth[2:], birth + "0", birth[:7] + "٣", "长期")), False)
    if kind == 1:
        changed = "%08d" % ((int(birth) + 1 + source.below(65535)) % 100000000)
        is_seen = document != layouts.FOREIGN_2017 or changed[2:] != birth[2:]
        return Case(document, number, changed, False if is_seen else None)
    # a date that is none, in the number and the field alike
    wrong = birth[:4] + source.choice(("0230", "1301", "0001", "0100", "0431", "9999"))
    if document == layouts.FOREIGN_2017:
        first14 = number[:7] + wrong[2:] + number[13]
        return Case(document, first14 + layouts.check_15(first14), wrong, False)
    first17 = number[:6] + wrong + number[14:17]
    return Case(document, first17 + layouts.check_18(first17), wrong, False)


def _of_another_place(source: Source, document: int, number: str, birth: str) -> Case:
    """All is right but the beginning, which only the rules of this document look at."""
    if document == layouts.FOREIGN_2017:
        at = source.below(3)
        changed = number[:at] + source.choice("09az@[Ａ") + number[at + 1 : 14] + source.digits(1)
        return Case(document, changed, birth, False)
    if document == layouts.HMT_PERMIT:
        first17 = source.choice(_WRONG_HMT_CODES) + number[6:17]
    else:
        first17 = source.choice("012345678") + number[1:17]
    return Case(document, first17 + layouts.check_18(first17), birth, document == layouts.RESIDENT)


def _birth_in(number: str, birth: str) -> str:
    return birth[:2] + number[7:13] if len(number) == 15 else number[6:14]
