"""Signers of the terminal: something with `sign_digest`, `point` and `kid`.

A SoftwareSigner's key lies in flash. Whoever opens the case can have it, so it is labelled as a software key wherever
keys are listed; a secure element takes its place on boards that have one.
"""

from terminal import cose, p256
from terminal.errors import KeyInvalid


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

    def sign_digest(self, digest: bytes) -> bytes:
        return p256.sign(self._d, digest)
