"""firmware/assets is what the builder makes, and the builder makes what the fonts say."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from tools.screen import bitmap_font, build, cli, raster
from tools.screen.bitmap_font import BitmapFont, Glyph
from tools.screen.errors import BuildFailed, FontInvalid
from tools.screen.wording import ASSETS, phrases

SOURCES = build.find_fonts()
runner = CliRunner()
needs_sources = pytest.mark.skipif(SOURCES is None, reason="no Noto Sans CJK on this machine")


def copied(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for file in ASSETS.iterdir():
        (folder / file.name).write_bytes(file.read_bytes())
    monkeypatch.setattr(build, "ASSETS", folder)
    return folder


def test_words_and_characters_are_as_built() -> None:
    assert build.check(None) == []


@needs_sources
def test_pixels_are_as_built() -> None:
    if not build.has_same_sources(SOURCES):
        pytest.skip("another version of Noto Sans CJK or FreeType")
    assert build.check(SOURCES) == []


@needs_sources
@pytest.mark.parametrize("name", ["ui_16.font", "words.bin"])
def test_check_names_a_file_that_differs(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if not build.has_same_sources(SOURCES):
        pytest.skip("another version of Noto Sans CJK or FreeType")
    folder = copied(tmp_path, monkeypatch)
    damaged = bytearray((folder / name).read_bytes())
    damaged[-100] ^= 1
    (folder / name).write_bytes(damaged)
    assert build.check(SOURCES) == [name]


def test_check_without_sources_notices_other_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = copied(tmp_path, monkeypatch)
    (folder / "words.bin").write_bytes(b"SWD1")
    assert build.check(None) == ["words.bin"]


def test_check_without_sources_notices_a_missing_glyph(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = copied(tmp_path, monkeypatch)
    font = build.built_fonts()["ui_32.font"]
    fewer = {character: glyph for character, glyph in font.glyphs.items() if character != "请"}
    (folder / "ui_32.font").write_bytes(bitmap_font.encode(BitmapFont(font.height, font.row_bytes, fewer)))
    assert build.check(None) == ["ui_32.font"]


def test_building_without_sources_says_what_is_missing() -> None:
    with pytest.raises(BuildFailed, match="Noto Sans CJK"):
        build.build(None)


def test_command_checks_and_says_so() -> None:
    result = runner.invoke(cli.app, ["build", "--check"])
    assert result.exit_code == 0, result.output
    assert "as built" in result.stdout


def test_every_glyph_has_ink_but_the_spaces() -> None:
    for name, font in build.built_fonts().items():
        blank = {character for character, glyph in font.glyphs.items() if not any(glyph.rows)}
        assert blank <= {" "}, name


def test_no_two_chinese_characters_look_alike() -> None:
    """Hinting at 16 pixels may not fold two of them into one picture."""
    for name, font in build.built_fonts().items():
        pictures: dict[bytes, str] = {}
        for character, glyph in font.glyphs.items():
            if character >= "一":
                assert glyph.rows not in pictures, (name, character, pictures[glyph.rows])
                pictures[glyph.rows] = character


def test_fonts_hold_no_more_than_can_be_shown() -> None:
    needed = build.characters(phrases())
    assert {name: set(font.glyphs) for name, font in build.built_fonts().items()} == needed


@needs_sources
def test_a_character_that_noto_lacks_fails_the_build() -> None:
    assert SOURCES is not None
    with pytest.raises(BuildFailed, match=r"U\+0E01"):
        raster.rasterise(SOURCES, raster.STYLES["ui_16.font"], {"ก"})


def test_the_licence_ships_with_the_fonts_under_another_name() -> None:
    licence = (ASSETS / "LICENSE").read_text(encoding="utf-8")
    assert "SIL OPEN FONT LICENSE Version 1.1" in licence
    assert "Adobe" in licence
    assert not [file.name for file in ASSETS.iterdir() if "noto" in file.name.lower()]


FONT = BitmapFont(3, 1, {"A": Glyph(5, b"\x20\x50\x88"), "测": Glyph(8, b"\xff\x00\xff")})


def test_a_font_comes_back_as_written() -> None:
    assert bitmap_font.decode(bitmap_font.encode(FONT)) == FONT


def test_a_damaged_font_is_refused() -> None:
    data = bitmap_font.encode(FONT)
    for length in range(len(data)):
        with pytest.raises(FontInvalid):
            bitmap_font.decode(data[:length])
    for place in range(len(data)):
        with pytest.raises(FontInvalid):
            bitmap_font.decode(data[:place] + bytes([data[place] ^ 0x10]) + data[place + 1 :])
