"""The table of README.md, from what each attack says of itself: `python -m tests.attacks.book --write`."""

import importlib
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.attacks.bench import Attack

FOLDER = Path(__file__).parent
README = FOLDER / "README.md"
START, END = "<!-- attacks -->\n", "<!-- end of the attacks -->\n"

# What stands in the column of codes and is none of the catalogue: what happens instead.
OUTCOMES = {
    "duplicate": "the receipt's verdict: it counts once",
    "tls": "the handshake fails; OpenSSL says why in the broker",
    "connection-ended": "the broker hangs up",
    "topic-refused": "the broker's log says so; SUBACK 0x80 for a subscription, nothing at all for a message",
    "not-retained": "the broker forgets it once it is delivered",
    "not-run": "the terminal drops the order without a word: it comes again until it has ended",
    "no-receipt": "it is counted and not kept, and gets no receipt",
    "kept": "the terminal keeps its record",
}


@dataclass(frozen=True, slots=True)
class Page:
    """One file of the book."""

    path: Path
    title: str
    attack: Attack

    @property
    def name(self) -> str:
        return self.path.stem.removeprefix("test_")

    @property
    def check_file(self) -> str:
        return self.attack.check.split(":")[0]


def pages() -> Iterator[Page]:
    for path in sorted(FOLDER.glob("test_*.py")):
        module = importlib.import_module(f"tests.attacks.{path.stem}")
        if (attack := getattr(module, "ATTACK", None)) is not None:
            yield Page(path, (module.__doc__ or "").rstrip("."), attack)


def find_check(check: str) -> object:
    """The function, or raises AttributeError or ImportError: it has another name or place by now."""
    file, name = check.split(":")
    found: object = importlib.import_module(file.removeprefix("firmware/").removesuffix(".py").replace("/", "."))
    for part in name.split("."):
        found = getattr(found, part)
    return found


def table() -> str:
    lines = ["| attack | what the attacker has, and does | code | check | file |\n", "|---|---|---|---|---|\n"]
    for page in pages():
        attack = page.attack
        file, function = attack.check.split(":")
        lines.append(
            f"| {page.title} | has {attack.has}; {attack.does} | `{attack.code}` | `{function}` in `{file}`"
            f" | [{page.name}]({page.path.name}) |\n"
        )
    return "".join(lines)


def readme(text: str) -> str:
    """The page with the table as it is now."""
    before, rest = text.split(START)
    outcomes = "".join(f"| `{code}` | {words} |\n" for code, words in OUTCOMES.items())
    legend = f"\nIn the place of a code:\n\n| outcome | means |\n|---|---|\n{outcomes}"
    return f"{before}{START}{len(list(pages()))} attacks.\n\n{table()}{legend}{END}{rest.split(END)[1]}"


if __name__ == "__main__":
    if sys.argv[1:] != ["--write"]:
        sys.exit("usage: python -m tests.attacks.book --write")
    README.write_text(readme(README.read_text(encoding="utf-8")), encoding="utf-8")
    print(f"{README.name}: {len(list(pages()))} attacks")
