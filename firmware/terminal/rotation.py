"""A word of the agent about this terminal's key (PROTOCOL.md section 8), while the terminal is at work.

Imported when it comes, and short: each new name costs the smallest heap dear. What takes more, making the key and its
statement, is done between two starts (terminal.next_key). The change itself is one rename, while nothing waits in the
queue and nobody is at the counter; then the terminal starts anew, and `Queue.identify` begins the new key's chain.
"""

import hashlib
import os
from binascii import hexlify

from terminal import cbor, cose
from terminal.claim import EAT_PROFILE, UEID
from terminal.config import content, keep
from terminal.errors import CborError, CoseError, QueueError
from terminal.log_record import KEY
from terminal.signer import IN_ELEMENT

TYPE_CHECKING = False
if TYPE_CHECKING:
    from terminal.config import Config
    from terminal.flight_log import FlightLog
    from terminal.hardware import Hardware
    from terminal.orders import Orders
    from terminal.queue import Queue
    from terminal.signer import Signer


def take(
    message: bytes,
    hw: "Hardware",
    config: "Config",
    queue: "Queue",
    signer: "Signer",
    log: "FlightLog",
    orders: "Orders",
    folder: str = "/secret",
) -> "bytes | None":
    """A message from down/key; returns what is to be sent on up/key. Never raises: it comes again."""
    code = "key-message-invalid"
    try:
        point = config.agent_point
        payload, _ = cose.verify1(message, lambda kid: point if kid == config.agent_kid else None)
        claims = cbor.decode(payload)
        if not isinstance(claims, dict) or claims[EAT_PROFILE] != "tag:shiming.example,2026:key-order#1":
            raise ValueError
        # begin and end of both keys' time (8 bytes each), kid of the key that counts, kid of the next; the statement
        kept = content(folder + "/attest.statement")
        if claims[UEID] != config.ueid or (kept and kept[16:24] != signer.kid and -70020 in claims):
            raise ValueError
        now = hw.clock.now()
        if -70020 not in claims:
            if claims[-70042] != signer.kid:
                raise ValueError
            if claims[4] <= now:
                code = "key-request-expired"
                raise ValueError
            if kept[16:24] == signer.kid and int.from_bytes(kept[8:16], "big") >= now:
                return kept[32:]
            path = folder + "/attest.request"
            # Of one that is there already, the attempts of terminal.next_key were in vain.
            if orders.is_idle() and content(path)[1:] != message:
                keep(path, b"\x03" + message)
                hw.reset()
            return None
        if not kept or hashlib.sha256(kept[32:]).digest() != claims[-70020]:
            raise ValueError
        queue.settle()
        if int.from_bytes(kept[:8], "big") <= now and not len(queue) and orders.is_idle():
            # Nothing here waits for anything: a record signed meanwhile would have no place in the new key's chain.
            log.note(KEY, "key-" + hexlify(kept[24:32]).decode())
            path = folder + "/attest.statement"
            try:
                os.rename(
                    folder + "/attest.next",
                    folder + ("/attest.slot" if signer.custody == IN_ELEMENT else "/attest.key"),
                )
                for _ in range(32):  # littlefs erases both blocks of the folder meanwhile, where the old key was
                    keep(path, hw.random(128))
                os.remove(path)
            finally:
                hw.reset()  # also after an error: which key is on flash, the start finds out
    except (CborError, CoseError, KeyError, ValueError, TypeError):
        print("rotation:", code)
    except (OSError, MemoryError, QueueError) as error:
        print("rotation: rotation-fault", error)
        log.take("fault", "rotation-fault", None)
    return None
