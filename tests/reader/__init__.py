"""Importing tools.reader lets `python -m tests.reader.…` import the firmware."""

import tools.reader  # noqa: F401
