"""Builds `firmware/assets/`: fonts with the glyphs that the screen can need, and the words, fitted to it."""

import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path

from tools.screen import bitmap_font, fit, raster, word_file
from tools.screen.errors import BuildFailed
from tools.screen.wording import ASSETS, Phrase, name_characters, phrases

ASCII = {chr(code) for code in range(0x20, 0x7F)}
WORDS = "words.bin"
MANIFEST = "manifest.toml"
USUAL_FOLDERS = ("/usr/share/fonts/opentype/noto", "/usr/share/fonts/noto-cjk", "/usr/share/fonts/google-noto-cjk")


def find_fonts() -> Path | None:
    """The folder of the source fonts on this machine: Debian's fonts-noto-cjk, and as other systems call it."""
    files = {style.file for style in raster.STYLES.values()}
    folders = [Path(folder) for folder in USUAL_FOLDERS]
    if fc_match := shutil.which("fc-match"):
        command = [fc_match, "--format", "%{file}", "Noto Sans CJK SC:weight=regular"]
        folders.insert(0, Path(subprocess.run(command, capture_output=True, text=True, check=False).stdout).parent)
    return next((folder for folder in folders if all((folder / file).is_file() for file in files)), None)


def characters(said: Iterable[Phrase]) -> dict[str, set[str]]:
    """Those that each font must have."""
    needed = {name: set("0123456789/") for name in raster.STYLES}
    needed[fit.TEXT_FONT] |= ASCII | name_characters()
    for phrase in said:
        for role, text in phrase.texts():
            needed[fit.font_name(role, phrase.language)] |= set(text) - {"\n"}
    return needed


def build(font_folder: Path | None) -> dict[str, bytes]:
    """All that is built, by file name. Raises BuildFailed."""
    if font_folder is None:
        raise BuildFailed("no Noto Sans CJK on this machine (Debian: fonts-noto-cjk); name its folder")
    needed = characters(phrases())
    fonts = {name: raster.rasterise(font_folder, style, needed[name]) for name, style in raster.STYLES.items()}
    assets = {name: bitmap_font.encode(font) for name, font in fonts.items()}
    return assets | {WORDS: _words(fonts), MANIFEST: _manifest(font_folder)}


def check(font_folder: Path | None) -> list[str]:
    """The files of the repository that would be built otherwise. Raises BuildFailed, FontInvalid.

    Without the same source fonts the pixels cannot be compared, but words and characters are.
    """
    if has_same_sources(font_folder):
        built = build(font_folder)
        return [name for name, content in built.items() if (ASSETS / name).read_bytes() != content]
    fonts = built_fonts()
    needed = characters(phrases())
    differing = [name for name, font in fonts.items() if set(font.glyphs) != needed[name]]
    if not differing and _words(fonts) != (ASSETS / WORDS).read_bytes():
        differing.append(WORDS)
    return differing


def has_same_sources(font_folder: Path | None) -> bool:
    return font_folder is not None and _manifest(font_folder) == (ASSETS / MANIFEST).read_bytes()


def built_fonts() -> dict[str, bitmap_font.BitmapFont]:
    """Those in the repository. Raises FontInvalid."""
    return {name: bitmap_font.decode((ASSETS / name).read_bytes()) for name in raster.STYLES}


def _words(fonts: dict[str, bitmap_font.BitmapFont]) -> bytes:
    return word_file.encode(fit.fit(phrases(), fonts))


def _manifest(font_folder: Path) -> bytes:
    """What the fonts were made of, and with."""
    tables = {"rasteriser": raster.VERSIONS}
    for file in sorted({style.file for style in raster.STYLES.values()}):
        tables[f'"{file}"'] = raster.describe(font_folder / file)
    parts = ["# Written by `python -m tools.screen build`.\n"]
    for name, values in tables.items():
        parts.append("".join([f"\n[{name}]\n", *(f'{key} = "{value}"\n' for key, value in values.items())]))
    return "".join(parts).encode()
