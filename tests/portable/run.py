"""Runs the tests of one portable module: `micropython tests/portable/run.py test_cbor`. For tests/test_portable.py.

One line for each test, then what it has to say: PASS name / SKIP name reason / FAIL name, followed by the traceback.
"""

import gc
import sys

HERE = __file__.rsplit("/", 1)[0]
sys.path[:0] = [HERE, HERE + "/../../firmware"]

from harness import Skipped  # noqa: E402


def run(module_name: str) -> None:
    module = __import__(module_name)
    for name in sorted(dir(module)):
        if name.startswith("test_"):
            run_test(name, getattr(module, name))


def run_test(name: str, test) -> None:
    try:
        test()
    except Skipped as skipped:
        print("SKIP", name, skipped)
    except Exception as error:  # noqa: BLE001 - whatever it is, it is the result of this test
        print("FAIL", name)
        sys.print_exception(error, sys.stdout)
    else:
        print("PASS", name)


gc.threshold((gc.mem_alloc() + gc.mem_free()) // 16)  # as firmware/boot.py sets it
run(sys.argv[1])
