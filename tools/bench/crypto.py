"""How long the terminal's cryptography takes under MicroPython: `python -m tools.bench.crypto`.

The baseline is the `cryptography` package (OpenSSL) on the same machine. Medians of single calls. `sign-verified` is a
signature as the terminal releases it: hedged, blinded and verified. It and `-known`: with the comb of a key.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESCCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

SCRIPT = Path(__file__).with_name("crypto_terminal.py")
FIRMWARE = Path(__file__).parents[2] / "firmware"
HEAP = "192K"  # the heap a session has to live in: smaller means more collections
SEALED_BYTES = 1400  # identity data with the card's photo


def measure_terminal(repeats: int) -> dict[str, float]:
    micropython = os.environ.get("MICROPYTHON") or str(Path(sys.executable).parent / "micropython")
    command = [micropython, "-X", f"heapsize={HEAP}", str(SCRIPT), str(FIRMWARE), str(repeats), str(SEALED_BYTES)]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def measure_baseline(repeats: int) -> dict[str, float]:
    key = ec.generate_private_key(ec.SECP256R1())
    peer = ec.generate_private_key(ec.SECP256R1()).public_key()
    algorithm = ec.ECDSA(hashes.SHA256())
    signature = key.sign(b"token", algorithm)
    plaintext, content_key = bytes(SEALED_BYTES), os.urandom(16)

    def seal_ccm(key: bytes = content_key) -> bytes:
        return AESCCM(key).encrypt(os.urandom(13), plaintext, b"aad")

    def seal() -> bytes:
        secret = ec.generate_private_key(ec.SECP256R1()).exchange(ec.ECDH(), peer)
        return seal_ccm(HKDF(hashes.SHA256(), 16, None, b"context").derive(secret))

    return {
        "sign": (sign_ms := median_ms(lambda: key.sign(b"token", algorithm), repeats)),
        "sign-verified": sign_ms,
        "verify": (verify_ms := median_ms(lambda: key.public_key().verify(signature, b"token", algorithm), repeats)),
        "verify-known": verify_ms,
        "ecdh": (ecdh_ms := median_ms(lambda: key.exchange(ec.ECDH(), peer), repeats)),
        "ecdh-known": ecdh_ms,
        "ccm": median_ms(seal_ccm, repeats),
        "seal": (seal_ms := median_ms(seal, repeats)),
        "seal-known": seal_ms,
    }


def median_ms(call: Callable[[], object], repeats: int) -> float:
    times_ns = []
    for _ in range(repeats):
        start_ns = time.perf_counter_ns()
        call()
        times_ns.append(time.perf_counter_ns() - start_ns)
    return statistics.median(times_ns) / 1e6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=200)
    repeats = parser.parse_args().repeats
    terminal, baseline = measure_terminal(repeats), measure_baseline(repeats)
    print(f"median of {repeats}, MicroPython in a heap of {HEAP}, {SEALED_BYTES} bytes sealed")
    print(f"{'':14}{'terminal ms':>12}{'cryptography ms':>17}{'ratio':>8}")
    for name, baseline_ms in baseline.items():
        print(f"{name:14}{terminal[name]:12.3f}{baseline_ms:17.3f}{terminal[name] / baseline_ms:8.0f}")


if __name__ == "__main__":
    main()
