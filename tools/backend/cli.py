"""`shiming backend`: the reference backend on the command line."""

import asyncio
import json
import logging
from pathlib import Path
from typing import Annotated

import typer

from tools.backend import config as settings
from tools.backend.app import serve

app = typer.Typer(help="The reference registration backend.", no_args_is_help=True)


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


def _announce(port: int, as_json: bool) -> None:
    print(json.dumps({"ready": True, "port": port}) if as_json else f"Ready: backend on port {port}.", flush=True)
