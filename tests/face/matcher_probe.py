"""Runs under MicroPython: matcher_probe.py FIRMWARE MODELS, then pairs of PGM pictures; prints their similarities."""

# ruff: noqa: B905, PTH123 - MicroPython's zip takes no `strict`, and there is no pathlib
# pyright: reportMissingImports=false
import json
import sys

sys.path.insert(0, sys.argv[1])

from terminal.face import engine  # noqa: E402
from terminal.face.frame import GREY, Frame, overwrite  # noqa: E402
from terminal.face.matcher import Matcher  # noqa: E402


def read_pgm(path):
    with open(path, "rb") as file:
        content = file.read()
    _, width, height, _ = content[:32].split(None, 4)[:4]
    size = int(width) * int(height)
    return Frame(bytearray(content[-size:]), int(width), int(height), GREY)


def result_of(work):
    while True:
        try:
            next(work)
        except StopIteration as end:
            return end.value


def main():
    loaded = engine.load(sys.argv[2])
    matcher = Matcher(loaded)
    found = []
    for at in range(3, len(sys.argv), 2):
        card, live = read_pgm(sys.argv[at]), read_pgm(sys.argv[at + 1])
        found.append(result_of(matcher.compare(card, live)))
    overwrite(loaded.arena)
    print(json.dumps(found))


main()
