"""Synthetic cards and what a reader module answers to them. County code 110199 is unassigned, country XXS is nobody's;
the permit's number is a published specimen."""

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
    return block(fields)


def hmt_block(name=NAME, number="810000199408230021", birth="19940823", permit="H00000000", issues="01") -> bytes:
    fields = ((name, 15), ("2", 1), ("", 2), (birth, 8), (ADDRESS, 35), (number, 18), ("样本分局", 15))
    fields += (("20200101", 8), ("20250101", 8), (permit, 9), (issues, 2), ("", 3), ("J", 1), ("", 3))
    return block(fields)


def foreign_2017_block(english="SPECIMEN, TEST", name=NAME, number="XXS110190030713", birth="19900307") -> bytes:
    fields = ((english, 60), ("2", 1), (number, 15), ("XXS", 3), (name, 15), ("20200101", 8), ("20291231", 8))
    fields += ((birth, 8), ("01", 2), ("1101", 4), ("I", 1), ("", 3))
    return block(fields)


def foreign_2023_block(
    english="SPECIMEN, TEST", more="", name=NAME, number="911999199003070029", birth="19900307", link="011"
) -> bytes:
    fields = ((name, 15), ("2", 1), ("00", 2), (birth, 8), (english, 35), (number, 18), ("", 15), ("20240101", 8))
    fields += (("20331231", 8), (more, 11), ("XXS", 3), ("Y", 1), (link, 3))
    return block(fields)


def block(fields: tuple) -> bytes:
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
