"""Every code that any part can raise, sign or show has its entry in the one catalogue."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from terminal.liveness import codes as liveness_codes

from host_agent.errors import ConfigError, ShimingError, TokenRefused, catalogue, words

ROOT = Path(__file__).parents[2]
PARTS = ("firmware", "host_agent", "tools")
# Drivers raise OSError; what may be in its `code` is a detail for the log: the application raises an error of its own.
LEFT_OUT = {"lib", "drivers"}
SOURCES = sorted(path for part in PARTS for path in (ROOT / part).rglob("*.py") if not LEFT_OUT & set(path.parts))
TERMINAL = [path for path in SOURCES if path.is_relative_to(ROOT / "firmware")]
RECEIPTS = [
    ROOT / "host_agent" / f"{name}.py"
    for name in ("attestation", "cbor", "envelope", "face", "ingest", "policy", "sealed", "typed")
]
CODE = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")


def codes_in(path: Path) -> Iterator[str]:
    """Class attributes `code`, arguments of errors and refusals, and what functions named `..._code` return."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        match node:
            case ast.ClassDef(body=body):
                for item in body:
                    match item:
                        case ast.Assign(targets=[ast.Name(id="code")], value=value):
                            yield from _texts(value)
                        case ast.AnnAssign(target=ast.Name(id="code"), value=ast.Constant() as value):
                            yield from _texts(value)
            case ast.Call(func=ast.Name(id="TokenRefused" | "OrderRefused"), args=[ast.Constant() as value, *_]):
                yield from _texts(value)
            case ast.Call(func=ast.Name(id="_refusal"), args=[_, value, *_]):
                yield from _texts(value)
            case ast.FunctionDef(name=name) if name.endswith(("_code", "_contradiction")):
                for inner in ast.walk(node):
                    if isinstance(inner, ast.Return) and inner.value is not None:
                        yield from _texts(inner.value)


def _texts(value: ast.expr) -> Iterator[str]:
    match value:
        case ast.Constant(value=str() as text):
            yield text
        case ast.IfExp(body=body, orelse=orelse):
            yield from _texts(body)
            yield from _texts(orelse)


def test_the_search_finds_codes_of_every_part():
    found = {code for path in SOURCES for code in codes_in(path)}
    assert {"card-removed", "queue-full", "token-malformed", "chain-fork", "authority-exists"} <= found
    assert len(found) > 40


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_code_of_the_source_is_in_the_catalogue(path):
    assert sorted(set(codes_in(path)) - set(catalogue())) == []


def test_numbers_are_unique_and_grouped():
    numbers = [entry.number for entry in catalogue().values()]
    assert len(set(numbers)) == len(numbers)
    # 0 everything, 1 card, 2 reader, 3 terminal, 4 signed objects, 5 agent and backend, 6 tools, 7 face
    assert all(re.fullmatch(r"E[0-7][0-9]{3}", number) for number in numbers)
    assert numbers == sorted(numbers), "the catalogue is kept in the order of the numbers"


@pytest.mark.parametrize("code", catalogue())
def test_an_entry_is_complete(code):
    entry = words(code)
    assert CODE.fullmatch(code) and len(code) <= 64
    assert entry.words.endswith(".") and entry.clerk.endswith(".")
    assert not entry.customer or entry.customer.endswith(".")


@pytest.mark.parametrize("code", catalogue())
def test_both_languages_say_the_same_things(code):
    entry = words(code)
    assert entry.zh.words.endswith("。") and entry.zh.clerk.endswith("。")
    assert bool(entry.customer) == bool(entry.zh.customer)
    assert not entry.zh.customer or entry.zh.customer.endswith("。")
    assert bool(entry.title) == bool(entry.zh.title)
    assert not (entry.title + entry.zh.title).endswith((".", "。"))


@pytest.mark.parametrize("path", [*TERMINAL, *RECEIPTS], ids=lambda path: path.stem)
def test_every_code_that_can_come_to_a_terminal_has_a_title(path):
    """Its own errors, and what an agent's receipt can name."""
    assert [code for code in codes_in(path) if not words(code).title] == []


def test_every_reason_of_the_liveness_check_has_a_title():
    reasons = [value for name, value in vars(liveness_codes).items() if name.isupper()]
    assert "face-not-live" in reasons
    assert [code for code in reasons if code not in catalogue() or not words(code).title] == []


def test_every_refusal_of_a_signed_object_has_a_title():
    """The backend's among them: an agent may pass them on."""
    assert [code for code, entry in catalogue().items() if entry.number[1] == "4" and not entry.title] == []


@pytest.mark.parametrize("code", [code for code, entry in catalogue().items() if entry.number[1] in "12"])
def test_whatever_concerns_the_card_tells_the_customer_what_to_do(code):
    assert words(code).customer


def test_an_unknown_code_has_words_too():
    assert words("from-a-newer-firmware").code == "internal"


def test_an_error_without_a_message_says_the_words_of_its_code():
    assert str(TokenRefused("chain-fork")) == words("chain-fork").words
    assert str(ShimingError()) == words("internal").words
    assert (ConfigError("x").code, ConfigError("x").exit_status) == ("config-invalid", 2)
