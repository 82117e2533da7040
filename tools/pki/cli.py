"""`shiming pki`: the test authority on the command line."""

import json
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from cryptography import x509

from tools.pki import authority, revocation, rotation

DIGEST_BYTES = 32


class Reason(StrEnum):
    UNSPECIFIED = "unspecified"
    KEY_COMPROMISE = "key-compromise"
    SUPERSEDED = "superseded"
    CESSATION_OF_OPERATION = "cessation-of-operation"


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


@app.command(epilog="Example: shiming pki revoke work/pki t-0002 --reason key-compromise")
def revoke(
    directory: Annotated[Path, typer.Argument(help="Folder of the authority.")],
    name: Annotated[str, typer.Argument(help="Id of a device, or agent, backend, broker.")],
    reason: Annotated[Reason, typer.Option(help="Why.")] = Reason.UNSPECIFIED,
    as_json: AsJson = False,
) -> None:
    """Put a TLS certificate on the revocation list, ca.crl.pem. Running processes take it over within seconds."""
    serial = revocation.revoke(directory, name, x509.ReasonFlags[reason.name.lower()])
    if as_json:
        typer.echo(json.dumps({"crl": str(directory / revocation.NAME), "name": name, "serial": f"{serial:x}"}))
    else:
        typer.echo(f"The certificate of {name} is revoked: {directory / revocation.NAME}. It cannot be undone.")


@app.command(epilog="Example: shiming pki rotate work/pki t-0001 --output t-0001.rotation")
def rotate(
    directory: Annotated[Path, typer.Argument(help="Folder of the authority.")],
    device: Annotated[str, typer.Argument(help="Id of the device.")],
    output: Annotated[Path, typer.Option(help="Statement to write, for: shiming agent device rotate.")],
    overlap_days: Annotated[int, typer.Option(min=0, max=31, help="How long the old key stays valid.")] = 7,
    last_seq: Annotated[int, typer.Option(min=0, help="How many tokens the old key has signed.")] = 0,
    last_sha256: Annotated[str, typer.Option(help="SHA-256 of the last of them.")] = "00" * 32,
    as_json: AsJson = False,
) -> None:
    """Make a new attestation key for a device, and the statement of it that its old key signs."""
    last = _digest(last_sha256)
    statement = rotation.rotate(directory, device, overlap_s=overlap_days * 86400, old_seq=last_seq, old_last=last)
    output.write_bytes(statement)
    if as_json:
        typer.echo(json.dumps({"device": device, "statement": str(output)}))
    else:
        typer.echo(f"{output}: statement of the new key of {device}. The terminal must be provisioned again.")


@app.command(epilog="Example: shiming pki seal work/pki")
def seal(
    directory: Annotated[Path, typer.Argument(help="Folder of the authority.")],
    as_json: AsJson = False,
) -> None:
    """Make the seal key of a new period. Backend and terminals must be given it; the one before goes to seal-keys/."""
    kid = authority.renew_seal_key(directory)
    if as_json:
        typer.echo(json.dumps({"kid": kid, "earlier": str(directory / authority.EARLIER_SEAL_KEYS)}))
    else:
        typer.echo(f"New seal key {kid}. Restart the backend and provision the terminals again.")


def _digest(text: str) -> bytes:
    try:
        value = bytes.fromhex(text)
    except ValueError:
        value = b""
    if len(value) != DIGEST_BYTES:
        raise typer.BadParameter("must be 64 hexadecimal digits", param_hint="--last-sha256")
    return value


def _tell(directory: Path, devices: list[str], as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps({"directory": str(directory), "devices": devices}))
    else:
        typer.echo(f"Test authority in {directory}, devices: {', '.join(devices) or 'none'}. Not for production.")
