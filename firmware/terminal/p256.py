"""NIST P-256: keys, ECDSA with RFC 6979 nonces, ECDH. A point is an (x, y) tuple of integers.

Big-integer arithmetic is not constant in time. What is cheap is done: a scalar takes the same doublings and additions
whatever its bits and its length; signing blinds the nonce it walks, and masks the point and the nonce it inverts.
"""

from terminal.errors import KeyInvalid
from terminal.hkdf import hmac_sha256
from terminal.p256_comb import COLUMNS, POINTS, TABLES, TEETH

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

P = 0xFFFFFFFF00000001000000000000000000000000FFFFFFFFFFFFFFFFFFFFFFFF
N = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
_B = 0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B

_COMB_BITS = TABLES * TEETH * COLUMNS
_BLIND_BITS = 31  # k + r * n of any such r, made odd by another n, has no more bits than the comb
_WINDOW_BITS = 4
_WINDOW_TOP = 256  # a scalar has 257 bits once it is odd: digits at 0, 4 .. 256
_NOTHING = 255  # in place of a window's digit
_combs = {}  # point -> its comb, of the keys that terminal.p256_known was told of


# --- keys and points


def generate(random: "Callable[[int], bytes]") -> int:
    """Returns a private key, uniform in 1..n-1. random gives so many bytes from a cryptographic source."""
    for _ in range(8):
        d = int.from_bytes(random(32), "big")
        if 0 < d < N:
            return d
    raise KeyInvalid("random source is stuck")  # one draw fails in 2^32


def public_key(d: int) -> tuple[int, int]:
    _check_private(d)
    return _affine(_walk(_plan_base(d)))


def is_on_curve(point: tuple[int, int]) -> bool:
    x, y = point
    return 0 <= x < P and 0 <= y < P and (y * y - (x * x - 3) * x - _B) % P == 0


def encode_point(point: tuple[int, int]) -> bytes:
    """Returns the 65 bytes of an uncompressed SEC 1 point."""
    return b"\x04" + point[0].to_bytes(32, "big") + point[1].to_bytes(32, "big")


def decode_point(raw: bytes) -> tuple[int, int]:
    if len(raw) != 65 or raw[0] != 4:
        raise KeyInvalid("not an uncompressed point")
    point = int.from_bytes(raw[1:33], "big"), int.from_bytes(raw[33:], "big")
    _check_public(point)
    return point


def _check_private(d: int) -> None:
    if not 0 < d < N:
        raise KeyInvalid("private key out of range")


def _check_public(point: tuple[int, int]) -> None:
    if not is_on_curve(point):
        raise KeyInvalid("point not on the curve")


# --- ECDH and ECDSA


def ecdh(d: int, point: tuple[int, int]) -> bytes:
    """Returns the x-coordinate of d * point."""
    _check_private(d)
    _check_public(point)  # else an invalid-curve attack gets d piece by piece
    return _affine(_walk(_plan_any(d, point)))[0].to_bytes(32, "big")


def sign(d: int, digest: bytes, extra: bytes = b"") -> bytes:
    """Returns r || s over a SHA-256 digest. extra hedges the nonce (RFC 6979 section 3.6)."""
    _check_private(d)
    if len(digest) != 32:
        raise ValueError("a SHA-256 digest has 32 bytes")
    e = int.from_bytes(digest, "big")
    seed = d.to_bytes(32, "big") + (e % N).to_bytes(32, "big") + extra
    key, value = bytes(32), b"\x01" * 32
    for separator in (b"\x00", b"\x01"):
        key = hmac_sha256(key, value + separator + seed)
        value = hmac_sha256(key, value)
    while True:
        value = hmac_sha256(key, value)
        k = int.from_bytes(value, "big")
        if 0 < k < N:
            # As secret as k and independent of it: RFC 6979 never asks this key for value || 02 or value || 03.
            mask = int.from_bytes(hmac_sha256(key, value + b"\x02"), "big") % N or 1
            blind = int.from_bytes(hmac_sha256(key, value + b"\x03"), "big") >> (256 - _BLIND_BITS)
            r, s = _sign_with(d, e, k, mask, blind)
            if r and s:
                return r.to_bytes(32, "big") + s.to_bytes(32, "big")
        key = hmac_sha256(key, value + b"\x00")
        value = hmac_sha256(key, value)


def _sign_with(d: int, e: int, k: int, mask: int, blind: int) -> tuple[int, int]:
    r = _affine(_walk(_plan_base(k + blind * N), mask))[0] % N
    s = _inverse(k * mask % N, N) * (mask * e + mask * r % N * d) % N
    return r, s


def verify(point: tuple[int, int], digest: bytes, signature: bytes) -> bool:
    if len(digest) != 32 or len(signature) != 64 or not is_on_curve(point):
        return False
    r = int.from_bytes(signature[:32], "big")
    s = int.from_bytes(signature[32:], "big")
    if not (0 < r < N and 0 < s < N):
        return False
    w = _inverse(s, N)
    x, _, z = _walk(_plan_any(r * w % N, point) + _plan_base(int.from_bytes(digest, "big") * w % N))
    # x / z^2, taken modulo n, is r: without the inversion, and for both numbers below P that are r modulo n
    square = z * z % P
    return z != 0 and any([(number * square - x) % P == 0 for number in (r, r + N) if number < P])


# --- scalar multiplication
#
# A plan lists tables of points, each with its digits: a byte for each power of two, the point to be added there or
# _NOTHING. Not yet the points themselves: those of a verification are 20 KB. Both ways of planning write the scalar in
# the signs +1 and -1 alone (it is made odd by adding n), so that there is no zero digit to skip and no length to see.


def _signs(k: int, size_bits: int) -> int:
    """Returns the number whose bits 0 and 1 are the signs - and + of k = sum of +-2^i, i < size_bits."""
    if k & 1 == 0:
        k += N
    return k >> 1 | 1 << (size_bits - 1)


def _plan_any(k: int, point: tuple[int, int]) -> list:
    """k * point, with its comb if it is known."""
    comb = _combs.get(point)
    return _plan_comb(k, comb) if comb else _plan_point(k, point)


def _plan_base(k: int) -> list:
    """k * G."""
    return _plan_comb(k, POINTS)


def _plan_comb(k: int, comb: "bytes | bytearray") -> list:
    """k times the comb's point: 24 rows of 12 bits, six to a table."""
    signs = f"{_signs(k, _COMB_BITS):0{_COMB_BITS}b}"
    rows = [signs[i : i + COLUMNS] for i in range(0, _COMB_BITS, COLUMNS)]
    plan = [(comb, bytearray(COLUMNS)) for _ in range(TABLES)]
    for step in range(COLUMNS):
        digits = "".join([row[COLUMNS - 1 - step] for row in rows])
        for table in range(TABLES):
            start = (TABLES - 1 - table) * TEETH
            plan[table][1][step] = table << TEETH | int(digits[start : start + TEETH], 2)
    return plan


def _comb_point(comb: "bytes | bytearray", digit: int) -> tuple[int, int]:
    """Above the digit's TEETH bits is its table's number. A table holds the digits that begin with +; the others are
    their negatives."""
    half = 1 << (TEETH - 1)
    table, digit = digit >> TEETH, digit & (2 * half - 1)
    index = digit - half if digit >= half else half - 1 - digit
    start = 64 * (table * half + index)
    x = int.from_bytes(comb[start : start + 32], "big")
    y = int.from_bytes(comb[start + 32 : start + 64], "big")
    return x, y if digit >= half else P - y


def _plan_point(k: int, point: tuple[int, int]) -> list:
    """k * point: windows of four signs, which are the odd numbers from -15 to 15 as digits 0 to 15."""
    digits = bytearray(b"\xff" * (_WINDOW_TOP + 1))  # _NOTHING
    step = _WINDOW_TOP
    for character in f"{_signs(k, _WINDOW_TOP + _WINDOW_BITS):065x}":
        digits[step] = int(character, 16)
        step -= _WINDOW_BITS
    return [(_odd_multiples(point), digits)]


def _odd_multiples(point: tuple[int, int]) -> list[tuple[int, int]]:
    """Returns 1, 3 .. 15 times the point."""
    twice_x, twice_y = _affine(_double(point[0], point[1], 1))
    multiples = [(point[0], point[1], 1)]
    for _ in range(7):
        multiples.append(_add(*multiples[-1], twice_x, twice_y))
    return _affine_all(multiples)


def _affine_all(points: list) -> list[tuple[int, int]]:
    """One inversion for all (Montgomery's trick); none of them may be the point at infinity."""
    products = [1]
    for point in points:
        products.append(products[-1] * point[2] % P)
    inverse = _inverse(products[-1], P)
    affine = []
    for i in range(len(points) - 1, -1, -1):
        x, y, z = points[i]
        own = inverse * products[i] % P
        inverse = inverse * z % P
        square = own * own % P
        affine.append((x * square % P, y * square * own % P))
    affine.reverse()
    return affine


def _walk(steps: list, mask: int = 1) -> tuple[int, int, int]:
    """Returns the planned sum in Jacobian coordinates, started from a representative chosen by mask."""
    x, y, z = 1, 1, 0
    for step in range(len(steps[0][1]) - 1, -1, -1):  # the first has as many as any
        x, y, z = _double(x, y, z)
        for table, digits in steps:
            if step >= len(digits):
                continue
            digit = digits[step]
            if isinstance(table, list):  # of a window: odd multiples
                if digit == _NOTHING:
                    continue
                point_x, point_y = table[digit - 8 if digit > 7 else 7 - digit]
                point_y = point_y if digit > 7 else P - point_y
            else:
                point_x, point_y = _comb_point(table, digit)
            x, y, z = _add(x, y, z, point_x, point_y)
        if mask != 1:
            square = mask * mask % P
            x, y, z = x * square % P, y * square * mask % P, z * mask % P
            mask = 1
    return x, y, z


def _double(x: int, y: int, z: int) -> tuple[int, int, int]:
    # dbl-2001-b for a = -3. Reducing with % is C code; the NIST shortcut in Python is forty times as slow.
    delta = z * z % P
    gamma = y * y % P
    beta = x * gamma % P
    alpha = 3 * (x - delta) * (x + delta) % P
    x3 = (alpha * alpha - 8 * beta) % P
    return x3, (alpha * (4 * beta - x3) - 8 * gamma * gamma) % P, 2 * y * z % P


def _add(x: int, y: int, z: int, x2: int, y2: int) -> tuple[int, int, int]:
    if z == 0:
        return x2, y2, 1
    square = z * z % P
    h = x2 * square % P - x
    r = y2 * (square * z % P) % P - y
    if h == 0:
        return _double(x, y, z) if r == 0 else (1, 1, 0)
    h_square = h * h % P
    h_cube = h_square * h % P
    v = x * h_square % P
    x3 = (r * r - h_cube - 2 * v) % P
    return x3, (r * (v - x3) - y * h_cube) % P, z * h % P


def _affine(point: tuple[int, int, int]) -> tuple[int, int]:
    x, y, z = point
    inverse = _inverse(z, P)
    square = inverse * inverse % P
    return x * square % P, y * square * inverse % P


def _inverse(value: int, modulus: int) -> int:
    """Euclid's algorithm: five times as fast as pow() on MicroPython, where pow(value, -1, modulus) returns 0."""
    low, high = value, modulus
    x, y = 1, 0
    while low > 1:
        quotient = high // low
        low, high = high - quotient * low, low
        x, y = y - quotient * x, x
    return x % modulus
