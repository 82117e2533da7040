"""`shiming backend`: the reference backend on the command line."""

import asyncio
import getpass
import json
import logging
from pathlib import Path
from typing import Annotated

import typer

from host_agent import audit, device_cli
from host_agent.device_cli import Desk
from host_agent.registry import Registry
from tools.backend import config as settings
from tools.backend import retention_desk
from tools.backend.app import serve

app = typer.Typer(help="The reference registration backend.", no_args_is_help=True)


def _desk(config: Path) -> Desk:
    loaded = settings.load(config)
    return Desk(loaded.registry, loaded.sign_key, lambda registry: (registry.backend.id, registry.backend.sign))


app.add_typer(device_cli.build(_desk, "backend"), name="device")


@app.callback()
def backend() -> None:
    """The reference registration backend."""


@app.command(epilog="Example: shiming backend run --config backend.toml")
def run(
    config: Annotated[Path, typer.Option(help="Settings, backend.toml.")],
    as_json: Annotated[bool, typer.Option("--json", help="Say that it is ready as one JSON object.")] = False,
) -> None:
    """Serve until SIGTERM. One line on standard output says that it listens, and on which port."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(levelname)s %(message)s")
    asyncio.run(serve(settings.load(config), lambda port: _announce(port, as_json)))


ConfigOption = Annotated[Path, typer.Option(help="Settings, backend.toml.")]
ReasonOption = Annotated[str, typer.Option(help="Why, in a few words. It stands in the signed record.")]
ByOption = Annotated[str | None, typer.Option(help="Who decided it; your login name if not given.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Answer as one JSON object.")]


@app.command(epilog="Example: shiming backend chain t-0001 --config backend.toml")
def chain(
    device: Annotated[str, typer.Argument(help="Id of the terminal.")],
    config: ConfigOption,
    first: Annotated[int, typer.Option("--from", min=1, help="First sequence number.")] = 1,
    last: Annotated[int | None, typer.Option("--to", min=1, help="Last one; the highest seen if not given.")] = None,
    key: Annotated[str | None, typer.Option("--key", help="Key id; every key of the terminal if not given.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Prove from the books that every token of a terminal is there, also those whose identity data are destroyed."""
    loaded = settings.load(config)
    with retention_desk.opened(loaded) as books:
        audit.prove_chains(books, Registry.load(loaded.registry), device, first, last, key, as_json)


@app.command(
    epilog="Example: shiming backend shred 3e74d3524cc6337dbc89c51ce66bac02 --config backend.toml --reason over"
)
def shred(
    cti: Annotated[list[str], typer.Argument(help="Numbers of attestations whose retention period has ended.")],
    config: ConfigOption,
    reason: ReasonOption,
    by: ByOption = None,
    as_json: JsonOption = False,
) -> None:
    """Destroy the identity data of registrations for good. Tokens, chain and a signed deletion record stay."""
    done = retention_desk.shred(settings.load(config), cti, by or getpass.getuser(), reason)
    _tell({"destroyed": done, "records": len(cti)}, as_json)


@app.command(
    "destroy-seal-key",
    epilog='Example: shiming backend destroy-seal-key 82517d156d0bc401 --config backend.toml --reason "period over"',
)
def destroy_seal_key(
    kid: Annotated[str, typer.Argument(help="Key id of an earlier seal key.")],
    config: ConfigOption,
    reason: ReasonOption,
    by: ByOption = None,
    as_json: JsonOption = False,
) -> None:
    """Destroy an earlier seal key: whatever is still sealed to it, anywhere, can never be opened again."""
    path = retention_desk.destroy_seal_key(settings.load(config), kid, by or getpass.getuser(), reason)
    _tell({"destroyed": str(path), "kid": kid}, as_json)


def _tell(answer: dict[str, object], as_json: bool) -> None:
    typer.echo(json.dumps(answer) if as_json else ", ".join(f"{name}: {value}" for name, value in answer.items()))


def _announce(port: int, as_json: bool) -> None:
    print(json.dumps({"ready": True, "port": port}) if as_json else f"Ready: backend on port {port}.", flush=True)
