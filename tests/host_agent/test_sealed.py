from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from host_agent import attestation, cbor, keys, sealed
from host_agent.errors import TokenRefused
from tests.host_agent.terminal_double import TerminalDouble, citizen_number, document, identity
from tools.pki import authority


@pytest.fixture(scope="module")
def pki(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pki")
    authority.create(folder, ["T-1"])
    return folder


@pytest.fixture(scope="module")
def seal_key(pki):
    return keys.load_private(pki / "backend.seal.key.pem")


@pytest.fixture
def double(pki):
    return TerminalDouble(pki, "T-1")


def read(claims):
    return attestation.parse_evidence(cbor.encode(claims))


def refusal(evidence, seal_key) -> TokenRefused:
    with pytest.raises(TokenRefused) as caught:
        sealed.open_identity(evidence, seal_key)
    assert caught.value.code == "seal-invalid"
    return caught.value


def test_what_the_terminal_seals_opens(double, seal_key):
    opened = sealed.open_identity(read(double.claims()), seal_key)
    assert opened.number == citizen_number() and opened.valid_to == "长期" and opened.photo == bytes(1024)
    assert opened.additional_addresses == ("测试新址",)


@pytest.mark.parametrize(
    "changes", [{"cti": bytes(16)}, {"seq": 2}, {"ueid": b"\x01" + bytes(16)}, {"profile": "tag:other"}], ids=str
)
def test_the_ciphertext_fits_its_own_token_only(double, seal_key, changes):
    refusal(replace(read(double.claims()), **changes), seal_key)


def test_another_key_does_not_open(double):
    refusal(read(double.claims()), ec.generate_private_key(ec.SECP256R1()))


def test_another_key_does_not_open_even_under_the_right_key_id(double, seal_key):
    message = read(double.claims()).identity or b""
    with pytest.raises(TokenRefused):
        sealed.unseal(message, b"", ec.generate_private_key(ec.SECP256R1()), keys.kid_of(seal_key.public_key()))


def test_there_is_nothing_to_open_in_a_refusal(double, seal_key):
    refusal(read(double.claims(reason="card-expired")), seal_key)


def _swap(message: bytes, change) -> bytes:
    parts = cbor.decode(message).value
    change(parts)
    return cbor.encode(cbor.Tag(96, parts))


def _set(path: tuple, value: object):
    def change(parts):
        for step in path[:-1]:
            parts = parts[step]
        parts[path[-1]] = value

    return change


EPHEMERAL = (3, 0, 1, -1)


@pytest.mark.parametrize(
    "change",
    [
        _set((0,), bytes.fromhex("a10118" + "1f")),  # AES-CCM-16-128-256
        _set((0,), b""),
        _set((1, 5), bytes(12)),
        _set((1, 5), bytes(13)),
        _set((1, 6), b""),
        _set((1,), {}),
        _set((2,), b""),
        _set((2,), bytes(15)),
        _set((2,), None),
        _set((3,), []),
        _set((3, 0, 0), bytes.fromhex("a1013819")),  # -26, HKDF-512
        _set((3, 0, 1, 4), bytes(8)),
        _set((3, 0, 1, -20), b"salt"),
        _set((3, 0, 2), b"x"),
        _set((3, 0), []),
        _set((*EPHEMERAL, -2), bytes(32)),
        _set((*EPHEMERAL, -2), b"\xff" * 32),
        _set((*EPHEMERAL, -3), True),
        _set((*EPHEMERAL, -3), bytes(31)),
        _set((*EPHEMERAL, -1), True),
        _set((*EPHEMERAL, -1), 2),
        _set((*EPHEMERAL, 1), 1),
        _set((*EPHEMERAL, 3), -25),
        _set(EPHEMERAL, {}),
        lambda parts: parts[3].append(parts[3][0]),
        lambda parts: parts.append(b""),
    ],
    ids=range(26),
)
def test_a_changed_message_is_not_opened(double, seal_key, change):
    evidence = read(double.claims())
    refusal(replace(evidence, identity=_swap(evidence.identity, change)), seal_key)


def test_every_changed_byte_is_noticed(double, seal_key):
    evidence = read(double.claims())
    for at in range(0, len(evidence.identity), 7):
        changed = bytearray(evidence.identity)
        changed[at] ^= 0x10
        refusal(replace(evidence, identity=bytes(changed)), seal_key)


@pytest.mark.parametrize(
    "changes",
    [{f"e{entry}": None} for entry in range(1, 13)]
    + [
        {"e1": b"bytes"},
        {"e2": 3},
        {"e2": True},
        {"e5": "x" * 513},
        {"e10": "text"},
        {"e10": [1]},
        {"e10": ["x"] * 9},
        {"e11": bytes(4097)},
        {"e11": "text"},
    ],
    ids=str,
)
def test_an_identity_of_another_shape_is_refused(double, seal_key, changes):
    error = refusal(read(double.claims(person=identity(**changes))), seal_key)
    assert citizen_number() not in str(error)


@pytest.mark.parametrize("document_type", [2, 3, 4])
def test_a_document_has_the_fields_of_its_layout_and_no_others(document_type):
    entries = document(document_type)
    opened = sealed.parse_identity(cbor.encode(entries | {3: "01"}), document_type)  # 3: a resident card's only
    fields = {
        3: opened.ethnicity,
        5: opened.address,
        7: opened.authority,
        13: opened.english_name,
        14: opened.nationality,
        15: opened.travel_permit,
        16: opened.issue_count,
        17: opened.earlier_link,
        18: opened.accepting_authority,
        19: opened.card_version,
    }
    assert fields == {entry: entries.get(entry) for entry in fields}
    assert (opened.document, opened.name, opened.number) == (document_type, entries[1], entries[6])


@pytest.mark.parametrize("document_type", [2, 3, 4])
def test_every_field_of_a_layout_must_be_there(document_type):
    entries = document(document_type)
    for missing in entries:
        rest = {entry: value for entry, value in entries.items() if entry != missing}
        with pytest.raises(TokenRefused) as caught:
            sealed.parse_identity(cbor.encode(rest), document_type)
        assert caught.value.code == "seal-invalid", missing


@pytest.mark.parametrize("document_type", [None, 0, 5])
def test_an_identity_of_an_unknown_document_is_refused(document_type):
    with pytest.raises(TokenRefused, match="do not know"):
        sealed.parse_identity(cbor.encode(identity()), document_type)


def test_the_identity_does_not_print_itself(double, seal_key):
    opened = sealed.open_identity(read(double.claims()), seal_key)
    assert opened.number not in repr(opened) and opened.name not in str(opened)
