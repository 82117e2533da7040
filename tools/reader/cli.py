"""`shiming reader`: try a real reader module at a PC before it is built into a terminal."""

import asyncio
import json
import shlex
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from tools.reader import document, photo
from tools.reader.module import Module, driver_errors

app = typer.Typer(help="A reader module at this PC.", no_args_is_help=True)

PortOption = Annotated[str, typer.Option("--port", help="Serial port of the module.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Answer as one JSON object.")]

READY = 0x90
EVENTS = {
    "found": "Card found.",
    "reading": "Reading; leave it there.",
    "lost": "Not read: lift the card, wait a second, put it down again.",
    "repeat": "That is the card read before: lift it.",
}


@app.callback()
def reader() -> None:
    """A SAM-V reader module at a serial port of this PC."""


@app.command(epilog="Example: shiming reader probe --port /dev/ttyUSB0")
def probe(port: PortOption, as_json: JsonOption = False) -> None:
    """Find the module's baud rate, its status and its SAM-ID. Ends with 1 if it does not work."""
    _tell(asyncio.run(_probe(port)), as_json)


@app.command(epilog="Example: shiming reader read --port /dev/ttyUSB0 --photo card.png --decoder './wlt2bmp'")
def read(
    port: PortOption,
    timeout_s: Annotated[float, typer.Option("--timeout", min=0.1, max=3600, help="Seconds to wait for a card.")] = 60,
    reveal: Annotated[bool, typer.Option("--reveal", help="Show everything on the card; asks first.")] = False,
    photo_file: Annotated[
        Path | None, typer.Option("--photo", help="Write the holder's picture to this new PNG file; asks first.")
    ] = None,
    decoder: Annotated[
        str | None, typer.Option(help="Program that decodes the photo block, where the module does not.")
    ] = None,
    decoder_layout: Annotated[photo.Layout, typer.Option(help="What the decoder writes.")] = photo.Layout.BMP,
    decoder_bottom_up: Annotated[bool, typer.Option(help="Its bare pixels begin with the last row.")] = False,
    decoder_mirrored: Annotated[bool, typer.Option(help="Its bare pixels begin with the last column.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Wait for a card and show what it is, name and number masked. Nothing is kept, but for a picture asked for."""
    if reveal:
        question = "Show the holder's name, number and address on this screen?"
        typer.confirm(question, abort=True, err=True)
    if photo_file:
        typer.confirm(f"Write the holder's picture to {photo_file}?", abort=True, err=True)
    command = shlex.split(decoder) if decoder else []
    vendor = photo.Decoder(command, decoder_layout, decoder_bottom_up, decoder_mirrored) if command else None
    _tell(asyncio.run(_read(port, timeout_s, reveal, photo_file, vendor)), as_json)


async def _probe(port: str) -> dict[str, Any]:
    with Module(port) as module:
        found = await module.probe()
        if found.sw3 != READY:
            _hint(f"It answers at {found.baud} baud with status {found.sw3:02X}.")
        return {"port": port, "baud": found.baud, "status": "ready", "sam_id": await module.sam_id()}


async def _read(
    port: str, timeout_s: float, is_revealed: bool, photo_file: Path | None, vendor: photo.Decoder | None
) -> dict[str, Any]:
    with Module(port) as module:
        found = await module.probe()
        sam_id = await module.sam_id()
        _hint(f"Module {sam_id} at {found.baud} baud. Put a card on it; lift one that lies there first.")
        data = await module.read_card(timeout_s, lambda event: _hint(EVENTS[event]))
        with driver_errors():
            view = document.view(data, datetime.now(UTC).astimezone().date(), is_revealed=is_revealed)
        view["picture"] = "appended by the module" if module.appended else "not decoded"
        if photo_file:
            rgb = _picture(module, bytes(data.photo), sam_id, vendor)
            photo.save(photo_file, rgb)
            view["picture"] = str(photo_file)
        return view


def _picture(module: Module, block: bytes, sam_id: str, vendor: photo.Decoder | None) -> bytes:
    if module.appended:
        return photo.from_bmp(bytes(module.appended))
    if vendor is None:
        raise photo.NotDecoded()
    return vendor.decode(block, sam_id)


def _hint(text: str) -> None:
    """Beside the answer: what to do, what goes on."""
    typer.echo(text, err=True)


def _tell(answer: dict[str, Any], as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(answer, ensure_ascii=False))
        return
    width = max(map(len, answer))
    for name, value in answer.items():
        shown = "; ".join(value) if isinstance(value, list) else value
        typer.echo(f"{name.replace('_', ' '):{width}}  {'-' if shown in ('', None) else shown}")
