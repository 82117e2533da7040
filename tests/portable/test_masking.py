"""What of a person may stand on a screen."""

from terminal.masking import mask_name, mask_number, masked


def test_a_name_shows_its_first_character_and_not_its_length() -> None:
    assert mask_name("测试甲") == mask_name("测试") == "测＊＊"
    assert mask_name("SPECIMEN, TEST") == "S＊＊"
    assert mask_name("") == "＊＊"


def test_a_number_shows_neither_area_nor_birth_date() -> None:
    assert mask_number("110199199003070017") == "＊＊＊0017"
    assert mask_number("CAN110081080310") == "＊＊＊0310"


def test_both_together() -> None:
    assert masked("测试甲", "110199199003070017") == "测＊＊ ＊＊＊0017"
