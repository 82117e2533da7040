"""Signers of the terminal: `kid`, `point`, the key's `custody`, `sign_digest`, which may take its time; and signing.

A SoftwareSigner's key lies in flash. Whoever opens the case can have it, so every claim says which kind of key has
signed it; a secure element (terminal.element_signer) takes its place on boards that have one.
"""

from os import urandom

from terminal import cose, p256
from terminal.errors import KeyInvalid, SignatureInvalid

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Protocol

    class Signer(Protocol):
        @property
        def custody(self) -> int: ...
        @property
        def kid(self) -> bytes: ...
        @property
        def point(self) -> tuple[int, int]: ...
        async def sign_digest(self, __digest: bytes) -> bytes: ...


IN_FLASH, IN_ELEMENT = 1, 2  # custody of the key: PROTOCOL.md section 3


async def sign1(
    payload: bytes, kid: bytes, signer: "Signer", typ: str | None = None, external_aad: bytes = b""
) -> bytes:
    """Returns the COSE_Sign1."""
    protected, digest = cose.sign1_parts(payload, kid, typ, external_aad)
    return cose.sign1_token(protected, payload, await signer.sign_digest(digest))


class SoftwareSigner:
    """`random(n)` gives n bytes that hedge each nonce (RFC 6979 section 3.6); none make it the RFC's own."""

    custody = IN_FLASH

    def __init__(self, d: int, random: "Callable[[int], bytes]" = urandom) -> None:
        self._d = d
        self._random = random
        self.point = p256.public_key(d)
        self.kid = cose.key_id(self.point)

    @classmethod
    def from_bytes(cls, raw: bytes, random: "Callable[[int], bytes]" = urandom) -> "SoftwareSigner":
        """Takes the 32 bytes of the private key."""
        if len(raw) != 32:
            raise KeyInvalid("private key not of 32 bytes")
        return cls(int.from_bytes(raw, "big"), random)

    async def sign_digest(self, digest: bytes) -> bytes:
        """Releases nothing that does not verify: a signature spoilt by a fault could give the key away."""
        signature = p256.sign(self._d, digest, self._random(32))
        if not p256.verify(self.point, digest, signature):
            raise SignatureInvalid("our own")
        return signature
