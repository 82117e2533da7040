"""The words of the screen in two languages, read from `assets/words.bin` when they are needed.

The format is that of `tools/screen/word_file.py`: the records' offsets, then the records in the order of their names.
"""

from collections import namedtuple

from terminal.asset import HEAD_BYTES, open_asset, read_exactly
from terminal.errors import AssetInvalid

Text = namedtuple("Text", ("number", "title", "customer", "clerk"))  # lines joined with "\n", "" where there are none

_MAGIC = b"SWD1"
_OFFSETS = HEAD_BYTES + 4  # after the number of records
_NAME_BYTES = 40  # can be read from the start of every record; its name is shorter
_RECORD_BYTES_MAX = 1024


class Words:
    def __init__(self, path: str) -> None:
        """Raises AssetInvalid."""
        self._file = open_asset(path, _MAGIC)
        self._integer = bytearray(4)
        self._start = bytearray(_NAME_BYTES)
        self._count = self._number(HEAD_BYTES)

    def find(self, key: str, language: str) -> "Text | None":
        """What is said of a state or of a refusal's code, or a label (its title). Raises AssetInvalid."""
        wanted = (language + ":" + key).encode()
        low, high = 0, self._count
        while low < high:
            middle = (low + high) // 2
            name = self._name(middle)
            if name == wanted:
                return self._text(middle)
            if name < wanted:
                low = middle + 1
            else:
                high = middle
        return None

    def _name(self, place: int) -> bytes:
        read_exactly(self._file, self._number(_OFFSETS + 4 * place), self._start)
        end = self._start.find(b"\0")
        if end < 0:
            raise AssetInvalid("a record of words has no name")
        return bytes(self._start[:end])

    def _text(self, place: int) -> Text:
        start, end = self._number(_OFFSETS + 4 * place), self._number(_OFFSETS + 4 * place + 4)
        if not 0 < end - start <= _RECORD_BYTES_MAX:
            raise AssetInvalid("a record of words has no place")
        record = bytearray(end - start)
        read_exactly(self._file, start, record)
        try:
            fields = str(record, "utf-8").split("\0")
        except UnicodeError:
            raise AssetInvalid("words are not UTF-8") from None
        if len(fields) != 5:
            raise AssetInvalid("a record of words has another shape")
        return Text(*fields[1:])

    def _number(self, offset: int) -> int:
        read_exactly(self._file, offset, self._integer)
        return int.from_bytes(self._integer, "little")
