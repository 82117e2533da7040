"""The reader vectors beside the repository, ../shared/data/id_reader_*.csv, through codec, decoder and card parser."""

from harness import ROOT, raises, skip
from terminal import card, samv
from terminal.errors import NumberInvalid

DATA = ROOT + "/../shared/data/"
DOCUMENTS = {
    "resident": card.RESIDENT,
    "hmt_J": card.HMT_PERMIT,
    "foreign_2017_I": card.FOREIGN_2017,
    "foreign_2023_Y": card.FOREIGN_2023,
}
FIELDS = {  # of the vectors, where ours have other names
    "name_zh": "name",
    "name_en": "english_name",
    "derived_name_en": "english_name",
    "pass_number": "travel_permit",
    "renewal_count": "issue_count",
    "old_link": "earlier_link",
    "authority": "accepting_authority",
    "version": "card_version",
}
NOT_FIELDS = ("card", "type_marker", "name_en_1", "name_en_2", "derived_old_number")


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


def test_expected_fields_of_every_text() -> None:
    expected = {}
    for name, field, value in rows("id_reader_expected.csv", 3):
        value = value[1:-1] if value.startswith('"') else value  # quoted, as there is a comma in it
        expected.setdefault(name, {})[field] = value
    texts = vectors("text_")
    assert len(texts) >= 8
    for name, text in texts:
        person = card.parse(text)
        wanted = expected[name]
        assert person.document == card.document_type(text) == DOCUMENTS[wanted["card"]]
        fields = {FIELDS.get(field, field): value for field, value in wanted.items() if field not in NOT_FIELDS}
        for field in card.FIELDS:
            value = getattr(person, field)
            assert (str(value) if field == "sex" else value) == fields.get(field), (name, field)
        assert not person.damaged
        card.check_number(person)
        assert card.validity(person, None) == card.NOT_CHECKED


def test_number_vectors_of_the_specification() -> None:
    for name, number, birth in (
        ("text_resident", "11010519491231002X", "19491231"),
        ("text_resident", "440524188001010014", "18800101"),
        ("text_resident", "110199199003070017", "19900307"),
        ("text_resident", "110199194812310022", "19481231"),
        ("text_resident", "11019919850615009X", "19850615"),
        ("text_resident", "110199201202290039", "20120229"),
        ("text_hmt_J", "810000199408230021", "19940823"),
        ("text_hmt_J", "830000199201300022", "19920130"),
        ("text_foreign_2023_Y", "931586198001010028", "19800101"),
        ("text_foreign_2023_Y", "911586200101150032", "20010115"),
        ("text_foreign_2017_I", "CAN110081080310", "19810803"),
        ("text_foreign_2017_I", "PAK310080010116", "19800101"),
    ):
        card.check_number(renumbered(name, number, birth))
    for number, birth in (("110199199003070018", "19900307"), ("11019919900230001X", "19900230")):
        raises(NumberInvalid, card.check_number, renumbered("text_resident", number, birth))


def renumbered(name: str, number: str, birth: str) -> card.Person:
    fields = list(card.parse(vector(name)))
    fields[3], fields[5] = birth, number
    return card.Person(*fields)
