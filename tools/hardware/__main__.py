"""`python -m tools.hardware`: pin maps, wiring, parts, power, flash and sizes of the real boards.

Exit codes: 0 done, 1 something is wrong, 2 wrong use or a file that cannot be read.
"""

import sys
from typing import Annotated

import typer

from tools.hardware import products, render, sizes
from tools.hardware.pin_map import BOARDS, load
from tools.rom import CompileFailed

app = typer.Typer(
    help="The real boards on paper: made from hardware/*.toml, and checked.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
EXIT_CODES = "Exit codes: 0 done, 1 something is wrong, 2 wrong use or a file that cannot be read."


@app.command(epilog=f"Example: python -m tools.hardware build. {EXIT_CODES}")
def build(
    draws: Annotated[bool, typer.Option("--draw/--no-draw", help="Draw the wiring; needs wireviz and dot.")] = True,
) -> None:
    """Write pins.py, wiring, bill of materials and the tables of hardware/README.md from the pin maps."""
    if draws and not render.can_render():
        typer.echo("wireviz or Graphviz's dot is missing: pip install wireviz==0.4.1, apt install graphviz", err=True)
        raise typer.Exit(2)
    for path in products.build(draws=draws):
        typer.echo(f"written: {path}")


@app.command(epilog=f"Example: python -m tools.hardware check. {EXIT_CODES}")
def check() -> None:
    """Reserved, double or impossible pins, loose wires, wrong levels, currents, partitions, stale files, ROM size."""
    found = products.check() + products.over_plan([load(board) for board in BOARDS])
    for problem in found:
        typer.echo(problem, err=True)
    if found:
        raise typer.Exit(1)
    typer.echo(f"hardware is sound on paper: {', '.join(BOARDS)}")


@app.command("sizes", epilog=f"Example: python -m tools.hardware sizes. {EXIT_CODES}")
def show_sizes() -> None:
    """Bytes of every module for every target, and each board's ROM image against its plan."""
    typer.echo(sizes.report(sizes.module_sizes(BOARDS)))
    plans = [sizes.rom_plan(load(board)) for board in BOARDS]
    for plan in plans:
        typer.echo(str(plan) + (" TOO BIG" if plan.is_over else ""))
    if any(plan.is_over for plan in plans):
        raise typer.Exit(1)


def main() -> None:
    try:
        app()
    except CompileFailed as error:
        print(f"error {error.code}: {error}", file=sys.stderr)
        sys.exit(1)
    except (OSError, ValueError, KeyError) as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)


if __name__ == "__main__":
    main()
