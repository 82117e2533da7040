"""The reader vectors beside the repository, ../shared/data/id_reader_*.csv, through codec, decoder and card parser."""

from harness import ROOT, raises, skip
from terminal import card, samv
from terminal.errors import CardUnsupported, NumberInvalid

DATA = ROOT + "/../shared/data/"
NOT_RESIDENT = {"text_hmt_J": "hmt-permit-J", "text_foreign_2017_I": "foreign-2017-I"}
NOT_RESIDENT["text_foreign_2023_Y"] = NOT_RESIDENT["text_foreign_2023_Y_longname"] = "foreign-2023-Y"


def rows(name: str, columns: int) -> list:
    try:
        file = open(DATA + name, encoding="utf-8")  # noqa: SIM115
    except OSError:
        skip("absent: ../shared/data/" + name)
    with file:
        lines = file.read().replace("\r\n", "\n").split("\n")[1:]
    return [line.split(",", columns - 1) for line in lines if line]


def vectors(prefix: str) -> list:
    """(name, bytes), at least one."""
    found = [
        (row[0], bytes.fromhex(row[2]), int(row[1]))
        for row in rows("id_reader_vectors.csv", 4)
        if row[0].startswith(prefix)
    ]
    assert found, prefix
    assert all(len(data) == size for _, data, size in found)
    return [(name, data) for name, data, _ in found]


def vector(name: str) -> bytes:
    return dict(vectors(name))[name]


def decode(stream: bytes, piece: int = 64) -> list:
    decoder = samv.Decoder()
    found = []
    for at in range(0, len(stream), piece):
        decoder.feed(stream[at : at + piece])
        frame = decoder.next_frame()
        while frame is not None:
            found.append(samv.Response(frame.sw1, frame.sw2, frame.sw3, bytes(frame.data)))
            frame = decoder.next_frame()
    return found


def test_commands_are_built_byte_for_byte() -> None:
    for _, frame in vectors("cmd_"):
        assert samv.command(frame[7], frame[8], frame[9:-1]) == frame
    for name, command in (
        ("cmd_reset", samv.RESET),
        ("cmd_status", samv.STATUS),
        ("cmd_samid", samv.SAM_ID),
        ("cmd_find", samv.FIND),
        ("cmd_select", samv.SELECT),
        ("cmd_read_base", samv.READ_BASE),
        ("cmd_read_addr", samv.READ_ADDRESS),
    ):
        assert samv.command(*command) == dict(vectors("cmd_"))[name]


def test_every_answer_is_one_frame_in_pieces_of_any_size() -> None:
    for name, stream in vectors("rsp_"):
        for piece in (1, 7, 64, 1000):
            (frame,) = decode(stream, piece)
            assert (frame.sw3, frame.data) == (stream[9], stream[10:-1]), name


def test_no_prefix_of_a_full_answer_is_a_frame() -> None:
    for name in ("rsp_read_base_resident", "rsp_read_base_embedded", "rsp_read_fp_2"):
        assert decode(vector(name)[:-1], 1) == []


def test_all_answers_back_to_back_are_all_found() -> None:
    streams = [stream for _, stream in vectors("rsp_")]
    for piece in (7, 1000):
        assert [frame.sw3 for frame in decode(b"".join(streams), piece)] == [stream[9] for stream in streams]


def test_frame_inside_the_photo_is_not_found() -> None:
    (frame,) = decode(vector("rsp_read_base_embedded"))
    assert samv.parse_base(frame.data)[1] == vector("photo_with_embedded_frame")


def test_wrong_checksum_gives_no_frame() -> None:
    assert decode(vector("bad_checksum_read_base")) == []
    assert len(decode(vector("bad_checksum_read_base") + vector("rsp_ok"))) == 1


def test_frame_is_found_behind_noise() -> None:
    for piece in (1, 3, 64):
        assert [frame.sw3 for frame in decode(vector("noise_then_ok"), piece)] == [0x90]


def test_sam_id_is_printed() -> None:
    (frame,) = decode(vector("rsp_samid"))
    assert frame.data == vector("sam_id_raw")
    assert samv.sam_id_text(frame.data) == "05.01-20150101-0001234567-0123456789"


def test_full_answers_hold_their_text_and_photo() -> None:
    texts = dict(vectors("text_"))
    for name in ("resident", "resident_longterm", "hmt_J"):
        (frame,) = decode(vector("rsp_read_base_" + name))
        text, photo = samv.parse_base(frame.data)
        assert text == texts["text_" + name]
        assert photo == vector("photo_synthetic")


def test_addresses() -> None:
    for count in (1, 2):
        (frame,) = decode(vector("rsp_addr_%d" % count))
        addresses = samv.parse_addresses(frame.data)
        assert len(addresses) == count
        assert addresses[0] == "北京市样本区虚构路８号院９号楼"


def test_expected_fields_of_every_resident_text() -> None:
    expected = {}
    for name, field, value in rows("id_reader_expected.csv", 3):
        expected.setdefault(name, {})[field] = value
    texts = [(name, data) for name, data in vectors("text_") if name not in NOT_RESIDENT]
    assert len(texts) >= 4
    for name, text in texts:
        person = card.parse_resident(text)
        wanted = expected[name]
        assert wanted["card"] == card.document_type(text) == "resident"
        for field in ("name", "ethnic", "birth", "address", "number", "issuer", "valid_from", "valid_to"):
            assert getattr(person, field) == wanted[field], (name, field)
        assert person.sex == int(wanted["sex"])
        assert not person.damaged
        card.check_number(person)


def test_other_documents_are_refused_by_name() -> None:
    for name, kind in NOT_RESIDENT.items():
        assert str(raises(CardUnsupported, card.parse_resident, vector(name))) == kind


def test_number_vectors_of_the_specification() -> None:
    person = card.parse_resident(vector("text_resident"))
    for number in ("11010519491231002X", "440524188001010014", "810000199408230021"):
        card.check_number(renumbered(person, number))
    for number in ("110199199003070018", "11019919900230001X"):
        raises(NumberInvalid, card.check_number, renumbered(person, number))


def renumbered(person: card.Resident, number: str) -> card.Resident:
    fields = list(person)
    fields[3], fields[5] = number[6:14], number
    return card.Resident(*fields)
