"""The terminal's half of a key rotation (PROTOCOL.md section 8): a new key and its statement, and the change to it.

Imported when the agent speaks of a key, so that no session pays for it. All that is known is on flash:

    /secret/attest.next  the next key, or with a secure element its slot. Made once and never replaced: an operator may
                         have taken it over without this terminal knowing
    /secret/rotation     the statement, so that a request that comes again gets the same answer
    /secret/attest.key   the key that counts, or /secret/attest.slot with an element

The change is one rename, of the first over the last, while nothing waits in the queue and nobody is at the counter;
then the terminal starts anew, and `Queue.identify` begins the new key's chain.
"""

import hashlib
import os
from binascii import hexlify

from terminal import cbor, cose, p256
from terminal.claim import EAT_PROFILE, IAT, PREV, SEQ, UEID
from terminal.config import keep
from terminal.errors import CborError, CoseError, TerminalError
from terminal.log_record import KEY
from terminal.signer import IN_ELEMENT, SoftwareSigner, sign1

TYPE_CHECKING = False
if TYPE_CHECKING:
    from terminal.config import Config
    from terminal.flight_log import FlightLog
    from terminal.hardware import Hardware
    from terminal.orders import Orders
    from terminal.queue import Queue
    from terminal.signer import Signer

PROFILE = "tag:shiming.example,2026:key-rotation#1"
REQUEST = "tag:shiming.example,2026:key-request#1"
ACCEPTANCE = "tag:shiming.example,2026:key-acceptance#1"
OVERLAP_MAX_S = 2_678_400  # 31 days
OVERWRITES = 32  # of a small file: littlefs erases both blocks of its folder meanwhile


class KeyMessageInvalid(TerminalError):
    code = "key-message-invalid"


class KeyRequestExpired(TerminalError):
    code = "key-request-expired"


class Rotation:
    """For one message; `signer` is the one with the old key."""

    def __init__(
        self,
        hw: "Hardware",
        config: "Config",
        queue: "Queue",
        signer: "Signer",
        log: "FlightLog",
        orders: "Orders",
        folder: str = "/secret",
    ) -> None:
        self._hw = hw
        self._config = config
        self._queue = queue
        self._signer = signer
        self._log = log
        self._orders = orders
        self._next_path = folder + "/attest.next"
        self._statement_path = folder + "/rotation"
        self._key_path = folder + ("/attest.slot" if signer.custody == IN_ELEMENT else "/attest.key")

    async def take(self, message: bytes) -> "bytes | None":
        """A message from down/key; returns what is to be sent on up/key. Never raises: it comes again."""
        try:
            claims = self._open(message)
            if claims[EAT_PROFILE] == REQUEST:
                return await self._answer(claims[IAT], claims[4], claims[5], claims[-70040], claims[-70042])
            await self._change(claims[-70020])
        except (CborError, CoseError, KeyError, ValueError) as error:
            print("rotation:", KeyMessageInvalid.code, getattr(error, "code", "claims-malformed"))
        except (KeyMessageInvalid, KeyRequestExpired) as error:
            print("rotation:", error.code, error)
        except (TerminalError, OSError, MemoryError) as error:
            code = getattr(error, "code", "rotation-fault")
            print("rotation:", code, error)
            self._log.take("fault", code, None)
        return None

    def _open(self, message: bytes) -> dict:
        config = self._config
        payload, _ = cose.verify1(message, lambda kid: config.agent_point if kid == config.agent_kid else None)
        claims = cbor.decode(payload)
        if not isinstance(claims, dict) or claims[EAT_PROFILE] not in (REQUEST, ACCEPTANCE):
            raise KeyMessageInvalid("profile-unknown")
        if claims[UEID] != config.ueid:
            raise KeyMessageInvalid("for another terminal")
        return claims

    # --- the statement

    async def _answer(self, iat: int, exp: int, begins: int, ends: int, kid: bytes) -> bytes:
        for seconds in (iat, exp, begins, ends):
            if isinstance(seconds, bool) or not isinstance(seconds, int) or seconds < 0:
                raise ValueError
        if not begins <= ends <= begins + OVERLAP_MAX_S:
            raise KeyMessageInvalid("times")
        if kid != self._signer.kid:
            raise KeyMessageInvalid("of another key")
        now = self._hw.clock.now()
        if exp <= now:
            raise KeyRequestExpired("")
        successor = await self._successor()
        statement, claims = self._kept(successor)
        if claims and claims[-70040] >= now:
            return statement
        return await self._state(successor, begins, ends)

    async def _successor(self) -> "Signer":
        """With the next key, which is made if there is none."""
        raw = _content(self._next_path)
        element = self._hw.element
        if self._signer.custody == IN_ELEMENT and element:
            from terminal import element_signer

            first = self._hw.element_slot
            current = _content(self._key_path)
            slot = raw[0] if raw else 2 * first + 1 - (current[0] if current else first)
            if not raw:
                await element.generate_key(slot)
                keep(self._next_path, bytes([slot, 1]))  # as SLOT_FILE
            return await element_signer.ElementSigner.open(element, slot)
        if not raw:
            raw = p256.generate(self._hw.random).to_bytes(32, "big")
            keep(self._next_path, raw)
        return SoftwareSigner.from_bytes(raw, self._hw.random)

    def _kept(self, successor: "Signer") -> tuple:
        """(statement, its claims): one that the key that counts has signed for this successor; or (b"", None)."""
        statement = _content(self._statement_path)
        signer = self._signer
        try:
            payload, _ = cose.verify1(statement, lambda kid: signer.point if kid == signer.kid else None)
            claims = cbor.decode(payload)
        except (CborError, CoseError):
            return b"", None
        assert isinstance(claims, dict)  # it is our own
        is_right = claims[8] == {1: cose.key_map(successor.point)}
        return (statement, claims) if is_right else (b"", None)

    async def _state(self, successor: "Signer", begins: int, ends: int) -> bytes:
        iat, ueid, signer = self._hw.clock.now(), self._config.ueid, self._signer
        key = cose.key_map(successor.point)
        proven = cbor.encode(["ShimingKeyRotation1", signer.kid, ueid, key[-2], key[-3], begins, ends, iat])
        proof = await successor.sign_digest(hashlib.sha256(proven).digest())
        claims = {
            5: begins,
            IAT: iat,
            8: {1: key},
            UEID: ueid,
            EAT_PROFILE: PROFILE,
            SEQ: self._queue.next_seq - 1,
            PREV: self._queue.head,
            -70040: ends,
            -70041: proof,
        }
        statement = await sign1(cbor.encode(claims), signer.kid, signer)
        keep(self._statement_path, statement)
        self._note("next-", successor)
        return statement

    # --- the change

    async def _change(self, sha256: bytes) -> None:
        """What does not fit yet waits: the agent says it again."""
        if not _content(self._next_path):
            raise KeyMessageInvalid("there is no next key")
        successor = await self._successor()
        statement, claims = self._kept(successor)
        if not claims or hashlib.sha256(statement).digest() != sha256:
            raise KeyMessageInvalid("of another statement")
        self._queue.settle()
        if claims[5] > self._hw.clock.now() or len(self._queue) or not self._orders.is_idle():
            return
        # From here on nobody else runs: a record with the old key would have no place in the new one's chain.
        self._note("key-", successor)
        os.rename(self._next_path, self._key_path)
        try:
            os.remove(self._statement_path)
            for _ in range(OVERWRITES):
                keep(self._statement_path, self._hw.random(128))
            os.remove(self._statement_path)
        except OSError:
            pass  # the change is made; what is left has no use any more
        self._hw.reset()

    def _note(self, what: str, successor: "Signer") -> None:
        self._log.note(KEY, what + hexlify(successor.kid).decode())


def _content(path: str) -> bytes:
    """b"" where there is no such file."""
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError as error:
        if error.errno != 2:
            raise
        return b""
