"""Deterministic CBOR (RFC 8949 §4.2.1) as PROTOCOL.md section 1 narrows it.

cbor2 does the work in C; what it lets through (non-minimal integers, unsorted or double keys, trailing bytes, floats,
some twenty tags) is caught by encoding again: only the one encoding we would have made is accepted.
"""

from collections.abc import Callable
from typing import Any, NoReturn

import cbor2

from host_agent.errors import TokenRefused

TAG_SIGN1 = 18
TAG_ENCRYPT = 96
TAGS = (TAG_SIGN1, TAG_ENCRYPT)
MAX_BYTES = 8192
MAX_DEPTH = 16
MAX_ARGUMENT = 2**64 - 1

Tag = cbor2.CBORTag


class CborError(TokenRefused):
    def __init__(self, message: str) -> None:
        super().__init__("token-malformed", message)


def encode(value: object) -> bytes:
    try:
        return cbor2.dumps(_ordered(value, 0))
    except UnicodeEncodeError as error:
        raise CborError("text is not valid Unicode") from error


def decode(data: bytes, max_bytes: int = MAX_BYTES) -> Any:
    if len(data) > max_bytes:
        raise TokenRefused("token-oversized")
    try:
        value = cbor2.loads(data, semantic_decoders=_ALLOWED_TAGS, max_depth=MAX_DEPTH + 1, allow_indefinite=False)
    except (cbor2.CBORDecodeError, ValueError, TypeError, OverflowError, RecursionError, MemoryError) as error:
        raise CborError("not CBOR") from error
    ordered = _ordered(value, 0)
    if cbor2.dumps(ordered) != data:
        raise CborError("not deterministic CBOR")
    return ordered


def _ordered(value: object, depth: int) -> object:
    """The value in plain lists and dicts, keys in encoding order; refuses what the profile does not know."""
    kind = type(value)
    if kind is bytes or kind is str or kind is bool or value is None:
        return value
    if isinstance(value, int):
        if not -MAX_ARGUMENT - 1 <= value <= MAX_ARGUMENT:
            raise CborError("integer beyond 64 bits")
        return value
    if depth >= MAX_DEPTH:
        raise CborError("nested too deeply")
    if isinstance(value, (list, tuple)):
        return [_ordered(item, depth + 1) for item in value]
    if isinstance(value, (dict, cbor2.frozendict)):
        return {key: _ordered(value[key], depth + 1) for key in sorted(value, key=_key_order)}
    if isinstance(value, Tag) and value.tag in TAGS:
        return Tag(value.tag, _ordered(value.value, depth + 1))
    raise CborError(f"type {kind.__name__} is not allowed")


def _key_order(key: object) -> tuple[int, int, bytes]:
    # The same order as that of the encoded keys: major type, then argument (value or length), then content.
    # A bool is no key: a dict would take 1 and True for one.
    if isinstance(key, int) and not isinstance(key, bool):
        return (0, key, b"") if key >= 0 else (1, -1 - key, b"")
    if isinstance(key, bytes):
        return (2, len(key), key)
    if isinstance(key, str):
        content = key.encode()
        return (3, len(content), content)
    raise CborError("a map key is neither an integer, bytes nor text")


def _refuse_tag(_content: object, _immutable: bool) -> NoReturn:
    raise CborError("tag not allowed")


def _keep_tag(number: int) -> Callable[[object, bool], Tag]:
    return lambda content, _immutable: Tag(number, content)


class _AllowedTags(dict[int, Callable[[object, bool], object]]):
    # cbor2 has decoders of its own for some twenty tags (regular expressions, MIME, big floats): none may run here.
    def __missing__(self, tag: int) -> Callable[[object, bool], object]:
        return _refuse_tag


_ALLOWED_TAGS = _AllowedTags({number: _keep_tag(number) for number in TAGS})
