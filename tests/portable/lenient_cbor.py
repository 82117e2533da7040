"""A CBOR decoder for the public COSE examples, which the strict one refuses: it knows neither order nor wrong tags."""

from terminal.cbor import Tag


def decode(data: bytes) -> object:
    value, end = _item(data, 0)
    assert end == len(data)
    return value


def _item(data: bytes, start: int) -> tuple:
    major, info = data[start] >> 5, data[start] & 31
    start += 1
    if major == 7:
        return {20: False, 21: True, 22: None}[info], start
    argument = info
    if info > 23:
        end = start + (1 << (info - 24))
        argument, start = int.from_bytes(data[start:end], "big"), end
    if major < 2:
        return (argument if major == 0 else -1 - argument), start
    if major < 4:
        raw = data[start : start + argument]
        return (raw if major == 2 else str(raw, "utf-8")), start + argument
    if major == 6:
        value, start = _item(data, start)
        return Tag(argument, value), start
    items = []
    for _ in range(argument if major == 4 else 2 * argument):
        item, start = _item(data, start)
        items.append(item)
    return (items if major == 4 else {items[i]: items[i + 1] for i in range(0, len(items), 2)}), start
