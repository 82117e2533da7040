"""What portable tests share: vectors, skipping, expecting an error. Run by pytest, and by run.py on MicroPython."""

import asyncio
import json
import os
import sys

try:
    from pytest import skip
except ImportError:

    class Skipped(Exception):
        """run.py reports it as a skip."""

    def skip(reason: str) -> None:
        raise Skipped(reason)


HERE = __file__ if __file__.startswith("/") else os.getcwd() + "/" + __file__
ROOT = HERE.rsplit("/", 3)[0]


def scratch(name: str) -> str:
    """A path in build/ that no other process of a run uses: both interpreters and pytest's workers run at once."""
    try:
        os.mkdir(ROOT + "/build")
    except OSError:
        pass  # is there
    return ROOT + "/build/" + "-".join((name, sys.implementation.name, os.getenv("PYTEST_XDIST_WORKER") or "alone"))


def own(name: str) -> object:
    """The project's vectors: tests/vectors/NAME."""
    with open(ROOT + "/tests/vectors/" + name) as file:
        return json.load(file)


def shared(name: str) -> object:
    """The vectors beside the repository: ../shared/vectors/NAME. The test is skipped where they are absent."""
    path = ROOT.rsplit("/", 1)[0] + "/shared/vectors/" + name
    try:
        file = open(path)  # noqa: SIM115
    except OSError:
        skip("absent: ../shared/vectors/" + name)
    with file:
        return json.load(file)


def raises(error: type, function, *arguments) -> Exception:
    """Calls the function, which must raise this error (or a subclass). Returns it."""
    try:
        result = function(*arguments)
    except error as raised:
        return raised
    raise AssertionError("no " + error.__name__ + ", but " + repr(result))


def unhedged(_: int) -> bytes:
    """For a signer whose tokens are compared with vectors: nonces as RFC 6979 makes them."""
    return b""


def signed1(*arguments) -> bytes:
    """terminal.signer.sign1, for tests that have no event loop."""
    from terminal.signer import sign1

    return asyncio.run(sign1(*arguments))
