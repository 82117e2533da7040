"""Orders and receipts: only our agent's, only for this terminal, only whole ones."""

from harness import signed1
from terminal import agent_messages, cbor
from terminal.errors import OrderInvalid, ReceiptInvalid
from terminal.signer import SoftwareSigner

AGENT = SoftwareSigner.from_bytes(bytes(31) + b"\x07")
STRANGER = SoftwareSigner.from_bytes(bytes(31) + b"\x09")
UEID = b"\x01" + bytes(16)

ORDER = {
    4: 2000,
    6: 1000,
    10: bytes(16),
    256: UEID,
    265: agent_messages.ORDER_PROFILE,
    -70010: "order-1",
    -70011: "17000000001",
    -70012: "CH-000001",
}
REFUSAL = [bytes(32), bytes(16), 3, "nonce-unknown"]
RECEIPT = {1: "agent", 6: 1000, 256: UEID, 265: agent_messages.RECEIPT_PROFILE, -70021: [REFUSAL]}


def signed(claims: dict, signer: SoftwareSigner = AGENT) -> bytes:
    return signed1(cbor.encode(claims), signer.kid, signer)


def changed(claims: dict, key: int, value: object) -> dict:
    copy = dict(claims)
    if value is None:
        del copy[key]
    else:
        copy[key] = value
    return copy


def order(token: bytes) -> agent_messages.Order:
    return agent_messages.parse_order(token, AGENT.kid, AGENT.point, UEID)


def answers(count: int) -> list:
    return [[bytes(31) + bytes([i]), bytes(16), 1 + i % 2] for i in range(count)]


def receipt(token: bytes) -> list:
    return agent_messages.parse_receipt(token, AGENT.kid, AGENT.point, UEID)


def is_refused(parse, token: bytes, error: type) -> bool:
    try:
        parse(token)
    except error:
        return True
    return False


def test_order_is_read() -> None:
    assert order(signed(ORDER)) == ("order-1", bytes(16), "17000000001", "CH-000001", 1000, 2000, None)


def test_receipt_is_read_with_its_reason() -> None:
    assert receipt(signed(RECEIPT)) == [(bytes(32), agent_messages.REFUSED, "nonce-unknown")]
    stored = changed(RECEIPT, -70021, [[bytes(32), b"", 1]])
    assert receipt(signed(stored)) == [(bytes(32), agent_messages.STORED, None)]


def test_receipt_answers_sixteen_tokens_in_turn() -> None:
    found = receipt(signed(changed(RECEIPT, -70021, answers(15) + [[b"\xff" * 32, bytes(16), 3, "x" * 64]])))
    assert [one.token_sha256[31] for one in found] == list(range(15)) + [255]
    assert [one.verdict for one in found] == [agent_messages.STORED, agent_messages.DUPLICATE] * 7 + [1, 3]
    assert found[15].reason == "x" * 64 and found[0].reason is None


def test_receipt_for_no_token_for_seventeen_or_twice_for_one_is_refused() -> None:
    for told in ([], answers(17), answers(2) + answers(1)):
        assert is_refused(receipt, signed(changed(RECEIPT, -70021, told)), ReceiptInvalid), len(told)


def test_receipt_with_one_answer_of_another_shape_is_refused_as_a_whole() -> None:
    good = answers(1)[0]
    for bad in (
        [bytes(31), bytes(16), 1],
        ["x" * 32, bytes(16), 1],
        [bytes(32), bytes(16), 0],
        [bytes(32), bytes(16), 4],
        [bytes(32), bytes(16), True],
        [bytes(32), bytes(16), 3],
        [bytes(32), bytes(16), 3, 7],
        [bytes(32), bytes(16), 1, "nonce-unknown"],
        [bytes(32), bytes(16), 3, "nonce-unknown", "x"],
        [bytes(32), bytes(16)],
        [],
        {0: bytes(32), 1: bytes(16), 2: 1},
        bytes(32),
        "three",
        None,
    ):
        told = changed(RECEIPT, -70021, [[b"\xff" * 32] + good[1:], bad])
        assert is_refused(receipt, signed(told), ReceiptInvalid), bad


def test_order_of_a_stranger_is_refused() -> None:
    assert is_refused(order, signed(ORDER, STRANGER), OrderInvalid)


def test_order_under_the_agents_name_by_a_stranger_is_refused() -> None:
    assert is_refused(order, signed1(cbor.encode(ORDER), AGENT.kid, STRANGER), OrderInvalid)


def test_receipt_is_no_order_and_order_is_no_receipt() -> None:
    assert is_refused(order, signed(RECEIPT), OrderInvalid)
    assert is_refused(receipt, signed(ORDER), ReceiptInvalid)


def test_messages_for_another_terminal_are_refused() -> None:
    other = b"\x01" + bytes(15) + b"\x01"
    assert is_refused(order, signed(changed(ORDER, 256, other)), OrderInvalid)
    assert is_refused(receipt, signed(changed(RECEIPT, 256, other)), ReceiptInvalid)


def test_missing_and_mistyped_claims_are_refused() -> None:
    for key in ORDER:
        for value in (None, True, [1]):
            assert is_refused(order, signed(changed(ORDER, key, value)), OrderInvalid), (key, value)
    for key in (256, 265, -70021):
        for value in (None, True, [1]):
            assert is_refused(receipt, signed(changed(RECEIPT, key, value)), ReceiptInvalid), (key, value)


def test_sizes_out_of_bounds_are_refused() -> None:
    for claims in (changed(ORDER, 10, bytes(15)), changed(ORDER, -70010, ""), changed(ORDER, -70010, "x" * 65)):
        assert is_refused(order, signed(claims), OrderInvalid)


def test_order_ids_and_numbers_of_other_characters_are_refused() -> None:
    for order_id in ("order 1", "order/1", "\u8ba2\u5355", "\U0001f600" * 64, "x\x00"):
        assert is_refused(order, signed(changed(ORDER, -70010, order_id)), OrderInvalid), order_id
    for msisdn in ("", "+8617000000001", "1" * 16, "\uff11" * 11):
        assert is_refused(order, signed(changed(ORDER, -70011, msisdn)), OrderInvalid), msisdn
    assert order(signed(changed(ORDER, -70010, "A.z_0-9"))).id == "A.z_0-9"


def test_every_cut_of_an_order_is_refused() -> None:
    token = signed(ORDER)
    for size in range(0, len(token), 7):
        assert is_refused(order, token[:size], OrderInvalid), size
    assert is_refused(order, token + b"\x00", OrderInvalid)
