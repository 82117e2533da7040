"""The host's errors and the words of the product's one catalogue of codes, `catalogue.toml`.

A message never carries personal data or secrets: it may be logged, shown and sent as it is.
"""

import tomllib
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

CATALOGUE_PATH = Path(__file__).with_name("catalogue.toml")


@dataclass(frozen=True, slots=True)
class Wording:
    """What is said of a code in one language. Only what can come to a terminal's screen has a title."""

    words: str
    customer: str
    clerk: str
    title: str = ""


@dataclass(frozen=True, slots=True)
class CatalogueEntry(Wording):
    """The English wording is the entry's own."""

    code: str = field(kw_only=True)
    number: str = field(kw_only=True)
    zh: Wording = field(kw_only=True)


@cache
def catalogue() -> dict[str, CatalogueEntry]:
    tables = tomllib.loads(CATALOGUE_PATH.read_text(encoding="utf-8"))
    return {
        code: CatalogueEntry(code=code, zh=Wording(**chinese), **english)
        for code, english in tables.items()
        for chinese in [english.pop("zh")]
    }


def words(code: str) -> CatalogueEntry:
    """The entry of a code; that of `internal` for one we do not know (a newer firmware may send some)."""
    return catalogue().get(code) or catalogue()["internal"]


class ShimingError(Exception):
    code: str = "internal"
    exit_status: int = 1

    def __init__(self, message: str = "") -> None:
        super().__init__(message or words(self.code).words)


class ConfigError(ShimingError):
    """A setting, key file or registry that cannot be used; the message names the key and what is allowed."""

    code = "config-invalid"
    exit_status = 2


class TestAuthorityRefused(ShimingError):
    code = "test-authority-refused"
    exit_status = 2
    __test__ = False  # pytest would take the name for a test class


class TokenRefused(ShimingError):
    """A signed object that is not accepted; `code` stands in the receipt."""

    def __init__(self, code: str, message: str = "") -> None:
        self.code = code
        super().__init__(message)
