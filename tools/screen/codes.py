"""The catalogue of codes as people read it: a page for all, a few lines for one."""

import re
from collections.abc import Iterator
from itertools import groupby

from host_agent.errors import CATALOGUE_PATH, CatalogueEntry, ConfigError, catalogue
from tools.screen.wording import Language

PAGE = CATALOGUE_PATH.with_name("CODES.md")
LABELS: dict[Language, tuple[str, str]] = {"zh": ("客户", "店员"), "en": ("Customer", "Staff")}

HEAD = """# Codes

Written by `python -m tools.screen codes` from [catalogue.toml](catalogue.toml). A terminal shows the number,
`shiming explain E1007` explains it. Codes and numbers never change and are never used again.
"""


def page() -> str:
    headings = dict(re.findall(r"^# --- (\d): (.*)$", CATALOGUE_PATH.read_text(encoding="utf-8"), re.MULTILINE))
    parts = [HEAD]
    for group, entries in groupby(catalogue().values(), lambda entry: entry.number[1]):
        parts.append(f"\n## {headings[group].capitalize()}\n\n")
        parts.append("| number | code | meaning | 客户 customer | 店员 staff |\n|---|---|---|---|---|\n")
        parts += [_row(entry) for entry in entries]
    return "".join(parts)


def find(name: str) -> CatalogueEntry:
    """By code or by number, in any case. Raises ConfigError."""
    for entry in catalogue().values():
        if name.lower() in (entry.code, entry.number.lower()):
            return entry
    raise ConfigError(f"no code {name!r}; all of them are in {PAGE.name}")


def explanation(entry: CatalogueEntry, language: Language) -> Iterator[str]:
    said = entry.zh if language == "zh" else entry
    customer, clerk = LABELS[language]
    yield f"{entry.number} {entry.code}: {said.words}"
    if said.customer:
        yield f"  {customer}: {said.customer}"
    yield f"  {clerk}: {said.clerk}"


def _row(entry: CatalogueEntry) -> str:
    both = [(entry.zh.words, entry.words), (entry.zh.customer, entry.customer), (entry.zh.clerk, entry.clerk)]
    cells = ["<br>".join(filter(None, texts)).replace("|", "\\|") for texts in both]
    return f"| {entry.number} | `{entry.code}` | {' | '.join(cells)} |\n"
