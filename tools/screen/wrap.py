"""Breaks text into lines that fit a box: English at spaces, Chinese anywhere but before closing punctuation.

Of all ways the one is taken that divides the fewest Chinese phrases, then the one with the fewest lines, then the one
with the most even lines. Where that needs more lines than there is room for, phrases are divided.
"""

import re
from collections.abc import Callable

PIECE = re.compile(r"[!-~]+|.", re.DOTALL)  # a Latin word with its punctuation, or one character
CLOSING = "，。；：？！、）》」』”’·＊…％"
OPENING = "（《「『“‘"
PHRASE_ENDS = "，。；：？！,.;:?!"

Measure = Callable[[str], int]
Cost = tuple[int, ...]


def wrap(text: str, width: int, lines_max: int, measure: Measure) -> list[str] | None:
    """A line feed in the text is kept. None when there is no way."""
    for prefers_phrases in (True, False):
        lines = [_wrap_paragraph(paragraph, width, measure, prefers_phrases) for paragraph in text.split("\n")]
        if all(lines) and sum(map(len, lines)) <= lines_max:
            return sum(lines, [])
    return None


def _wrap_paragraph(text: str, width: int, measure: Measure, prefers_phrases: bool) -> list[str]:
    """Nothing when one word alone is too wide."""
    atoms = _atoms(text)
    # best[i]: of the ways to lay the first i atoms, the cost and the lines of the cheapest
    best: list[tuple[Cost, list[str]] | None] = [((0, 0, 0), [])]
    for end in range(1, len(atoms) + 1):
        ways = []
        for start in range(end - 1, -1, -1):
            line = "".join(atoms[start:end]).strip()
            if measure(line) > width:
                break
            before = best[start]
            if before and line:
                cost = _cost(line, width - measure(line), end < len(atoms), prefers_phrases)
                ways.append((tuple(map(sum, zip(before[0], cost, strict=True))), [*before[1], line]))
        best.append(min(ways, default=None))
    return best[-1][1] if best[-1] else []


def _cost(line: str, room: int, is_broken: bool, prefers_phrases: bool) -> Cost:
    ends_phrase = is_broken and line[-1] in PHRASE_ENDS
    divides_phrase = is_broken and not ends_phrase and not line[-1].isascii()
    raggedness = room * room // (4 if ends_phrase else 1)
    return (divides_phrase, 1, raggedness) if prefers_phrases else (1, divides_phrase, raggedness)


def _atoms(text: str) -> list[str]:
    """Pieces that no line break may divide."""
    atoms: list[str] = []
    for piece in PIECE.findall(text):
        if atoms and (piece[0] in CLOSING or atoms[-1][-1] in OPENING):
            atoms[-1] += piece
        else:
            atoms.append(piece)
    return atoms
