"""`shiming emulate reader`: a virtual SAM-V reader on a serial port, for anybody's software."""

import asyncio
import json
import signal
from pathlib import Path
from typing import Annotated

import typer

from tools.emulator import scenario as scenarios
from tools.emulator.sam_reader import LogEntry
from tools.emulator.scenario import Player, Scenario, Step
from tools.emulator.serial_reader import SerialReader

EXAMPLE = (
    "Example: shiming emulate reader --scenario pulled, then shiming reader read --port PORT, with the port it names."
)


def reader(
    scenario: Annotated[
        str, typer.Option(help=f"TOML file, or one of: {', '.join(scenarios.names())}.", show_default=True)
    ] = "plain",
    port_link: Annotated[
        Path | None, typer.Option(help="Make a link of this name to the port; without it, only the port is named.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Say everything as JSON, one object a line.")] = False,
    is_list: Annotated[bool, typer.Option("--list", help="Name the scenarios, and how sound software ends.")] = False,
) -> None:
    """Run a virtual SAM-V reader on a pseudo-terminal until Ctrl-C or SIGTERM, and play a scenario on it."""
    if is_list:
        _list(as_json)
        return
    asyncio.run(_run(scenarios.load(scenarios.find(scenario)), port_link, as_json))


def _list(as_json: bool) -> None:
    width = max(map(len, scenarios.names()))
    for name in scenarios.names():
        told = scenarios.load(scenarios.find(name))
        if as_json:
            print(json.dumps({"name": name, "title": told.title, "expect": told.expect}, ensure_ascii=False))
        else:
            print(f"{name:{width}}  {told.title}: {', '.join(told.expect)}")


async def _run(scenario: Scenario, port_link: Path | None, as_json: bool) -> None:
    def tell(**news: str | int | None) -> None:
        said = {name: value for name, value in news.items() if value is not None}
        line = json.dumps(said, ensure_ascii=False) if as_json else "  ".join(f"{k} {v}" for k, v in said.items())
        print(line, flush=True)

    def tell_step(step: Step) -> None:
        tell(step=scenarios.describe(step))

    def tell_answer(entry: LogEntry) -> None:
        name = scenarios.command_name(entry.cmd, entry.para)
        tell(command=name, sw3=f"{entry.sw3:02X}", answer_ms=round(entry.answer_ms))

    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with SerialReader(scenario.reader(), link=port_link, on_done=tell_answer, **scenario.pace()) as serial_reader:
        tell(port=serial_reader.port, link=str(port_link) if port_link else None, scenario=scenario.title)
        asked = asyncio.create_task(stop.wait())
        playing = asyncio.create_task(Player(scenario, serial_reader, tell_step).play())
        await asyncio.wait({asked, playing}, return_when=asyncio.FIRST_COMPLETED)
        if playing.done():
            playing.result()
            tell(scenario="played; the reader stays as it is now")
            await asked
        playing.cancel()
