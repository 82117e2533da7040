"""The MicroPython half of tools.bench.crypto: crypto_terminal.py FIRMWARE REPEATS SEALED_BYTES. Prints JSON."""

# pyright: reportMissingImports=false, reportAttributeAccessIssue=false
import gc
import json
import os
import sys
import time

sys.path.insert(0, sys.argv[1])

from terminal import ccm, cose, p256, p256_known  # noqa: E402
from terminal.signer import SoftwareSigner  # noqa: E402


def median_ms(call, repeats: int) -> float:  # noqa: ANN001
    times_us = []
    for _ in range(repeats):
        start_us = time.ticks_us()
        call()
        times_us.append(time.ticks_diff(time.ticks_us(), start_us))
    times_us.sort()
    return times_us[repeats // 2] / 1000


def at_once(coroutine) -> None:  # noqa: ANN001
    try:
        coroutine.send(None)
    except StopIteration:
        return
    raise RuntimeError("it waits for something")


def main(repeats: int, sealed_bytes: int) -> None:
    d = p256.generate(os.urandom)
    point = p256.public_key(d)
    digest, plaintext, key, nonce = os.urandom(32), bytes(sealed_bytes), os.urandom(16), os.urandom(13)
    signature = p256.sign(d, digest)
    signer = SoftwareSigner(p256.generate(os.urandom))
    known = signer.point
    p256_known.remember(known)  # as a terminal does at its start, if its heap is large enough
    calls = {
        "sign": lambda: p256.sign(d, digest),
        "sign-verified": lambda: at_once(signer.sign_digest(digest)),
        "verify": lambda: p256.verify(point, digest, signature),
        "verify-known": lambda: p256.verify(known, digest, signature),  # as long, whether it fits or not
        "ecdh": lambda: p256.ecdh(d, point),
        "ecdh-known": lambda: p256.ecdh(d, known),
        "ccm": lambda: ccm.seal(key, nonce, plaintext, b"aad"),
        "seal": lambda: cose.seal(plaintext, b"kid", point, b"aad", os.urandom),
        "seal-known": lambda: cose.seal(plaintext, b"kid", known, b"aad", os.urandom),
    }
    gc.collect()
    print(json.dumps({name: median_ms(call, repeats) for name, call in calls.items()}))


main(int(sys.argv[2]), int(sys.argv[3]))
