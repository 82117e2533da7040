"""Fits phrases to the boxes of `terminal/layout.py`."""

from collections.abc import Iterable

from terminal import layout

from tools.screen import word_file
from tools.screen.bitmap_font import BitmapFont
from tools.screen.errors import BuildFailed
from tools.screen.wording import Language, Phrase, Role
from tools.screen.wrap import wrap

TITLE_FONT: dict[Language, str] = {"zh": "ui_32.font", "en": "ui_24.font"}
TEXT_FONT = "ui_16.font"
BOXES: dict[Role, tuple[int, int, int, int]] = {
    "title": layout.TITLE,
    "customer": layout.CUSTOMER,
    "clerk": layout.CLERK,
    "label": (0, 0, 72, layout.TEXT_LINE),  # a quarter of the foot, with some air
}
LABEL_WIDTHS = {"customer": 48, "clerk": 48, "clock-unset": 104}  # beside the texts; at the staff line's end


def font_name(role: Role, language: Language) -> str:
    return TITLE_FONT[language] if role == "title" else TEXT_FONT


def fit(said: Iterable[Phrase], fonts: dict[str, BitmapFont]) -> list[word_file.Record]:
    """Every phrase with its lines broken. Raises BuildFailed, naming all that cannot be shown."""
    records: list[word_file.Record] = []
    faults: list[str] = []
    for phrase in said:
        fields = []
        for role, text in phrase.texts():
            name = f"{phrase.key}.{phrase.language}.{role}"
            font = fonts[font_name(role, phrase.language)]
            lines: list[str] | None = []
            if missing := set(text) - {"\n"} - font.glyphs.keys():
                faults.append(f"{name} (no glyph for {''.join(sorted(missing))})")
            elif text:
                lines = _lines(phrase, role, text, font)
            if lines is None:
                faults.append(f"{name} (too long)")
            fields.append("\n".join(lines or []))
        records.append((f"{phrase.language}:{phrase.key}", phrase.number, fields[0], fields[1], fields[2]))
    if faults:
        raise BuildFailed("cannot be shown: " + ", ".join(faults))
    return records


def _lines(phrase: Phrase, role: Role, text: str, font: BitmapFont) -> list[str] | None:
    _, _, width, height = BOXES[role]
    if role == "label":
        width = LABEL_WIDTHS.get(phrase.key, width)
    pitch = layout.TITLE_LINE[phrase.language] if role == "title" else layout.TEXT_LINE
    return wrap(text, width, height // pitch, font.width)
