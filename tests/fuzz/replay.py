"""Corpus and a short blind run of the firmware's targets on MicroPython: `micropython tests/fuzz/replay.py 500 1`.

For test_fuzz.py. One line for each target: PASS name inputs / FAIL name input, followed by the traceback.
"""

import sys

HERE = __file__.rsplit("/", 1)[0]
sys.path[:0] = [HERE + "/../..", HERE + "/../../firmware"]

from tests.fuzz import blind, kept, targets  # noqa: E402


def replay(name: str, target: targets.Target, runs: int, seed: int) -> None:
    inputs = target.seeds() + kept.load(name)
    count = 0
    for source in (inputs, blind.mutants(inputs, target.size_max, runs, seed)):
        for data in source:
            try:
                target.check(data)
            except Exception as error:  # noqa: BLE001 - a finding, whatever it is
                print("FAIL", name, data.hex())
                sys.print_exception(error, sys.stdout)
                return
            count += 1
    print("PASS", name, count)


for name in sorted(targets.FIRMWARE):
    replay(name, targets.FIRMWARE[name], int(sys.argv[1]), int(sys.argv[2]))
