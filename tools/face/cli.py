"""`shiming face`."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from tools.face.errors import PartsMissing

app = typer.Typer(no_args_is_help=True)

WANTED = {"numpy": "numpy", "PIL": "Pillow"}  # of the extra `dev`: a terminal's shop needs neither


@app.callback()
def face() -> None:
    """How well the terminal's face step does."""


@app.command(epilog="Example: shiming face evaluate --pairs faces --card --attacks 300 --output build/face-report")
def evaluate(
    pairs: Annotated[Path, typer.Option(help="Folder with a folder of pictures for each person.")],
    card: Annotated[
        bool, typer.Option("--card", help="Shrink one picture of each pair to the card's size, JPEG.")
    ] = False,
    attacks: Annotated[
        int, typer.Option(min=0, help="Sessions of honest people, and of each species of attack; 0: none.")
    ] = 100,
    seed: Annotated[int, typer.Option(help="Of the sessions, and of the people drawn for the confidence.")] = 1,
    light: Annotated[
        bool, typer.Option("--light/--no-light", help="Whether the terminal's light is judged, as on every terminal.")
    ] = True,
    as_json: Annotated[bool, typer.Option("--json", help="Say the report as one JSON object.")] = False,
    output: Annotated[Path, typer.Option(help="Folder for report.json and det.svg.")] = Path("build/face-report"),
) -> None:
    """Error rates of the shipped models on pictures, and of the liveness check in simulated sessions.

    The pictures go through the terminal's own code under MicroPython, eight a second; 100 sessions of each kind take
    three minutes on two cores. The attacks are simulated. No name of a folder or file comes into the report.
    """
    _require_parts()
    from tools.face import attacks as sessions  # numpy and Pillow: only where they are needed
    from tools.face import people, plot, report, thresholds, verification

    pictures = people.read(pairs)
    output.mkdir(parents=True, exist_ok=True)
    names = len(sessions.SPECIES) + 1
    with _progress(len(pictures) * (2 if card else 1), "pictures") as tell:
        found = verification.judge(verification.compare(pictures, card, tell), thresholds.shipped(), seed)
    liveness = None
    if attacks:
        with _progress(attacks * names, "sessions") as tell:
            liveness = sessions.measure(attacks, seed, light, tell)
    what = people.described(pictures) | {"card": card}
    content = json.dumps(report.content(what, found, liveness, seed), indent=1)
    (output / "report.json").write_text(content + "\n", encoding="utf-8")
    (output / "det.svg").write_text(plot.det(found, "DET"), encoding="utf-8")
    if as_json:
        typer.echo(content)
        return
    for line in report.text(what, found, liveness):
        typer.echo(line)
    typer.echo(f"\nWritten: {output / 'report.json'}, {output / 'det.svg'}")


def _require_parts() -> None:
    missing = [name for module, name in WANTED.items() if find_spec(module) is None]
    if missing:
        raise PartsMissing(f"{' and '.join(missing)} missing: pip install 'shiming[dev]', or make setup")


@contextmanager
def _progress(total: int, name: str) -> Iterator[Callable[..., None]]:
    """Told the number that is done, or nothing for one more; on standard error."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task(name, total=total)

        def tell(done: int | None = None) -> None:
            if done is None:
                bar.advance(task)
            else:
                bar.update(task, completed=done)

        yield tell
