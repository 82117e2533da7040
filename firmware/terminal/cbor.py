"""Strict deterministic CBOR (RFC 8949 section 4.2.1) within the limits of PROTOCOL.md section 1.

Values are int, bytes, str, list, dict, bool, None and Tag. Map keys are integers, text or bytes only: a dict would take
the keys 1 and true for one. An array comes back as a list; a tuple, bytearray or memoryview may be encoded as well.
"""

from collections import namedtuple

from terminal.errors import CborError

DEPTH_MAX = 16  # containers inside one another, tags included
TAGS = (18, 96)

Tag = namedtuple("Tag", ("tag", "value"))

_UINT, _NEGATIVE, _BYTES, _TEXT, _ARRAY, _MAP, _TAG = range(0, 0xE0, 0x20)
_SIMPLE = {0xF4: False, 0xF5: True, 0xF6: None}


def encode(value: object) -> bytes:
    out = bytearray()
    _append(out, value, 0)
    return bytes(out)


def _append(out: bytearray, value: object, depth: int) -> None:
    # bool before int: on CPython True is an int, on MicroPython it is not
    if value is None:
        out.append(0xF6)
    elif isinstance(value, bool):
        out.append(0xF5 if value else 0xF4)
    elif isinstance(value, int):
        if value < 0:
            _append_head(out, _NEGATIVE, -1 - value)
        else:
            _append_head(out, _UINT, value)
    elif isinstance(value, str):
        raw = value.encode()
        _append_head(out, _TEXT, len(raw))
        out += raw
    elif isinstance(value, (bytes, bytearray, memoryview)):
        _append_head(out, _BYTES, len(value))
        out += value
    else:
        _append_container(out, value, depth)


def _append_container(out: bytearray, value: object, depth: int) -> None:
    if depth == DEPTH_MAX:
        raise CborError("nested too deep")
    if isinstance(value, Tag):  # before tuple, which it is
        if value.tag not in TAGS:
            raise CborError("tag not in the profile")
        _append_head(out, _TAG, value.tag)
        _append(out, value.value, depth + 1)
    elif isinstance(value, (list, tuple)):
        _append_head(out, _ARRAY, len(value))
        for item in value:
            _append(out, item, depth + 1)
    elif isinstance(value, dict):
        _append_head(out, _MAP, len(value))
        entries = [(_encode_key(key), item) for key, item in value.items()]
        entries.sort(key=lambda entry: entry[0])
        for encoded_key, item in entries:
            out += encoded_key
            _append(out, item, depth + 1)
    else:
        raise CborError("type not in the profile")


def _encode_key(key: object) -> bytes:
    if isinstance(key, bool) or not isinstance(key, (int, str, bytes)):
        raise CborError("map key is neither integer, text nor bytes")
    return encode(key)


def _append_head(out: bytearray, major: int, argument: int) -> None:
    if argument < 24:
        out.append(major | argument)
        return
    for info, size_bytes in ((24, 1), (25, 2), (26, 4), (27, 8)):
        if argument >> (8 * size_bytes) == 0:
            out.append(major | info)
            out += argument.to_bytes(size_bytes, "big")
            return
    raise CborError("integer beyond 64 bits")


def decode(data: bytes | bytearray | memoryview) -> object:
    value, end = _item(data, 0, 0)
    if end != len(data):
        raise CborError("trailing bytes")
    return value


def _item(data: bytes | bytearray | memoryview, start: int, depth: int) -> tuple:
    """Returns the value at start and the offset after it."""
    major, argument, start = _head(data, start)
    if major == _UINT:
        return argument, start
    if major == _NEGATIVE:
        return -1 - argument, start
    if major in (_BYTES, _TEXT):
        end = start + argument
        if end > len(data):
            raise CborError("truncated")
        raw = bytes(data[start:end])
        return (raw if major == _BYTES else _text(raw)), end
    if major == 0xE0:
        return _SIMPLE[argument], start
    if depth == DEPTH_MAX:
        raise CborError("nested too deep")
    if major == _TAG:
        if argument not in TAGS:
            raise CborError("tag not in the profile")
        value, end = _item(data, start, depth + 1)
        return Tag(argument, value), end
    # Nothing is allocated by a count: an item takes a byte at least, so a huge count ends at the first missing one.
    if major == _ARRAY:
        items = []
        for _ in range(argument):
            item, start = _item(data, start, depth + 1)
            items.append(item)
        return items, start
    return _map(data, start, argument, depth)


def _map(data: bytes | bytearray | memoryview, start: int, count: int, depth: int) -> tuple:
    entries = {}
    previous = b""
    for _ in range(count):
        if start < len(data) and data[start] >= _ARRAY:
            raise CborError("map key is neither integer, text nor bytes")
        key, end = _item(data, start, depth + 1)
        encoded_key = bytes(data[start:end])
        if encoded_key <= previous:
            raise CborError("map keys unsorted or repeated")
        previous = encoded_key
        entries[key], start = _item(data, end, depth + 1)
    return entries, start


def _head(data: bytes | bytearray | memoryview, start: int) -> tuple:
    """Returns the major type, its argument and the offset after both."""
    if start >= len(data):
        raise CborError("truncated")
    initial = data[start]
    start += 1
    major, info = initial & 0xE0, initial & 0x1F
    if major == 0xE0:
        if initial not in _SIMPLE:
            raise CborError("simple value or float not in the profile")
        return major, initial, start
    if info < 24:
        return major, info, start
    if info > 27:
        raise CborError("indefinite length or reserved head")
    size_bytes = 1 << (info - 24)
    end = start + size_bytes
    if end > len(data):
        raise CborError("truncated")
    argument = int.from_bytes(data[start:end], "big")
    smallest = 24 if size_bytes == 1 else 1 << (4 * size_bytes)
    if argument < smallest:
        raise CborError("head not in its shortest form")
    return major, argument, end


def _text(raw: bytes) -> str:
    try:
        text = str(raw, "utf-8")
    except UnicodeError:
        raise CborError("text is not UTF-8") from None
    if not _is_strict(raw):
        raise CborError("text is not UTF-8")
    return text


def _is_strict(raw: bytes) -> bool:
    """MicroPython lets overlong forms, surrogates and points beyond U+10FFFF through. By bytes: it keeps for good every
    character that a loop over a text has seen."""
    rest = point = least = 0
    for byte in raw:
        if rest:
            rest -= 1
            point = point << 6 | byte & 0x3F
            if not rest and (point < least or 0xD800 <= point < 0xE000 or point > 0x10FFFF):
                return False
        elif byte >= 0xC0:
            rest = 1 if byte < 0xE0 else 2 if byte < 0xF0 else 3
            point = byte & 0x3F >> rest
            least = 0x80 if rest == 1 else 0x800 if rest == 2 else 0x10000
    return not rest
