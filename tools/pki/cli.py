"""`shiming pki`: the test authority on the command line."""

import json
from pathlib import Path
from typing import Annotated

import typer

from tools.pki import authority

app = typer.Typer(help="Test authority for demo and tests; never for production.", no_args_is_help=True)

AsJson = Annotated[bool, typer.Option("--json", help="Say what was made as one JSON object.")]
Channel = Annotated[str, typer.Option(help="Channel id of the devices (渠道统一标识).")]


@app.command(epilog="Example: shiming pki init work/pki --device t-0001 --device t-0002")
def init(
    directory: Annotated[Path, typer.Argument(help="Folder to make; one that has an authority is refused.")],
    device: Annotated[list[str] | None, typer.Option(help="Id of a device; may be given again.")] = None,
    tenant: Annotated[str, typer.Option(help="Tenant of the devices.")] = "demo",
    channel: Channel = "CH-000001",
    as_json: AsJson = False,
) -> None:
    """Make a test authority: CA, broker, agent, backend and devices."""
    devices = device or []
    authority.create(directory, devices, tenant=tenant, channel=channel)
    _tell(directory, devices, as_json)


@app.command(epilog="Example: shiming pki add work/pki t-0003")
def add(
    directory: Annotated[Path, typer.Argument(help="Folder of the authority.")],
    device: Annotated[str, typer.Argument(help="Id of the new device.")],
    channel: Channel = "CH-000001",
    as_json: AsJson = False,
) -> None:
    """Add a device to a test authority."""
    authority.add_device(directory, device, channel=channel)
    _tell(directory, [device], as_json)


def _tell(directory: Path, devices: list[str], as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps({"directory": str(directory), "devices": devices}))
    else:
        typer.echo(f"Test authority in {directory}, devices: {', '.join(devices) or 'none'}. Not for production.")
