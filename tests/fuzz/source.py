"""An input as a source of choices: every byte string is a valid input, and one that has run out gives zeros."""


class Source:
    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def take(self, size: int) -> bytes:
        taken = self._data[self._at : self._at + size]
        self._at += len(taken)
        return taken + bytes(size - len(taken))

    def rest(self) -> bytes:
        return self.take(len(self._data) - self._at)

    def below(self, limit: int) -> int:
        return int.from_bytes(self.take(1 if limit <= 256 else 2), "big") % limit

    def choice(self, options):
        return options[self.below(len(options))]

    def digits(self, count: int) -> str:
        return "".join(["%d" % (byte % 10) for byte in self.take(count)])
