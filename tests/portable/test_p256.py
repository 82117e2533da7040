"""terminal.p256 against vectors made with other code, its edges, and everything it must refuse."""

from hashlib import sha256

from harness import own, raises
from terminal import p256, p256_known
from terminal.errors import KeyInvalid

G = p256.public_key(1)
D = 0x9C4F0B1D2E3A5968778695A4B3C2D1E0F00112233445566778899AABBCCDDEEF
DIGEST = sha256(b"message").digest()


def signature_of(r: int, s: int) -> bytes:
    return (r % p256.N).to_bytes(32, "big") + s.to_bytes(32, "big")


def point_of(case) -> tuple:
    return int(case["x"], 16), int(case["y"], 16)


def test_public_keys():
    for case in own("crypto.json")["keys"]:
        point = p256.public_key(int(case["d"], 16))
        assert point == point_of(case), case["d"]
        assert p256.is_on_curve(point)


def test_shared_secrets():
    for case in own("crypto.json")["ecdh"]:
        assert p256.ecdh(int(case["d"], 16), point_of(case)).hex() == case["shared"], case["d"]


def test_comb_and_window_agree():
    scalar = D
    for _ in range(20):
        assert p256.ecdh(scalar, G) == p256.public_key(scalar)[0].to_bytes(32, "big"), scalar
        scalar = scalar * scalar % p256.N
    for scalar in (1, 2, 3, 15, 16, 17, 255, 256, p256.N - 1, p256.N - 2, p256.N - 16, 1 << 255):
        assert p256.ecdh(scalar, G) == p256.public_key(scalar)[0].to_bytes(32, "big"), scalar


def test_signatures_are_those_of_rfc_6979():
    for case in own("crypto.json")["ecdsa"]:
        digest = sha256(bytes.fromhex(case["message"])).digest()
        d = int(case["d"], 16)
        signature = p256.sign(d, digest)
        assert signature.hex() == case["signature"], case["d"]
        assert p256.verify(p256.public_key(d), digest, signature)


def test_a_hedged_signature_is_another_one_and_fits():
    signature = p256.sign(D, DIGEST, b"entropy")
    assert signature != p256.sign(D, DIGEST)
    assert signature == p256.sign(D, DIGEST, b"entropy")
    assert p256.verify(p256.public_key(D), DIGEST, signature)


def test_mask_and_blind_change_the_way_but_not_the_signature():
    for k in (D * D % p256.N, 1, p256.N - 1):
        expected = p256._sign_with(D, 5, k, 1, 0)
        for mask, blind in ((2, 0), (3, 1), (p256.N - 1, 2**31 - 1), (D, 2**31 - 2)):
            assert p256._sign_with(D, 5, k, mask, blind) == expected, (k, mask, blind)


def test_digests_around_the_order_are_signed_alike_and_verified():
    for case in own("crypto.json")["ecdsa_digests"]:
        d, digest = int(case["d"], 16), bytes.fromhex(case["digest"])
        signature = p256.sign(d, digest)
        assert signature.hex() == case["signature"], case["digest"]
        assert p256.verify(p256.public_key(d), digest, signature), case["digest"]


def test_adding_equal_and_opposite_points():
    x, y = G
    assert p256._affine(p256._add(x, y, 1, x, y)) == p256.public_key(2)
    assert p256._add(x, y, 1, x, p256.P - y)[2] == 0


def test_a_sum_with_nothing_of_the_base_point():
    # e = 0 makes u1 = 0, whose odd form is n: its comb has to end at infinity. r = s makes u2 = 1.
    assert p256.verify(G, bytes(32), signature_of(G[0], G[0] % p256.N))


def test_infinity_has_no_x_coordinate():
    # Q = G and e = -r: u1 + u2 = 0. The r is what a careless division by z = 0 would give.
    assert not p256.verify(G, (p256.N - 1).to_bytes(32, "big"), signature_of(1, 7))


def test_changed_signatures_are_refused():
    q = p256.public_key(D)
    signature = p256.sign(D, DIGEST)
    assert p256.verify(q, DIGEST, signature)
    for i in range(0, 512, 7):
        changed = bytearray(signature)
        changed[i // 8] ^= 1 << i % 8
        assert not p256.verify(q, DIGEST, bytes(changed)), i
    assert not p256.verify(q, sha256(b"other").digest(), signature)
    assert not p256.verify(G, DIGEST, signature)


def test_malformed_signatures_are_refused():
    q = p256.public_key(D)
    signature = p256.sign(D, DIGEST)
    r, s = signature[:32], signature[32:]
    zero, order = bytes(32), p256.N.to_bytes(32, "big")
    overflown = (p256.N + 5).to_bytes(32, "big")
    for wrong in (
        b"",
        signature[:63],
        signature + b"\0",
        r + b"\0" + s,
        zero + s,
        r + zero,
        order + s,
        r + order,
        overflown + s,
    ):
        assert not p256.verify(q, DIGEST, wrong), wrong.hex()
    assert not p256.verify(q, DIGEST[:31], signature)


def test_s_beyond_the_order_is_refused():
    k = D * D % p256.N
    r = p256.public_key(k)[0] % p256.N
    digest = ((5 * k - r * D) % p256.N).to_bytes(32, "big")  # made to give s = 5
    assert p256.verify(p256.public_key(D), digest, signature_of(r, 5))
    assert not p256.verify(p256.public_key(D), digest, signature_of(r, 5 + p256.N))


def test_a_key_not_in_its_one_form_verifies_nothing():
    x, y = p256.public_key(D)
    signature = p256.sign(D, DIGEST)
    assert p256.verify((x, y), DIGEST, signature)
    for point in ((x + p256.P, y), (x, y + p256.P), (x, y - p256.P), (x, y ^ 1)):
        assert not p256.verify(point, DIGEST, signature)


def test_points_off_the_curve_are_refused():
    x, y = p256.public_key(D)
    for point in ((x, y ^ 1), (x + p256.P, y), (x, y - p256.P), (x, -y), (0, 0), (p256.P, 1)):
        assert not p256.is_on_curve(point)
        raises(KeyInvalid, p256.ecdh, D, point)


def test_private_keys_out_of_range_are_refused():
    for d in (0, -1, p256.N, p256.N + 1):
        raises(KeyInvalid, p256.public_key, d)
        raises(KeyInvalid, p256.ecdh, d, G)
        raises(KeyInvalid, p256.sign, d, DIGEST)
    raises(ValueError, p256.sign, D, DIGEST[:31])


def test_points_are_encoded_in_65_bytes():
    point = p256.public_key(D)
    raw = p256.encode_point(point)
    assert len(raw) == 65
    assert p256.decode_point(raw) == point
    for wrong in (b"", raw[:64], raw + b"\0", b"\x02" + raw[1:33], b"\x06" + raw[1:], raw[:64] + bytes((raw[64] ^ 1,))):
        raises(KeyInvalid, p256.decode_point, wrong)


def test_generate_draws_again_when_out_of_range():
    draws = [D, p256.N, 0]
    assert p256.generate(lambda size: draws.pop().to_bytes(size, "big")) == D
    assert draws == []


def test_generate_gives_up_on_a_stuck_source():
    raises(KeyInvalid, p256.generate, bytes)


def test_key_that_is_remembered_verifies_as_before() -> None:
    for i in range(3):
        d = p256.generate(lambda size, i=i: sha256(b"remembered %d" % i).digest()[:size])
        point = p256.public_key(d)
        digest = sha256(b"message %d" % i).digest()
        signature = p256.sign(d, digest)
        shared_secret = p256.ecdh(D, point)
        p256_known.remember(point)
        assert p256.verify(point, digest, signature)
        assert not p256.verify(point, sha256(b"other").digest(), signature)
        assert p256.ecdh(D, point) == shared_secret
        for at in (0, 31, 32, 63):
            changed = bytearray(signature)
            changed[at] ^= 1
            assert not p256.verify(point, digest, bytes(changed)), at


def test_comb_of_a_key_is_made_as_that_of_the_base_point() -> None:
    assert bytes(p256_known.comb(G)) == p256.POINTS


def test_point_off_the_curve_is_not_remembered() -> None:
    raises(KeyInvalid, p256_known.remember, (G[0], G[1] + 1))
    assert (G[0], G[1] + 1) not in p256._combs
