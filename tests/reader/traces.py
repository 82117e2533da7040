"""What of a person is still in reach of an object: its attributes, theirs, and so on, down to the bytes."""

from __future__ import annotations

import asyncio
import gc
import types
from collections.abc import Iterator

from tools.emulator.people import Card

PIECE_BYTES = 16
_CONTAINERS = (list, tuple, dict, set)


def traces_of(root: object, *cards: Card) -> list[str]:
    """The types of the objects that hold something of one of these cards; [] when nothing is left of them."""
    pieces = {piece for card in cards for piece in _pieces(card)}
    texts = {text for card in cards for text in _texts(card)}
    return [type(found).__name__ for found in _reachable(root) if _holds(found, pieces, texts)]


def _pieces(card: Card) -> Iterator[bytes]:
    """Every 16 bytes of text, photo and addresses that tell one card from another."""
    addresses = b"".join(address.encode("utf-16-le") for address in card.addresses)
    for data in (card.text, card.photo[16:], addresses):
        for at in range(0, len(data) - PIECE_BYTES + 1, 2):
            piece = data[at : at + PIECE_BYTES]
            if len(set(piece)) > 4:  # not padding
                yield piece


def _texts(card: Card) -> Iterator[str]:
    yield from card.addresses
    for field in card.text.decode("utf-16-le").split():
        if len(field) > 3:
            yield field


def _holds(found: object, pieces: set[bytes], texts: set[str]) -> bool:
    if isinstance(found, str):
        return any(text in found for text in texts)
    if not isinstance(found, bytes | bytearray | memoryview):
        return False
    data = bytes(found)
    if not any(data):
        return False
    return any(data[at : at + PIECE_BYTES] in pieces for at in range(len(data) - PIECE_BYTES + 1))


def _reachable(root: object) -> Iterator[object]:
    """Of the firmware: what stands outside, a board or a test, remembers whom it likes."""
    seen: dict[int, object] = {}  # the objects are kept, so that no id comes twice
    ahead = [root]
    while ahead:
        found = ahead.pop()
        if id(found) in seen:
            continue
        seen[id(found)] = found
        yield found
        if isinstance(found, asyncio.Task):
            ahead.append(found.get_coro())
        elif isinstance(found, types.CoroutineType):
            ahead.extend(_locals(found))
        elif isinstance(found, memoryview):
            ahead.append(found.obj)
        elif isinstance(found, types.MethodType):
            ahead.append(found.__self__)
        elif isinstance(found, _CONTAINERS) or type(found).__module__.startswith("terminal."):
            ahead.extend(gc.get_referents(found))


def _locals(coroutine: types.CoroutineType) -> Iterator[object]:
    """Of one that waits, and of what it waits for."""
    if "/terminal/" in coroutine.cr_code.co_filename and coroutine.cr_frame is not None:
        yield from coroutine.cr_frame.f_locals.values()
        yield coroutine.cr_await
