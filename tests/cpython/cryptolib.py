"""MicroPython's cryptolib for CPython, as far as the firmware uses it: AES in ECB (1) and CBC (2)."""

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes


class aes:  # noqa: N801
    def __init__(self, key: bytes, mode: int, iv: bytes | None = None) -> None:
        if len(key) not in (16, 32):
            raise ValueError("key")
        self._cipher = Cipher(algorithms.AES(key), modes.ECB() if mode == 1 else modes.CBC(iv))
        self._step = None

    def encrypt(self, data: bytes, out: bytearray | None = None) -> bytes | None:
        return self._run(data, out, self._cipher.encryptor)

    def decrypt(self, data: bytes, out: bytearray | None = None) -> bytes | None:
        return self._run(data, out, self._cipher.decryptor)

    def _run(self, data: bytes, out: bytearray | None, direction) -> bytes | None:
        if len(data) % 16:
            raise ValueError("blksize % 16")
        # One direction for the object's life, and CBC goes on from call to call.
        self._step = self._step or direction()
        result = self._step.update(bytes(data))
        if out is None:
            return result
        out[:] = result
        return None
