"""`python -m tools.screen`: see cli.py."""

import sys

from host_agent.errors import ShimingError
from tools.screen.cli import app

try:
    app(prog_name="python -m tools.screen")
except ShimingError as error:
    sys.exit(f"error {error.code}: {error}")
