"""`shiming audit`: the custody of one attestation, as a file for others too, and whether a terminal's chain is whole.

Reads the agent's store beside the running agent. Exit code 1: something does not hold, and its code stands beside it.
"""

import json
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any, Protocol

import typer

from host_agent import bundle, custody, envelope, history, keys, log_audit, rotation
from host_agent import chain as chains
from host_agent import config as settings
from host_agent.custody import Link, Objects
from host_agent.errors import ConfigError, ShimingError, TokenRefused, words
from host_agent.registry import HISTORY_NAME, Device, DeviceKey, Registry
from host_agent.store import Archive, Kept

app = typer.Typer(help="Who had an attestation when, and whether all are there.", no_args_is_help=True)

ConfigOption = Annotated[Path, typer.Option("--config", help="The agent's settings, agent.toml.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Answer as one JSON object.")]
CtiArgument = Annotated[str, typer.Argument(metavar="CTI", help="Number of the attestation, 32 hexadecimal digits.")]

CTI_BYTES = 16


class AttestationUnknown(ShimingError):
    code = "attestation-unknown"


@app.command("custody", epilog="Example: shiming audit custody 3e74d3524cc6337dbc89c51ce66bac02 --config agent.toml")
def show_custody(cti: CtiArgument, config: ConfigOption, as_json: JsonOption = False) -> None:
    """Print who signed what when, from the terminal to the backend, with every signature checked anew."""
    loaded = settings.load(config)
    with _archive(loaded) as archive:
        kept = _kept(archive, cti)
    _tell(kept.cti, custody.examine(_objects(kept), Registry.load(loaded.agent.registry)), as_json)


@app.command(
    epilog="Example: shiming audit export 3e74d3524cc6337dbc89c51ce66bac02 --config agent.toml --output a.custody"
)
def export(
    cti: CtiArgument,
    config: ConfigOption,
    output: Annotated[Path, typer.Option(help="File to write; one that exists is refused.")],
    as_json: JsonOption = False,
) -> None:
    """Write a bundle that proves one attestation to whoever has the public keys. The identity data stays sealed."""
    loaded = settings.load(config)
    registry = Registry.load(loaded.agent.registry)
    with _archive(loaded) as archive:
        kept = _kept(archive, cti)
    device = registry.device(kept.device)
    if device is None:
        raise ConfigError(f"{loaded.agent.registry}: has no device {kept.device} any more")
    if kept.token is None:
        raise TokenRefused("custody-incomplete", "its bytes were given up to make room; the backend holds them")
    key = keys.load_private(loaded.sign.key)
    content = bundle.build(
        _objects(kept),
        registry,
        device,
        _records_of(device, registry),
        lambda payload: envelope.sign(payload, registry.agent.kid, key),
        int(time.time()),
    )
    with output.open("xb") as file:
        file.write(content)
    if as_json:
        typer.echo(json.dumps({"cti": kept.cti.hex(), "file": str(output), "size_bytes": len(content)}))
    else:
        typer.echo(f"{output}: {len(content)} bytes. Check it with: shiming audit verify {output} --keys registry.json")


@app.command(epilog="Example: shiming audit verify a.custody --keys registry.json")
def verify(
    file: Annotated[Path, typer.Argument(help="The bundle.")],
    trusted: Annotated[Path, typer.Option("--keys", help="Public keys to believe, a registry.json.")],
    as_json: JsonOption = False,
) -> None:
    """Check a bundle with nothing but public keys, offline. What was tampered with is named."""
    opened = bundle.parse(file.read_bytes())
    links = bundle.verify(opened, Registry.load(trusted))
    _tell(bundle.cti_of(opened.parts[bundle.TOKEN]), links, as_json)


app.command("log", epilog=log_audit.EXAMPLE)(log_audit.show_log)


@dataclass(frozen=True, slots=True)
class ChainReport:
    device: str
    kid: str
    first: int
    last: int
    tokens: int
    signatures_checked: int
    by_receipt: int  # their bytes are given up; our receipt and the hash in the next token stand for them
    last_sha256: str
    is_whole: bool
    findings: list[chains.Finding]


@app.command(epilog="Example: shiming audit chain t-0001 --config agent.toml --from 1 --to 500")
def chain(
    device: Annotated[str, typer.Argument(help="Id of the terminal.")],
    config: ConfigOption,
    first: Annotated[int, typer.Option("--from", min=1, help="First sequence number.")] = 1,
    last: Annotated[int | None, typer.Option("--to", min=1, help="Last one; the highest seen if not given.")] = None,
    key: Annotated[str | None, typer.Option("--key", help="Key id; every key of the terminal if not given.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Prove that every token between two sequence numbers is there; name gaps, forks and regressions."""
    loaded = settings.load(config)
    with _archive(loaded) as archive:
        prove_chains(archive, Registry.load(loaded.agent.registry), device, first, last, key, as_json)


class Shelf(Protocol):
    """Where tokens are kept: the agent's store, or the backend's books."""

    def chain(self, kid: bytes, first: int, last: int) -> Iterable[Kept]: ...
    def last_seq(self, kid: bytes) -> int: ...


def prove_chains(
    shelf: Shelf, registry: Registry, device_id: str, first: int, last: int | None, key: str | None, as_json: bool
) -> None:
    """Tells of each chosen key of the terminal; ends with 1 unless every chain is whole."""
    device = registry.device(device_id)
    if device is None:
        raise TokenRefused("device-unknown")
    chosen = [one for one in device.keys if key in (None, one.kid.hex())]
    if not chosen:
        raise TokenRefused("key-unknown")
    reports = [_prove(shelf, registry, device, one, first, last) for one in chosen]
    _tell_chain(reports, as_json)
    if not all(report.is_whole for report in reports):
        raise typer.Exit(1)


def _prove(
    archive: Shelf, registry: Registry, device: Device, key: DeviceKey, first: int, last: int | None
) -> ChainReport:
    end = _end_of(device, key, registry)
    until = last if last is not None else max(archive.last_seq(key.kid), end.seq if end is not None else 0)
    tokens: list[chains.Token] = []
    findings: list[chains.Finding] = []
    checked = by_receipt = 0
    for kept in archive.chain(key.kid, first, until):
        try:
            checked, by_receipt = checked + (kept.token is not None), by_receipt + (kept.token is None)
            tokens.append(_token(kept, registry))
        except TokenRefused as refused:
            message = f"number {kept.seq}: {refused} ({refused.code})"
            findings.append(chains.Finding("custody-token-invalid", kept.seq, kept.seq, message))
    findings = sorted(findings + chains.prove(tokens, first, until, end), key=lambda finding: finding.first)
    head = tokens[-1].sha256.hex() if tokens else ""
    return ChainReport(
        device.id, key.kid.hex(), first, until, len(tokens), checked, by_receipt, head, not findings, findings
    )


def _token(kept: Kept, registry: Registry) -> chains.Token:
    """From the signed bytes; from the store's word only where our own signed receipt stands for them."""
    if kept.token is None:
        receipt = custody.examine(_objects(kept), registry)[1]
        if receipt.code is not None:
            raise TokenRefused("custody-incomplete", "neither its bytes nor a sound receipt are there")
        return chains.Token(kept.seq, kept.prev, kept.sha256)
    signed, _, evidence = custody.read_token(kept.token, registry)
    if (signed.sha256, signed.kid, evidence.seq) != (kept.sha256, kept.kid, kept.seq):
        raise TokenRefused("custody-token-invalid", "the store has another token under its number")
    return chains.Token(evidence.seq, evidence.prev, signed.sha256)


def _end_of(device: Device, key: DeviceKey, registry: Registry) -> chains.End | None:
    """What the key itself said of its chain when it was replaced."""
    for change in registry.changes:
        if change.device == device.id and change.statement is not None:
            statement = rotation.read(change.statement, lambda kid: _public(device, kid))
            if statement.old_kid == key.kid and statement.old_seq:
                return chains.End(statement.old_seq, statement.old_last)
    return None


def _public(device: Device, kid: bytes) -> Any:
    key = device.key(kid)
    return key.public_key if key is not None else None


def _records_of(device: Device, registry: Registry) -> list[bytes]:
    assert registry.path is not None
    records = history.records(registry.path.with_name(HISTORY_NAME))
    return [record for record, change in zip(records, registry.changes, strict=False) if change.device == device.id]


@contextmanager
def _archive(loaded: settings.Config) -> Iterator[Archive]:
    archive = Archive(loaded.store.path)
    try:
        yield archive
    finally:
        archive.close()


def _kept(archive: Archive, cti: str) -> Kept:
    try:
        number = bytes.fromhex(cti)
    except ValueError:
        number = b""
    if len(number) != CTI_BYTES:
        raise typer.BadParameter("must be 32 hexadecimal digits", param_hint="CTI")
    if (kept := archive.kept(number)) is None:
        raise AttestationUnknown()
    return kept


def _objects(kept: Kept) -> Objects:
    return Objects(kept.cti, kept.sha256, kept.token, kept.receipt, kept.backend_receipt)


# --- for people


def _tell(cti: bytes, links: list[Link], as_json: bool) -> None:
    holds = custody.holds(links)
    if as_json:
        shown = [asdict(link) | {"kid": link.kid.hex(), "sha256": link.sha256.hex()} for link in links]
        typer.echo(json.dumps({"cti": cti.hex(), "holds": holds, "links": shown}))
    else:
        typer.echo(f"Attestation {cti.hex()}")
        for link in links:
            _tell_link(link)
        typer.echo("The chain of custody holds." if holds else "The chain of custody does NOT hold.")
    if not holds:
        raise typer.Exit(1)


def _tell_link(link: Link) -> None:
    if link.code is not None:
        entry = words(link.code)
        typer.echo(f"  NO  {link.part}: {link.code} ({entry.number}): {entry.words} {link.detail}".rstrip())
        return
    facts = [f"by {link.who}"] if link.who else []
    facts += [_at(link.at)] if link.at is not None else []
    facts += [f"key {link.kid.hex()}"] if link.kid else []
    typer.echo(f"  ok  {link.part}: {', '.join(facts)}: {link.says}")
    typer.echo(f"      sha256 {link.sha256.hex()}")


def _at(seconds: int) -> str:
    try:
        return time.strftime("%Y-%m-%d %H:%M:%SZ", time.gmtime(seconds))
    except (OverflowError, OSError, ValueError):
        return f"at second {seconds}"


def _tell_chain(reports: list[ChainReport], as_json: bool) -> None:
    if as_json:
        typer.echo(
            json.dumps({"is_whole": all(report.is_whole for report in reports), "keys": list(map(asdict, reports))})
        )
        return
    for report in reports:
        typer.echo(
            f"{report.device}, key {report.kid}, {report.first} to {report.last}: {report.tokens} tokens,"
            f" {report.signatures_checked} signatures checked, {report.by_receipt} known by receipt"
        )
        for finding in report.findings:
            typer.echo(f"  NO  {finding.code} ({words(finding.code).number}): {finding.message}")
        typer.echo(
            f"  ok  whole, up to the token {report.last_sha256}" if report.is_whole else "  The chain is NOT whole."
        )
