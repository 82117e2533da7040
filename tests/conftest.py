"""Lets CPython import the firmware: tests/cpython holds the MicroPython modules that CPython lacks."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "cpython"))
