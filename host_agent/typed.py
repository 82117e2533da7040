"""Single values out of a map of claims: of their exact type and within bounds, or refused as `claims-malformed`."""

import re
from typing import Any

from host_agent.errors import TokenRefused

MAX_UINT = 2**63 - 1  # the largest integer SQLite keeps; nothing counted here comes near it
MAX_TEXT = 64
CODE = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")

_MISSING = object()


def integer(claims: dict[Any, Any], key: int, low: int, high: int) -> int:
    value = claims.get(key, _MISSING)
    if not is_integer(value, low, high):
        raise malformed(f"claim {key} is missing or not an integer in range")
    return value


def uint(claims: dict[Any, Any], key: int, maximum: int = MAX_UINT) -> int:
    return integer(claims, key, 0, maximum)


def boolean(claims: dict[Any, Any], key: int) -> bool:
    value = claims.get(key, _MISSING)
    if not isinstance(value, bool):
        raise malformed(f"claim {key} is missing or not a truth value")
    return value


def octets(claims: dict[Any, Any], key: int, minimum: int, maximum: int | None = None) -> bytes:
    value = claims.get(key, _MISSING)
    if not isinstance(value, bytes) or not minimum <= len(value) <= (minimum if maximum is None else maximum):
        raise malformed(f"claim {key} is missing or not bytes of the right size")
    return value


def text(claims: dict[Any, Any], key: int, pattern: re.Pattern[str] | None = None) -> str:
    value = claims.get(key, _MISSING)
    if not is_text(value):
        raise malformed(f"claim {key} is missing or not text of the right size")
    if pattern is not None and not pattern.fullmatch(value):
        raise malformed(f"claim {key} has characters that are not allowed")
    return value


def single_text(claims: dict[Any, Any], key: int) -> str:
    match claims.get(key):
        case [str() as value]:
            return text({key: value}, key)
    raise malformed(f"claim {key} is missing or not an array of one text")


def submap(claims: dict[Any, Any], key: int) -> dict[Any, Any]:
    value = claims.get(key, _MISSING)
    if not isinstance(value, dict):
        raise malformed(f"claim {key} is missing or not a map")
    return value


def is_integer(value: Any, low: int, high: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and low <= value <= high


def is_uint(value: Any) -> bool:
    return is_integer(value, 0, MAX_UINT)


def is_text(value: Any) -> bool:
    return isinstance(value, str) and 1 <= len(value) <= MAX_TEXT and value.isprintable()


def malformed(message: str) -> TokenRefused:
    return TokenRefused("claims-malformed", message)
