"""Signer whose key lives in a secure element, `hw.element`: a thief of the terminal may use it, nobody can copy it."""

from terminal import cose, p256
from terminal.errors import TerminalError
from terminal.signer import IN_ELEMENT

TYPE_CHECKING = False
if TYPE_CHECKING:
    from terminal.hardware import Element


ATTEMPTS = 2  # a second, since a customer is waiting; the element itself has tried what it can


class ElementFault(TerminalError):
    code = "element-fault"


class ElementSigner:
    custody = IN_ELEMENT

    def __init__(self, element: "Element", slot: int, point: tuple[int, int]) -> None:
        self._element = element
        self._slot = slot
        self.point = point
        self.kid = cose.key_id(point)

    @classmethod
    async def open(cls, element: "Element", slot: int) -> "ElementSigner":
        """Raises ElementFault, and KeyInvalid for a point that is none."""
        try:
            public = await element.public_key(slot)
        except OSError as error:
            raise _fault(error) from None
        return cls(element, slot, p256.decode_point(b"\x04" + public))

    async def sign_digest(self, digest: bytes) -> bytes:
        """Releases nothing that does not verify: a signature spoilt by a fault could give the key away."""
        for _ in range(ATTEMPTS):
            try:
                signature = await self._element.sign(self._slot, digest)
            except OSError as error:
                raise _fault(error) from None
            if p256.verify(self.point, digest, signature):
                return signature
        raise ElementFault("signatures do not fit the key")


def _fault(error: OSError) -> ElementFault:
    return ElementFault(getattr(error, "code", "errno %s" % error.errno))
