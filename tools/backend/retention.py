"""How identity data ends: each record has a data key of its own, wrapped by one retention key, a file beside the books.

To destroy a record its wrapped key is left out and all others are wrapped again under a new retention key; then the old
one is overwritten. Copies of the books (backups, a disk's spare blocks) hold wrapped keys that nobody can unwrap any
more. So the file must be in no backup of the books; where it matters, the key belongs into a hardware module.
"""

import fcntl
import hashlib
import hmac
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from host_agent.errors import ShimingError

KEY_BYTES = 32
NONCE_BYTES = 12
ID_BYTES = 8
TAG_BYTES = 16


class RetentionKeyMissing(ShimingError):
    code = "retention-key-missing"
    exit_status = 2


@dataclass(frozen=True, slots=True, repr=False)
class RetentionKey:
    wrapping: bytes
    index: bytes  # for the tags by which a number is found without being readable; stays when `wrapping` changes

    @property
    def id(self) -> bytes:
        return hashlib.sha256(b"shiming retention key" + self.wrapping).digest()[:ID_BYTES]

    def seal(self, cti: bytes, content: bytes) -> tuple[bytes, bytes]:
        """The wrapped data key, and the content under it."""
        data_key = os.urandom(KEY_BYTES)
        return _encrypt(self.wrapping, data_key, cti), _encrypt(data_key, content, cti)

    def open(self, cti: bytes, wrapped: bytes, sealed: bytes) -> bytes:
        return _decrypt(_decrypt(self.wrapping, wrapped, cti), sealed, cti)

    def rewrap(self, cti: bytes, wrapped: bytes, successor: "RetentionKey") -> bytes:
        return _encrypt(successor.wrapping, _decrypt(self.wrapping, wrapped, cti), cti)

    def tag(self, text: str) -> bytes:
        return hmac.digest(self.index, text.encode(), "sha256")[:TAG_BYTES]


class RetentionFile:
    """The key on disk. A change that was cut short is found by the id that the books name, and completed or undone."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._next = path.with_name(path.name + ".new")

    def create(self) -> RetentionKey:
        """For new books; a start that was killed before the books were there has left it already."""
        with self._lock():
            if (key := self._read(self._path)) is None:
                key = RetentionKey(os.urandom(KEY_BYTES), os.urandom(KEY_BYTES))
                self._write(self._path, key)
            return key

    def load(self, key_id: bytes) -> RetentionKey:
        """The one with which the books were written last."""
        with self._lock():
            current, successor = self._read(self._path), self._read(self._next)
            if current is not None and current.id == key_id:
                return current  # a successor beside it is not used yet, or never will be
            if successor is None or successor.id != key_id:
                raise RetentionKeyMissing(f"{self._path}: is not the retention key of these books")
            if current is not None:
                destroy(self._path)
            self._next.rename(self._path)
            _sync(self._path.parent)
            return successor

    def prepare(self, key: RetentionKey) -> RetentionKey:
        """The next key, on disk before the books are written with it. Inside the books' transaction."""
        with self._lock():
            successor = RetentionKey(os.urandom(KEY_BYTES), key.index)
            self._write(self._next, successor)
            return successor

    @contextmanager
    def _lock(self) -> Iterator[None]:
        """Two processes that both complete a change would destroy the key that is to stay."""
        with self._path.with_name(self._path.name + ".lock").open("a") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def _write(self, path: Path, key: RetentionKey) -> None:
        fresh = path.with_name(path.name + ".tmp")
        fresh.unlink(missing_ok=True)
        fresh.touch(mode=0o600)
        with fresh.open("r+b") as file:
            file.write(key.wrapping + key.index)
            file.flush()
            os.fsync(file.fileno())
        fresh.rename(path)
        _sync(path.parent)

    def _read(self, path: Path) -> RetentionKey | None:
        content = path.read_bytes() if path.exists() else b""
        if len(content) != 2 * KEY_BYTES:
            return None
        return RetentionKey(content[:KEY_BYTES], content[KEY_BYTES:])


def destroy(path: Path) -> None:
    """Overwritten, then unlinked. A file system that copies on write, or flash, may keep the old blocks even so."""
    with path.open("r+b") as file:
        file.write(bytes(path.stat().st_size))
        file.flush()
        os.fsync(file.fileno())
    path.unlink()
    _sync(path.parent)


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _encrypt(key: bytes, content: bytes, cti: bytes) -> bytes:
    nonce = os.urandom(NONCE_BYTES)
    return nonce + AESGCM(key).encrypt(nonce, content, cti)


def _decrypt(key: bytes, data: bytes, cti: bytes) -> bytes:
    try:
        return AESGCM(key).decrypt(data[:NONCE_BYTES], data[NONCE_BYTES:], cti)
    except InvalidTag as error:
        raise RetentionKeyMissing("a record of the books was not made with this retention key") from error
