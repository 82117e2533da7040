"""Lets a program on CPython import the firmware, as conftest.py does for the tests."""

import sys
from pathlib import Path

TESTS = Path(__file__).parents[1]


def add_firmware() -> None:
    # Last: firmware/ has a main.py and a boot.py that must shadow nothing.
    sys.path += [str(TESTS.parent / "firmware"), str(TESTS / "cpython")]
