"""`shiming demo`."""

import asyncio
import json
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from host_agent.errors import ConfigError, words
from tools.demo import view as views
from tools.demo.gallery import Gallery
from tools.demo.plant import BrokerKind, FaceLevel, Plant
from tools.demo.run import Account, play
from tools.demo.script import Customer
from tools.demo.script import customers as make_customers

EXAMPLE = "Example: shiming demo --customers 20 --terminals 2 --json"
EXIT_NOT_AS_SCRIPTED = 1
HEAP = "3M"  # the emulated ROM, which holds the nets, lies outside it
LOOK_S = 1.5  # with --screens, people take the time to read them


def demo(
    customers: Annotated[int, typer.Option(min=1, max=10_000, help="How many customers come.")] = 12,
    terminals: Annotated[int, typer.Option(min=1, max=16, help="How many terminals the shop has.")] = 1,
    as_json: Annotated[
        bool,
        typer.Option("--json", help="End with one JSON object on standard output; progress goes to standard error."),
    ] = False,
    keep: Annotated[
        Path | None, typer.Option(help="Keep keys, databases, flash images and logs in this new folder.")
    ] = None,
    screens: Annotated[
        Path | None,
        typer.Option(help="Keep all pictures of the terminals' screens here, with a page for them."),
    ] = None,
    seed: Annotated[int, typer.Option(help="Which synthetic people come.")] = 1,
    heap: Annotated[
        str | None, typer.Option(help="Heap of each terminal. Without the face 192K is enough, with it 2M.")
    ] = None,
    face: Annotated[
        FaceLevel, typer.Option(help="What a registration must have of the face; none is quick: half a minute in all.")
    ] = FaceLevel.MATCH,
    broker: Annotated[
        BrokerKind, typer.Option(help="In the agent's process, in one of its own, or mosquitto where it is installed.")
    ] = BrokerKind.EMBEDDED,
) -> None:
    """Registrations from the card to the backend, on emulated terminals with the real firmware.

    The first twelve bring all four kinds of documents, an expired card, a forged number, one that is taken away too
    early; a reader with noise, a damaged and a late answer; an impostor, a print held before the camera; and two change
    their minds. The people are painted, and do what the screen says: about half a minute each.
    Exit code 0 only if every customer ended as the script says.
    """
    script = make_customers(customers, seed, with_faces=face is not FaceLevel.NONE)
    with tempfile.TemporaryDirectory(prefix="shiming-demo-") as temporary:
        folder = Path(temporary) if keep is None else _make_new(keep)
        view = views.choose(as_json)
        try:
            plant = Plant(folder, terminals, broker=broker, heap=heap or HEAP, face=face)
            gallery = Gallery(screens) if screens else None
            account = asyncio.run(run(plant, script, view, gallery))
        except asyncio.CancelledError:
            raise KeyboardInterrupt from None  # SIGTERM: the same end as with Ctrl-C
        finally:
            view.close()
    if as_json:
        print(json.dumps(account.as_json(), ensure_ascii=False))
    else:
        print("", *summary(account), sep="\n")
    raise typer.Exit(0 if account.is_as_scripted else EXIT_NOT_AS_SCRIPTED)


def _make_new(folder: Path) -> Path:
    """For its owner only: keys and flash images lie in it."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if any(folder.iterdir()):
        raise ConfigError(f"--keep: {folder} is not empty; name a new folder")
    return folder


async def run(plant: Plant, script: list[Customer], view: views.View, gallery: Gallery | None = None) -> Account:
    task = asyncio.current_task()
    assert task is not None
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    view.say("Starting backend, broker, agent and terminals ...")
    async with plant:
        for terminal in plant.terminals:
            view.say(
                f"{terminal.name} is on {terminal.board.port}   (try: mpremote connect {terminal.board.port} fs ls)"
            )
        if gallery:
            view.say(f"Their screens, live: {gallery.page.absolute().as_uri()}")
        return await play(plant, script, view, gallery, LOOK_S if gallery else 0)


def summary(account: Account) -> Iterator[str]:
    refused = sum(account.refused.values())
    yield f"{account.customers} customers: {account.accepted} registered, {refused} refused, {account.lost} lost"
    for code, count in account.refused.items():
        entry = words(code)
        yield f"  {count} x {entry.number} {code}: {entry.words}"
    yield f"registered twice at the backend: {account.duplicates_at_backend}"
    if account.p50_s is not None:
        yield f"card down to signed record on flash: median {account.p50_s:.2f} s, 95 % within {account.p95_s:.2f} s"
    if account.overhead_p95_ms is not None:
        yield f"of it added to the reader's own answer times: 95 % within {account.overhead_p95_ms} ms"
    if account.on_screen_p95_s is not None:
        yield f"card found to its data on the screen: 95 % within {account.on_screen_p95_s:.2f} s"
    if account.face_p95_s is not None:
        yield f"faces: {account.faces_passed} alive and the one on the card"
        yield (
            f"look at the camera to the decision: 95 % within {account.face_p95_s:.1f} s, of it at most "
            f"{account.face_overhead_max_ms} ms added to the pace of the moves"
        )
    if account.loop_gap_max_ms is not None:
        yield f"longest time for which a terminal did not look at its buttons: {account.loop_gap_max_ms} ms"
    for surprise in account.surprises:
        yield f"NOT AS SCRIPTED  {surprise}"
