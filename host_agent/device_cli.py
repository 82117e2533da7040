"""`shiming agent device` and `shiming backend device`: the states and keys of the terminals, and who changed them.

A change is a signed record in the history beside `registry.json`; running processes take it over within seconds.
"""

import getpass
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer
from cryptography.hazmat.primitives.asymmetric import ec

from host_agent import envelope, history, keys, rotation
from host_agent.errors import ConfigError, TokenRefused
from host_agent.history import Change, Status
from host_agent.registry import HISTORY_NAME, Device, Key, Registry, changed

JsonOption = Annotated[bool, typer.Option("--json", help="Answer as one JSON object.")]
DeviceArgument = Annotated[str, typer.Argument(help="Id of the terminal.")]
ReasonOption = Annotated[str, typer.Option(help="Why, in a few words. It stays in the history for good.")]
ByOption = Annotated[str | None, typer.Option(help="Who decided it; your login name if not given.")]

STATEMENT_MAX_BYTES = 8192


@dataclass(frozen=True, slots=True)
class Desk:
    """Who changes the registry: the agent's or the backend's key signs the records."""

    registry: Path
    sign_key: Path
    party: Callable[[Registry], tuple[str, Key]]
    statement: Callable[[str], bytes] | None = None  # that a terminal has sent; only the agent has some

    def change(self, device: str, make: Callable[[Device], Change]) -> Change:
        registry = Registry.load(self.registry)
        name, key = self.party(registry)
        private_key = keys.load_private(self.sign_key)
        if keys.kid_of(private_key.public_key()) != key.kid:
            raise ConfigError(f"{self.sign_key}: must be the private key of {name} in the registry")

        def made(_before: list[Change]) -> Change:
            current = Registry.load(self.registry)  # under the lock of the history: nobody changes it meanwhile
            found = _device(current, device)
            change = make(found)
            changed(found, change, current)
            return change

        return history.append(
            self.registry.with_name(HISTORY_NAME),
            registry.signers(),
            name,
            lambda payload: envelope.sign(payload, key.kid, private_key),
            made,
        )


def build(load: Callable[[Path], Desk], party: str) -> typer.Typer:
    """The commands for one party, `agent` or `backend`."""
    app = typer.Typer(help="Terminals: states, keys, and who changed what when and why.", no_args_is_help=True)
    config_option = typer.Option("--config", help=f"Settings, {party}.toml.")
    program, config_example = f"shiming {party} device", f"--config {party}.toml"

    @app.command("list", epilog=f"Example: {program} list {config_example}")
    def list_devices(config: Annotated[Path, config_option], as_json: JsonOption = False) -> None:
        """List every terminal with its state."""
        devices = sorted(Registry.load(load(config).registry).devices.values(), key=lambda device: device.id)
        if as_json:
            typer.echo(json.dumps({"devices": [_shown(device) for device in devices]}))
        for device in [] if as_json else devices:
            typer.echo(f"{device.id:32}  {device.status:10}  {device.channel}")

    @app.command(epilog=f"Example: {program} show t-0001 {config_example}")
    def show(device: DeviceArgument, config: Annotated[Path, config_option], as_json: JsonOption = False) -> None:
        """Show one terminal: state, keys with their times, and its history."""
        registry = Registry.load(load(config).registry)
        found = _device(registry, device)
        changes = [_told(change) for change in registry.changes if change.device == device]
        _tell(_shown(found) | {"history": changes}, as_json)

    @app.command("history", epilog=f"Example: {program} history {config_example}")
    def show_history(config: Annotated[Path, config_option], as_json: JsonOption = False) -> None:
        """Print every change, once all signatures and hashes are checked."""
        registry = Registry.load(load(config).registry)
        changes = [_told(change) | {"device": change.device} for change in registry.changes]
        _tell({"length": len(changes), "sha256": registry.head.sha256.hex(), "history": changes}, as_json)

    def add_state(name: str, state: Status, what: str, before: Status | None = None) -> None:
        @app.command(name, help=what, epilog=f'Example: {program} {name} t-0001 {config_example} --reason "order 7"')
        def set_state(
            device: DeviceArgument,
            config: Annotated[Path, config_option],
            reason: ReasonOption,
            by: ByOption = None,
            as_json: JsonOption = False,
        ) -> None:
            now, who = int(time.time()), by or getpass.getuser()

            def make(found: Device) -> Change:
                if before not in (None, found.status):
                    raise TokenRefused("device-state-invalid", f"{found.id} is {found.status}, not {before}")
                return Change(now, found.id, state, None, who, reason)

            change = load(config).change(device, make)
            _tell({"device": change.device} | _told(change), as_json)

    add_state("activate", Status.ACTIVE, "Put a registered terminal into service.", Status.REGISTERED)
    add_state("suspend", Status.SUSPENDED, "Stop a terminal's registrations until it is resumed.")
    add_state("resume", Status.ACTIVE, "Let a suspended terminal register again.", Status.SUSPENDED)
    add_state("revoke", Status.REVOKED, "Shut a terminal out for good: lost, stolen or tampered with.")
    add_state("retire", Status.RETIRED, "Take a terminal out of service for good.")

    @app.command(epilog=f'Example: {program} rotate t-0001 {config_example} --reason "yearly"')
    def rotate(
        device: DeviceArgument,
        config: Annotated[Path, config_option],
        reason: ReasonOption,
        statement: Annotated[
            Path | None, typer.Option(help="File with the statement; the one that the terminal has sent if not given.")
        ] = None,
        by: ByOption = None,
        as_json: JsonOption = False,
    ) -> None:
        """Take over a terminal's new attestation key."""
        desk = load(config)
        content = _content(desk, device, statement)
        if len(content) > STATEMENT_MAX_BYTES:
            raise TokenRefused("token-oversized")
        now, who = int(time.time()), by or getpass.getuser()

        def make(found: Device) -> Change:
            if rotation.read(content, lambda kid: _public(found, kid)).old_ends <= now:
                raise TokenRefused("rotation-lapsed")
            return Change(now, found.id, None, content, who, reason)

        change = desk.change(device, make)
        _tell({"device": change.device} | _told(change), as_json)

    return app


def _device(registry: Registry, device_id: str) -> Device:
    device = registry.device(device_id)
    if device is None:
        raise TokenRefused("device-unknown")
    return device


def _content(desk: Desk, device: str, statement: Path | None) -> bytes:
    if statement is not None:
        return statement.read_bytes()
    if desk.statement is None:
        raise typer.BadParameter("is needed: only the agent has what a terminal sends", param_hint="--statement")
    return desk.statement(device)


def _public(device: Device, kid: bytes) -> ec.EllipticCurvePublicKey | None:
    key = device.key(kid)
    return key.public_key if key is not None else None


def _shown(device: Device) -> dict[str, Any]:
    return {
        "id": device.id,
        "tenant": device.tenant,
        "channel": device.channel,
        "status": str(device.status),
        "keys": [{"kid": key.kid.hex(), "from": key.valid_from, "to": key.valid_to} for key in device.keys],
    }


def _told(change: Change) -> dict[str, Any]:
    return {
        "at": change.at,
        "what": str(change.state) if change.state is not None else "new key",
        "by": change.who,
        "why": change.why,
        "signed_by": change.issuer,
        "sha256": change.sha256.hex(),
    }


def _tell(answer: dict[str, Any], as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(answer))
        return
    for name, value in answer.items():
        if not isinstance(value, list):
            typer.echo(f"{name:10}  {_readable(name, value)}")
            continue
        for one in value:
            facts = [f"{key} {_readable(key, entry)}" for key, entry in one.items() if entry is not None]
            typer.echo(f"{name:10}  {', '.join(facts)}")


def _readable(name: str, value: object) -> object:
    if name in ("at", "from", "to") and isinstance(value, int):
        return time.strftime("%Y-%m-%d %H:%M:%SZ", time.gmtime(value)) if value else "the beginning"
    return value
