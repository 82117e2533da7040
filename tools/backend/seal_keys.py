"""The backend's seal keys: the present one, and those of earlier periods whose records may still arrive.

A seal key is needed until the last terminal has delivered what it sealed, not for as long as the data are kept: after
that it is destroyed, and no copy of a token anywhere can be opened again, not even by us.
"""

from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec

from host_agent import keys


class SealKeys:
    def __init__(self, present: ec.EllipticCurvePrivateKey, folder: Path | None = None) -> None:
        self._present = present
        self._folder = folder
        self._names: tuple[str, ...] = ()
        self._by_kid = {keys.kid_of(present.public_key()): present}
        self.refresh()

    def refresh(self) -> bool:
        """Takes in what is new in the folder, and forgets what is gone."""
        names = tuple(sorted(path.name for path in self._paths()))
        if names == self._names:
            return False
        loaded = [keys.load_private(path) for path in self._paths()]
        self._by_kid = {keys.kid_of(key.public_key()): key for key in (*loaded, self._present)}
        self._names = names
        return True

    def get(self, kid: bytes) -> ec.EllipticCurvePrivateKey:
        """The one for this recipient; the present one, which then refuses, where there is none."""
        return self._by_kid.get(kid, self._present)

    def __contains__(self, kid: bytes) -> bool:
        return kid in self._by_kid

    def file_of(self, kid: bytes) -> Path | None:
        """Of an earlier key: the present one is no file of the folder."""
        return next((path for path in self._paths() if _kid_of(path) == kid), None)

    def _paths(self) -> list[Path]:
        return sorted(self._folder.glob("*.pem")) if self._folder is not None else []


def _kid_of(path: Path) -> bytes:
    return keys.kid_of(keys.load_private(path).public_key())
