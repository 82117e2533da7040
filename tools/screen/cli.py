"""`python -m tools.screen`: builds what the screen shows, and explains its codes."""

from pathlib import Path
from typing import Annotated

import typer

from tools.screen import codes as code_page
from tools.screen.wording import ASSETS, Language

app = typer.Typer(no_args_is_help=True, pretty_exceptions_enable=False)

WITHOUT_SOURCES = "screen assets: words and characters are as built; pixels not compared for want of the same fonts"

EXPLAIN_EXAMPLE = "Example: shiming explain E1007 --lang zh"

CheckOption = Annotated[bool, typer.Option("--check", help="Write nothing; end with 1 if something would change.")]


@app.callback()
def screen() -> None:
    """Words and fonts of the terminal's screen, and its codes."""


@app.command(epilog="Example: shiming screen build --check")
def build(
    fonts: Annotated[Path | None, typer.Option("--fonts", help="Folder of the Noto Sans CJK .ttc files.")] = None,
    check: CheckOption = False,
) -> None:
    """Build firmware/assets from the words and from Noto Sans CJK SC."""
    from tools.screen import build as builder  # Pillow comes with the developer's extra only

    folder = fonts or builder.find_fonts()
    if check:
        _end(builder.check(folder), "python -m tools.screen build")
        print("screen assets are as built" if builder.has_same_sources(folder) else WITHOUT_SOURCES)
        return
    for name, content in builder.build(folder).items():
        (ASSETS / name).write_bytes(content)
        print(f"{name}: {len(content)} bytes")


@app.command(epilog="Example: shiming screen codes --check")
def codes(check: CheckOption = False) -> None:
    """Write the table of all codes, host_agent/CODES.md."""
    text = code_page.page()
    if not check:
        code_page.PAGE.write_text(text, encoding="utf-8")
    elif not code_page.PAGE.is_file() or code_page.PAGE.read_text(encoding="utf-8") != text:
        _end([code_page.PAGE.name], "python -m tools.screen codes")


@app.command(epilog=EXPLAIN_EXAMPLE)
def explain(
    code: Annotated[str, typer.Argument(help="A code or its number: card-expired, E1007.")],
    language: Annotated[Language | None, typer.Option("--lang", help="Only this language.")] = None,
) -> None:
    """Say what a code means, and what customer and staff can do."""
    entry = code_page.find(code)
    for each in (language,) if language else ("zh", "en"):
        print("\n".join(code_page.explanation(entry, each)))


def _end(differing: list[str], command: str) -> None:
    if differing:
        print(f"not as built, run {command}: {', '.join(differing)}")
        raise typer.Exit(1)
