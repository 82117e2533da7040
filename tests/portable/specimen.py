"""A synthetic resident card and what a reader module answers to it. County code 110199 is unassigned."""

from terminal import samv

NAME = "测试·样本甲"
ADDRESS = "北京市样本区虚构路１号院２号楼"
NUMBER = "110199199003070017"


def text_block(
    name=NAME,
    sex="1",
    ethnic="01",
    birth="19900307",
    address=ADDRESS,
    number=NUMBER,
    issuer="样本分局",
    valid_from="20200101",
    valid_to="20400101",
    marker=" ",
) -> bytes:
    fields = ((name, 15), (sex, 1), (ethnic, 2), (birth, 8), (address, 35), (number, 18), (issuer, 15))
    fields += ((valid_from, 8), (valid_to, 8), ("", 14), (marker, 1), ("", 3))
    return b"".join([utf16(text, length) for text, length in fields])


def utf16(text: str, length: int) -> bytes:
    units = []
    for char in text:
        code = ord(char)
        if code < 0x10000:
            units.append(code)
        else:
            units += [0xD800 + (code - 0x10000 >> 10), 0xDC00 + (code & 0x3FF)]
    units += [0x20] * (length - len(units))
    return b"".join([bytes((unit & 0xFF, unit >> 8)) for unit in units])


# A whole frame stands inside the photo, as it may.
PHOTO = bytes.fromhex("574C66007E00320000FF") + samv.command(0x11, 0xFF) + bytes(1004)


def answer(sw3: int, data: bytes = b"") -> bytes:
    size = 4 + len(data)
    body = bytes((size >> 8, size & 0xFF, 0, 0, sw3)) + data
    check = 0
    for byte in body:
        check ^= byte
    return bytes.fromhex("AAAAAA9669") + body + bytes((check,))


def base(text: bytes = b"", photo: bytes = PHOTO) -> bytes:
    text = text or text_block()
    return answer(0x90, bytes((len(text) >> 8, len(text) & 0xFF, len(photo) >> 8, len(photo) & 0xFF)) + text + photo)
