"""One target under atheris: `python -m tests.fuzz.guided NAME LIBFUZZER-FLAGS`. For __main__.py, in a process of its
own because libFuzzer ends the one that it runs in."""

import sys

import atheris

from tests.fuzz import paths

paths.add_firmware()
with atheris.instrument_imports(include=["terminal", "host_agent"]):
    # A terminal imports these when such a card comes: too late to be instrumented.
    from terminal import card_foreign_2017, card_foreign_2023, card_hmt  # noqa: F401

    from tests.fuzz import targets

    check = targets.load()[sys.argv[1]].check

atheris.Setup([sys.argv[0], *sys.argv[2:]], check)
atheris.Fuzz()
