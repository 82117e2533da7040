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
from tools.demo.plant import BrokerKind, Plant
from tools.demo.run import Account, play
from tools.demo.script import Customer
from tools.demo.script import customers as make_customers

EXAMPLE = "Example: shiming demo --customers 20 --terminals 2 --json"
EXIT_NOT_AS_SCRIPTED = 1


def demo(
    customers: Annotated[int, typer.Option(min=1, max=10_000, help="How many customers come.")] = 5,
    terminals: Annotated[int, typer.Option(min=1, max=16, help="How many terminals the shop has.")] = 1,
    as_json: Annotated[
        bool,
        typer.Option("--json", help="End with one JSON object on standard output; progress goes to standard error."),
    ] = False,
    keep: Annotated[
        Path | None, typer.Option(help="Keep keys, databases, flash images and logs in this new folder.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Which synthetic people come.")] = 1,
    heap: Annotated[str, typer.Option(help="Heap of each terminal; 192K is enough.")] = "2M",
    broker: Annotated[
        BrokerKind, typer.Option(help="In the agent's process, in one of its own, or mosquitto where it is installed.")
    ] = BrokerKind.EMBEDDED,
) -> None:
    """Registrations from the card to the backend, on emulated terminals with the real firmware.

    Among five customers one has an expired card, one takes the card away too early, one has a forged number.
    Exit code 0 only if every customer ended as the script says.
    """
    with tempfile.TemporaryDirectory(prefix="shiming-demo-") as temporary:
        folder = Path(temporary) if keep is None else _make_new(keep)
        view = views.choose(as_json)
        try:
            plant = Plant(folder, terminals, broker=broker, heap=heap)
            account = asyncio.run(run(plant, make_customers(customers, seed), view))
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


async def run(plant: Plant, script: list[Customer], view: views.View) -> Account:
    task = asyncio.current_task()
    assert task is not None
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    view.say("Starting backend, broker, agent and terminals ...")
    async with plant:
        for terminal in plant.terminals:
            view.say(
                f"{terminal.name} is on {terminal.board.port}   (try: mpremote connect {terminal.board.port} fs ls)"
            )
        return await play(plant, script, view)


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
    for surprise in account.surprises:
        yield f"NOT AS SCRIPTED  {surprise}"
