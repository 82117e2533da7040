"""Signers of the terminal: something with `kid`, `point`, and `sign_digest`, which may take its time; signing with one.

A SoftwareSigner's key lies in flash. Whoever opens the case can have it, so it is labelled as a software key wherever
keys are listed; a secure element takes its place on boards that have one.
"""

from terminal import cose, p256
from terminal.errors import KeyInvalid

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Protocol

    class Signer(Protocol):
        @property
        def kid(self) -> bytes: ...
        @property
        def point(self) -> tuple[int, int]: ...
        async def sign_digest(self, __digest: bytes) -> bytes: ...


async def sign1(
    payload: bytes, kid: bytes, signer: "Signer", typ: str | None = None, external_aad: bytes = b""
) -> bytes:
    """Returns the COSE_Sign1."""
    protected, digest = cose.sign1_parts(payload, kid, typ, external_aad)
    return cose.sign1_token(protected, payload, await signer.sign_digest(digest))


class SoftwareSigner:
    def __init__(self, d: int) -> None:
        self._d = d
        self.point = p256.public_key(d)
        self.kid = cose.key_id(self.point)

    @classmethod
    def from_bytes(cls, raw: bytes) -> "SoftwareSigner":
        """Takes the 32 bytes of the private key."""
        if len(raw) != 32:
            raise KeyInvalid("private key not of 32 bytes")
        return cls(int.from_bytes(raw, "big"))

    async def sign_digest(self, digest: bytes) -> bytes:
        return p256.sign(self._d, digest)
