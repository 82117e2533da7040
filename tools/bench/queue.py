"""The terminal's evidence queue on NOR flash under littlefs: `python -m tools.bench.queue`.

Beside a named baseline in the same run, on the same model of the flash: `one-log`, one append-only file with a mark for
each receipt. Recovery, time and heap; bytes programmed and blocks erased for a record, and how the erases are spread.
Times are this machine's, under MicroPython; a real chip's flash is slower, what is counted in bytes and erases is not.
"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Annotated, Any

import typer

HERE = Path(__file__).parent
SCRIPT = HERE / "queue_terminal.py"
FIRMWARE = HERE.parents[1] / "firmware"
LIBRARY = HERE.parent / "emulator" / "lib"
FLASH_BYTES = 0x490000
HEAPS = {"queue": "256K", "one-log": "2M"}  # 64 KB of it for the model of the flash; the baseline does not fit in
RECORDS = (20, 500, 1000, 2000)
RECOVERY_MS = 300  # wanted, with 2 000 records
ROWS = {
    "append, ms": "fill_ms",
    "recovery, ms": "recover_ms",
    "heap of it, KB": "heap_bytes",
    "read and receipt, ms": "drain_ms",
    "programmed for a record, bytes": "append_bytes",
    "erased for a record, blocks": "append_erases",
    "programmed for a receipt, bytes": "receipt_bytes",
    "erased for a receipt, blocks": "receipt_erases",
}


def measure(which: str, records: int, token_bytes: int) -> dict[str, Any]:
    micropython = os.environ.get("MICROPYTHON") or str(Path(sys.executable).parent / "micropython")
    with tempfile.NamedTemporaryFile() as image:
        image.write(b"\xff" * FLASH_BYTES)
        image.flush()
        command = [micropython, "-X", f"heapsize={HEAPS[which]}", str(SCRIPT), str(FIRMWARE), str(LIBRARY)]
        command += [image.name, which, str(records), str(token_bytes)]
        result = subprocess.run(command, capture_output=True, text=True, check=False)
    if result.returncode:
        raise SystemExit(f"{which}: {result.stdout}{result.stderr}")
    found = json.loads(result.stdout)
    found["heap_bytes"] /= 1024
    return found


def main(
    token_bytes: Annotated[int, typer.Option(min=100, max=2200, help="A card with its photo makes some 1 900.")] = 1900,
) -> None:
    """Example: python -m tools.bench.queue --token-bytes 700"""
    for records in RECORDS:
        ours, baseline = (measure(which, records, token_bytes) for which in HEAPS)
        print(f"{records} records of {token_bytes} bytes{'':14}{'queue':>10}{'one-log':>10}{'ratio':>8}")
        for words, key in ROWS.items():
            ratio = f"{ours[key] / baseline[key]:8.2f}" if baseline[key] else f"{'-':>8}"
            print(f"  {words:<38}{ours[key]:10.2f}{baseline[key]:10.2f}{ratio}", flush=True)
        amplification = (ours["append_bytes"] + ours["receipt_bytes"]) / token_bytes
        least, median, most_99, most = ours["erases"]
        print(f"  write amplification, record and receipt: {amplification:.2f}")
        print(f"  erases of a block: least {least}, median {median}, 99 % {most_99}, most {most}")
        if records == RECORDS[-1]:
            print(f"recovery within {RECOVERY_MS} ms: {'met' if ours['recover_ms'] <= RECOVERY_MS else 'NOT MET'}")


if __name__ == "__main__":
    typer.run(main)
