"""Every text of the screen, in both languages: complete, drawable with the built fonts, inside its box."""

import re
from dataclasses import replace
from pathlib import Path

import pytest
from terminal import layout

from tools.screen import build, fit, word_file
from tools.screen.bitmap_font import BitmapFont, Glyph
from tools.screen.errors import BuildFailed
from tools.screen.wording import ASSETS, LANGUAGES, Phrase, name_characters, phrases
from tools.screen.wrap import wrap

ROOT = Path(__file__).parents[2]
SAID = phrases()
BUILT = {record[0]: record[1:] for record in word_file.decode((ASSETS / build.WORDS).read_bytes())}
FONTS = build.built_fonts()
LINES_MAX = {"title": {"zh": 2, "en": 3}, "customer": {"zh": 3, "en": 3}, "clerk": {"zh": 2, "en": 2}}
HALF_WIDTH = re.compile(r"[一-鿿][,;:?!.()]|[,;:?!()][一-鿿]")


def ten_pixels(text: str) -> int:
    return 10 * len(text)


def identify(phrase: Phrase) -> str:
    return f"{phrase.key}.{phrase.language}"


@pytest.mark.parametrize("phrase", SAID, ids=identify)
def test_text_fits_its_box_with_the_built_fonts(phrase: Phrase) -> None:
    number, *texts = BUILT[f"{phrase.language}:{phrase.key}"]
    assert number == phrase.number
    for (role, text), built in zip(phrase.texts(), texts, strict=True):
        lines = built.split("\n")
        assert re.sub(r"\s", "", built) == re.sub(r"\s", "", text)
        if role == "label":
            assert len(lines) == 1
            continue
        font = FONTS[fit.font_name(role, phrase.language)]
        assert len(lines) <= LINES_MAX[role][phrase.language]
        assert all(font.width(line) <= fit.BOXES[role][2] for line in lines)


@pytest.mark.parametrize("phrase", SAID, ids=identify)
def test_text_is_written_as_people_write(phrase: Phrase) -> None:
    for role, text in phrase.texts():
        assert text == text.strip()
        if phrase.language == "zh":
            assert not HALF_WIDTH.search(text), "half-width punctuation"
        elif phrase.key != "language":
            assert text.isascii()
        if role in ("customer", "clerk") and text:
            assert text[-1] in "。."
        elif text:
            assert text[-1] not in "。."


def test_no_line_begins_with_punctuation_that_closes() -> None:
    for texts in BUILT.values():
        for line in "\n".join(texts).split("\n"):
            assert line[:1] not in set("，。；：？！、）,.;:?!)"), line


def test_both_languages_say_the_same_things() -> None:
    said = {language: {p.key: p for p in SAID if p.language == language} for language in LANGUAGES}
    assert said["zh"].keys() == said["en"].keys()
    for key, zh in said["zh"].items():
        en = said["en"][key]
        assert [bool(text) for _, text in zh.texts()] == [bool(text) for _, text in en.texts()], key


def test_a_picture_that_shares_the_box_has_its_place() -> None:
    """Beside the masked name there is one line for the customer, beside the bar of progress one for the clerk."""
    person_line = (layout.PERSON[1] - layout.CUSTOMER[1]) // layout.TEXT_LINE
    for language in LANGUAGES:
        for key in ("read", "read-look"):
            assert len(BUILT[f"{language}:{key}"][2].split("\n")) <= person_line, (language, key)
        for key in ("hold", "not-passed"):
            assert "\n" not in BUILT[f"{language}:{key}"][3], (language, key)


def test_every_state_of_the_issue_has_words() -> None:
    states = (
        "starting idle ready found reading card-lost card-left read read-look hold passed not-passed queued",
        "queued-offline delivered contact-admin cancelling face-look face-closer face-farther face-center face-lighter",
        "face-alone face-glare face-neutral challenge-mouth challenge-left challenge-right",
        "challenge-stay challenge-back face-again",
        "customer clerk start cancel language waiting-records clock-unset online offline",
    )
    keys = " ".join(states).split()
    assert [key for key in keys if f"zh:{key}" not in BUILT] == []


def test_common_family_names_can_be_drawn() -> None:
    assert set("测王李张刘陈欧司马诸葛＊·") <= name_characters() <= set(FONTS[fit.TEXT_FONT].glyphs)


# --- breaking lines


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("one two three", ["one two", "three"]),
        ("a b c d e f g h", ["a b c d", "e f g h"]),  # even, not "a b c d e" and a short rest
        ("读取成功，请看摄像头", ["读取成功，", "请看摄像头"]),  # at the end of a phrase
        ("甲乙丙丁戊己庚辛壬。", ["甲乙丙丁戊", "己庚辛壬。"]),
        ("甲乙丙丁戊己庚辛壬，癸", ["甲乙丙丁戊", "己庚辛壬，癸"]),  # the comma stays with its phrase
        ("（甲乙丙丁戊己庚辛）壬", ["（甲乙丙丁", "戊己庚辛）壬"]),
        ("请在此处按 Start 键", ["请在此处按", "Start 键"]),  # never inside a Latin word
        ("甲\n乙", ["甲", "乙"]),
    ],
)
def test_lines_break_where_a_reader_expects_it(text: str, lines: list[str]) -> None:
    assert wrap(text, 90, 3, ten_pixels) == lines


def test_phrases_are_divided_only_for_want_of_room() -> None:
    text = "甲乙丙丁戊，己庚辛壬癸，子丑寅卯"
    assert wrap(text, 90, 3, ten_pixels) == ["甲乙丙丁戊，", "己庚辛壬癸，", "子丑寅卯"]
    assert wrap(text, 90, 2, ten_pixels) == ["甲乙丙丁戊，己庚", "辛壬癸，子丑寅卯"]


@pytest.mark.parametrize("text", ["unbreakable", "one two three four five six seven", "甲\n乙\n丙\n丁"])
def test_what_does_not_fit_has_no_lines(text: str) -> None:
    assert wrap(text, 90, 3, ten_pixels) is None


# --- errors of the build


def test_a_text_too_long_fails_the_build_by_its_key() -> None:
    long = Phrase("card-expired", "zh", "E1007", "证件", clerk="请勿办理" * 9 + "。")
    with pytest.raises(BuildFailed, match=r"card-expired\.zh\.clerk"):
        fit.fit([long], FONTS)


def test_a_label_of_two_lines_fails_the_build() -> None:
    with pytest.raises(BuildFailed, match=r"start\.en\.label"):
        fit.fit([Phrase("start", "en", "", "Start the thing", is_label=True)], FONTS)


def test_a_key_used_twice_fails_the_build() -> None:
    phrase = next(p for p in SAID if p.key == "ready")
    with pytest.raises(BuildFailed, match="zh:ready"):
        word_file.encode(fit.fit([phrase, replace(phrase, title="请放证件")], FONTS))


def test_a_character_that_no_font_has_fails_the_check_by_its_key() -> None:
    fonts = FONTS | {"ui_16.font": BitmapFont(20, 2, {"A": Glyph(8, bytes(40))})}
    with pytest.raises(BuildFailed, match=r"ready\.zh\.customer"):
        fit.fit([p for p in SAID if p.key == "ready"], fonts)
