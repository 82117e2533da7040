"""The one command `shiming`. Turns errors into plain words and exit codes, here and nowhere else.

Exit codes: 0 done, 1 it failed, 2 wrong use or configuration, 130 interrupted.
"""

import sys
from typing import NoReturn

import typer

from host_agent import audit
from host_agent import cli as agent
from host_agent.errors import ShimingError, words
from tools.backend import cli as backend
from tools.demo import cli as demo
from tools.emulator import cli as emulator
from tools.face import cli as face
from tools.pki import cli as pki
from tools.reader import cli as reader
from tools.screen import cli as screen
from tools.torture import cli as torture

app = typer.Typer(
    name="shiming",
    help="Real-name registration terminals: demo, host agent, reference backend, emulation, test authority.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)
app.command("demo", epilog=demo.EXAMPLE)(demo.demo)
app.add_typer(agent.app, name="agent", help="The host agent: takes evidence in, verifies, stores, forwards.")
app.add_typer(audit.app, name="audit", help="Chain of custody: who had an attestation when, and whether all are there.")
app.add_typer(backend.app, name="backend", help="The reference registration backend.")
app.add_typer(emulator.app, name="emulate", help="Emulated hardware.")
app.add_typer(face.app, name="face", help="How well the terminal's face step does, on pictures and in sessions.")
app.add_typer(reader.app, name="reader", help="A SAM-V reader module at this PC's serial port.")
app.add_typer(screen.app, name="screen", help="Words and fonts of the terminal's screen.")
app.command("explain", epilog=screen.EXPLAIN_EXAMPLE)(screen.explain)
app.command("torture", epilog=torture.EXAMPLE)(torture.torture)
app.add_typer(pki.app, name="pki", help="A test authority: keys and certificates for demo and tests.")


def main() -> None:
    try:
        app()
    except ShimingError as error:
        _end(error.code, str(error), error.exit_status)
    except OSError as error:  # a full disk, no permission, a file in place of a folder: the system names it best
        _end("file-failed", ": ".join(filter(None, (error.filename, error.strerror or type(error).__name__))), 2)
    except KeyboardInterrupt:
        sys.exit(130)


def _end(code: str, message: str, exit_status: int) -> NoReturn:
    entry = words(code)
    print(f"error {code} ({entry.number}): {message}", file=sys.stderr)
    if entry.clerk:
        print(f"  {entry.clerk}", file=sys.stderr)
    sys.exit(exit_status)


if __name__ == "__main__":
    main()
