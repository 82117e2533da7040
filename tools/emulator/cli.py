"""`shiming emulate`: emulated hardware on the command line."""

import asyncio
import itertools
import json
import signal
from pathlib import Path
from typing import Annotated

import typer

from tools.emulator import flash, serial_reader_cli
from tools.emulator.board import Board, PanelEvent
from tools.emulator.provision import firmware_rom
from tools.rom import starter_files

EXAMPLE = (
    "Example: shiming emulate terminal --dir work/terminal, then in a second window "
    "mpremote connect PORT fs ls, with the port that the first one names."
)

app = typer.Typer(help="Emulated hardware.", no_args_is_help=True)
app.command(epilog=serial_reader_cli.EXAMPLE)(serial_reader_cli.reader)


@app.callback()
def emulate() -> None:
    """Emulated hardware."""


@app.command(epilog=EXAMPLE)
def terminal(
    directory: Annotated[Path, typer.Option("--dir", help="Folder of the terminal, with flash.img and rom.img.")],
    reader_port: Annotated[int | None, typer.Option(help="TCP port of a reader emulator on 127.0.0.1.")] = None,
    heap: Annotated[str, typer.Option(help="The board's heap, as 192K or 2M.")] = "2M",
    as_json: Annotated[bool, typer.Option("--json", help="Say everything as JSON, one object a line.")] = False,
) -> None:
    """Run a terminal until Ctrl-C or SIGTERM, and show its panel.

    A folder without them gets a flash that is not provisioned, and a ROM with this release's firmware.
    """
    asyncio.run(_run(directory, reader_port, heap, as_json))


async def _run(directory: Path, reader_port: int | None, heap: str, as_json: bool) -> None:
    image, rom = directory / "flash.img", directory / "rom.img"
    directory.mkdir(parents=True, exist_ok=True)
    if not image.exists():
        flash.build_image(image, starter_files())
    if not rom.exists():
        flash.write_rom(rom, firmware_rom())

    def tell(**news: str | int | None) -> None:
        said = {name: value for name, value in news.items() if value is not None}
        typer.echo(json.dumps(said) if as_json else "  ".join(f"{name} {value}" for name, value in said.items()))

    def show(event: PanelEvent) -> None:
        tell(panel=event.state, code=event.code, value=event.value)

    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with Board(image, rom=rom, reader_port=reader_port, heap=heap, on_panel=show) as board:
        tell(port=board.port)

        async def tell_boots() -> None:
            for number in itertools.count():
                await board.wait_boot(number + 1)
                tell(boot=board.boots[number])

        asked = asyncio.create_task(stop.wait())
        boots = asyncio.create_task(tell_boots())
        await asyncio.wait({asked, boots}, return_when=asyncio.FIRST_COMPLETED)
        if boots.done():
            boots.result()  # the board failed
        boots.cancel()
