"""Signer whose key lives in a secure element, `hw.element`: a thief of the terminal may use it, nobody can copy it."""

from terminal import cose, p256
from terminal.config import content, keep
from terminal.errors import TerminalError
from terminal.signer import IN_ELEMENT

TYPE_CHECKING = False
if TYPE_CHECKING:
    from terminal.hardware import Element


SLOT_FILE = "/secret/attest.slot"  # slot of the key; a second byte while the key in the other slot is to be replaced
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
            raise fault(error) from None
        return cls(element, slot, p256.decode_point(b"\x04" + public))

    async def sign_digest(self, digest: bytes) -> bytes:
        """Releases nothing that does not verify: a signature spoilt by a fault could give the key away."""
        for _ in range(ATTEMPTS):
            try:
                signature = await self._element.sign(self._slot, digest)
            except OSError as error:
                raise fault(error) from None
            if p256.verify(self.point, digest, signature):
                return signature
        raise ElementFault("signatures do not fit the key")


async def of_terminal(element: "Element", first: int, path: str = SLOT_FILE) -> ElementSigner:
    """With the key that counts: in the first slot, or the one after it that a rotation has named.
    The key in the other one is then replaced by one that nobody has asked for. Raises as `open`."""
    try:
        raw = content(path) or bytes([first])  # there is no file before the first rotation
        if not first <= raw[0] <= first + 1:
            raise ElementFault("no slot of ours")
        if raw[1:]:
            await element.generate_key(2 * first + 1 - raw[0])
            keep(path, raw[:1])
    except OSError as error:
        raise fault(error) from None
    return await ElementSigner.open(element, raw[0])


def fault(error: OSError) -> ElementFault:
    return ElementFault(getattr(error, "code", "errno %s" % error.errno))
