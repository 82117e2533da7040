"""All that the screen can say, from its two sources: the catalogue of codes and `firmware/assets/words.toml`."""

import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from host_agent.errors import catalogue

ASSETS = Path(__file__).parents[2] / "firmware/assets"
SURNAMES = Path(__file__).with_name("surnames.txt")
LANGUAGES: tuple["Language", ...] = ("zh", "en")

Language = Literal["zh", "en"]
Role = Literal["title", "customer", "clerk", "label"]


@dataclass(frozen=True, slots=True)
class Phrase:
    """What is shown of one key in one language, not yet broken into lines."""

    key: str
    language: Language
    number: str
    title: str
    customer: str = ""
    clerk: str = ""
    is_label: bool = False  # small, on one line

    def texts(self) -> Iterator[tuple[Role, str]]:
        yield "label" if self.is_label else "title", self.title
        yield "customer", self.customer
        yield "clerk", self.clerk


def phrases() -> list[Phrase]:
    return [*_of_codes(), *_of_states()]


def name_characters() -> set[str]:
    """Those a masked name can have: a family name's first character, and what masks the rest."""
    return set("".join(line for line in SURNAMES.read_text(encoding="utf-8").split("\n") if line[:1] != "#"))


def _of_codes() -> Iterator[Phrase]:
    for entry in catalogue().values():
        if entry.title:
            yield Phrase(entry.code, "zh", entry.number, entry.zh.title, entry.zh.customer, entry.zh.clerk)
            yield Phrase(entry.code, "en", entry.number, entry.title, entry.customer, entry.clerk)


def _of_states() -> Iterator[Phrase]:
    tables: dict[str, Any] = tomllib.loads((ASSETS / "words.toml").read_text(encoding="utf-8"))
    for key, texts in tables["states"].items():
        for language in LANGUAGES:
            yield Phrase(key, language, "", **texts[language])
    for key, texts in tables["labels"].items():
        for language in LANGUAGES:
            yield Phrase(key, language, "", texts[language], is_label=True)
