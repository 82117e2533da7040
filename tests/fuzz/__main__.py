"""`python -m tests.fuzz`: a long run over all targets or some. Exits with 1 after a finding, whose input it keeps."""

import argparse
import importlib.util
import sys
from pathlib import Path

from tests.fuzz import kept, paths

paths.add_firmware()

from tests.fuzz import runner, targets  # noqa: E402


def main() -> int:
    known = targets.load()
    options = _options(sorted(known))
    is_guided = importlib.util.find_spec("atheris") is not None and not options.blind
    if not is_guided:
        print("Without atheris: mutations that know nothing of coverage.", flush=True)
    names = options.target or list(known)
    results = []
    print(f"seed {options.seed}\n{'target':14} {'inputs':>9} {'seconds':>8} {'inputs/s':>9} {'edges':>6}  finding")
    for name in names:
        arguments = (name, known[name], options.runs // len(names), options.seed, Path(kept.FOLDER, name))
        results.append(runner.run_guided(*arguments, options.minimise) if is_guided else runner.run_blind(*arguments))
        _show(name, results[-1])
    inputs, seconds = sum(result.inputs for result in results), sum(result.seconds for result in results)
    findings = sum(bool(result.words) for result in results)
    print(f"{inputs} inputs in {seconds:.0f} s, {inputs / seconds:.0f} inputs/s, {findings} findings")
    return min(findings, 1)


def _show(name: str, result: runner.Result) -> None:
    edges = "-" if result.edges is None else result.edges
    pace = result.inputs / max(result.seconds, 0.001)
    finding = result.finding or ("see below" if result.words else "none")
    print(f"{name:14} {result.inputs:9} {result.seconds:8.1f} {pace:9.0f} {edges:>6}  {finding}", flush=True)
    if result.words:
        print(result.words, flush=True)


def _options(names: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--runs", type=int, default=1_000_000, help="inputs in all, shared evenly by the targets")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--target", action="append", choices=names, help="only this one; may be repeated")
    parser.add_argument("--blind", action="store_true", help="without atheris")
    parser.add_argument("--minimise", action="store_true", help="replace the corpus by what this run reached")
    return parser.parse_args()


sys.exit(main())
