"""The MicroPython half of tools.bench.queue: queue_terminal.py FIRMWARE LIB IMAGE WHICH RECORDS TOKEN_BYTES. Says JSON.

WHICH is `queue`, the terminal's, or `one-log`, the baseline: every record appended to one file, a mark for each receipt
behind it, the whole file read at the start.
"""

# pyright: reportMissingImports=false, reportAttributeAccessIssue=false, reportArgumentType=false
# ruff: noqa: PTH123, PTH208, UP031 - MicroPython
import gc
import hashlib
import json
import os
import sys
import time

sys.path.insert(0, sys.argv[1])
sys.path.append(sys.argv[2])

import vfs  # noqa: E402
from nor_flash import BLOCK_BYTES, GEOMETRY, File, Nor  # noqa: E402
from terminal.queue import Queue  # noqa: E402

BLOCKS = 0x490000 // BLOCK_BYTES  # the file system of esp32s3
POINT = "/bench"
WINDOW = 16


class OneLog:
    """What an append-only file costs when nothing is done about it."""

    def __init__(self, folder: str) -> None:
        self._path = folder + ".log"
        self._places = []  # (seq, offset, size), without a receipt

    def open(self) -> None:
        self._places = []
        if self._path.split("/")[-1] in os.listdir(POINT):
            with open(self._path, "rb") as file:
                self._scan(file)
        self._file = open(self._path, "ab")  # noqa: SIM115
        self._size = self._file.seek(0, 2)

    def append(self, order_id: str, token: bytes, at: int) -> None:
        seq = len(self._places) + 1
        self._places.append((seq, self._size + 12, len(token)))
        self._put(b"T", seq, token)

    def pending(self, most: int) -> list:
        return [place[0] for place in self._places[:most]]

    def read(self, seq: int) -> bytes:
        offset, size = [place[1:] for place in self._places if place[0] == seq][0]
        with open(self._path, "rb") as file:
            file.seek(offset)
            return file.read(size)

    def remove(self, seq: int) -> None:
        self._places = [place for place in self._places if place[0] != seq]
        self._put(b"D", seq, b"")

    def close(self) -> None:
        self._file.close()

    def __len__(self) -> int:
        return len(self._places)

    def _put(self, kind: bytes, seq: int, body: bytes) -> None:
        head = kind + b"   " + seq.to_bytes(4, "big") + len(body).to_bytes(4, "big")
        self._file.write(head + body + hashlib.sha256(head + body).digest()[:4])
        self._file.flush()
        self._size += 16 + len(body)

    def _scan(self, file: object) -> None:
        head = file.read(12)
        offset = 12
        while len(head) == 12:
            size = int.from_bytes(head[8:], "big")
            body = file.read(size)
            if file.read(4) == hashlib.sha256(head + body).digest()[:4]:
                self._places.append((int.from_bytes(head[4:8], "big"), offset, size))
            head = file.read(12)
            offset += size + 16


def timed_ms(call) -> float:  # noqa: ANN001
    start_us = time.ticks_us()
    call()
    return time.ticks_diff(time.ticks_us(), start_us) / 1000


def fill(queue: object, records: int, token_bytes: int) -> None:
    token = os.urandom(token_bytes)
    for i in range(records):
        queue.append("order-%d" % i, token, 1_700_000_000)


def drain(queue: object) -> None:
    """As the uplink does it: a window is read, then receipted."""
    while len(queue):
        window = queue.pending(WINDOW)
        for seq in window:
            queue.read(seq)
        for seq in window:
            queue.remove(seq)


def spread(erased: list) -> list:
    erased = sorted(erased)
    return [erased[0], erased[len(erased) // 2], erased[len(erased) * 99 // 100], erased[-1]]


def main(path: str, which: str, records: int, token_bytes: int) -> None:
    device = Nor(File(path), BLOCKS)
    vfs.VfsLfs2.mkfs(device, **GEOMETRY)
    vfs.mount(vfs.VfsLfs2(device, **GEOMETRY), POINT)
    make = Queue if which == "queue" else OneLog
    queue = make(POINT + "/queue")
    queue.open()
    found = {"fill_ms": timed_ms(lambda: fill(queue, records, token_bytes)) / records}
    found["append_bytes"], found["append_erases"] = device.programmed_bytes / records, sum(device.erased) / records
    queue.close()
    queue = None
    gc.collect()
    before = gc.mem_alloc()
    queue = make(POINT + "/queue")
    found["recover_ms"] = timed_ms(queue.open)
    gc.collect()
    found["heap_bytes"] = gc.mem_alloc() - before
    assert len(queue) == records
    programmed, erased = device.programmed_bytes, sum(device.erased)
    found["drain_ms"] = timed_ms(lambda: drain(queue)) / records
    found["receipt_bytes"] = (device.programmed_bytes - programmed) / records
    found["receipt_erases"] = (sum(device.erased) - erased) / records
    queue.close()
    found["erases"] = spread(list(device.erased))
    assert not device.cleared_bits_set
    print(json.dumps(found))


main(sys.argv[3], sys.argv[4], int(sys.argv[5]), int(sys.argv[6]))
