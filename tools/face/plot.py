"""A DET plot as SVG: FNMR over FMR, both on the scale of the normal distribution.

Written by hand: one curve on two axes is not worth a plotting library, and ten more packages, in the lock.
"""

from collections.abc import Iterator, Sequence
from statistics import NormalDist

from tools.face.verification import Point, Verification

SIZE, LEFT, TOP, SIDE = (640, 620), 90, 60, 480
TICKS = (0.0001, 0.001, 0.003, 0.01, 0.02, 0.05, 0.1, 0.2, 0.4)
LEAST, MOST = 0.00005, 0.5
STYLE = (
    "text{font:13px sans-serif}.title{font-size:15px}.grid{stroke:#ddd}.frame{fill:none;stroke:#222}"
    ".curve{fill:none;stroke:#0b62a4;stroke-width:2}.eer{stroke:#999;stroke-dasharray:4 4}.small{font-size:11px}"
    ".in-use{fill:#c0392b}.chosen{fill:#0b62a4}"
)


def place(rate: float) -> float:
    """Pixels from the beginning of an axis."""
    low, high, wanted = (NormalDist().inv_cdf(each) for each in (LEAST, MOST, min(max(rate, LEAST), MOST)))
    return SIDE * (wanted - low) / (high - low)


def across(rate: float) -> float:
    return round(LEFT + place(rate), 1)


def up(rate: float) -> float:
    return round(TOP + SIDE - place(rate), 1)


def det(found: Verification, title: str) -> str:
    lines = [*_axes(), *_curve(found)]
    lines += [line for point in found.chosen for line in _mark(point, "chosen", -6)]
    lines += _mark(found.in_use, "in-use", 16)
    counts = f"{found.people} people, {found.genuine} genuine and {found.impostor} impostor comparisons"
    lines.append(f'<text class="title" x="{LEFT}" y="26">{title}: {counts}</text>')
    lines.append(
        f'<text class="small" x="{LEFT}" y="46">EER {found.eer:.2%}. Blue: thresholds chosen on these pictures; '
        f"red: the one that ships. 0 is on the frame.</text>"
    )
    width, height = SIZE
    body = "\n".join(lines)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}">\n'
        f'<style>{STYLE}</style>\n<rect width="{width}" height="{height}" fill="#fff"/>\n{body}\n</svg>\n'
    )


def _axes() -> Iterator[str]:
    bottom, right = TOP + SIDE, LEFT + SIDE
    for rate in TICKS:
        x, y, words = across(rate), up(rate), f"{100 * rate:g} %"
        yield f'<path class="grid" d="M{x} {TOP}V{bottom}M{LEFT} {y}H{right}"/>'
        yield f'<text class="small" x="{x}" y="{bottom + 18}" text-anchor="middle">{words}</text>'
        yield f'<text class="small" x="{LEFT - 8}" y="{y + 4}" text-anchor="end">{words}</text>'
    yield f'<path class="eer" d="M{LEFT} {bottom}L{right} {TOP}"/>'
    yield f'<rect class="frame" x="{LEFT}" y="{TOP}" width="{SIDE}" height="{SIDE}"/>'
    middle = LEFT + SIDE / 2
    yield f'<text x="{middle}" y="{bottom + 42}" text-anchor="middle">FMR: others taken for the card\'s holder</text>'
    turn = f'transform="translate(24 {TOP + SIDE / 2}) rotate(-90)"'
    yield f'<text {turn} text-anchor="middle">FNMR: the holder refused</text>'


def _curve(found: Verification) -> Iterator[str]:
    """Steps between the thresholds, and nothing along the edges, where a rate is 0."""
    rates = zip(found.curve.fmr.tolist(), found.curve.fnmr.tolist(), strict=True)
    inside = [(fmr, fnmr) for fmr, fnmr in rates if fmr > 0 or fnmr <= MOST]
    places: Sequence[str] = list(dict.fromkeys(f"{across(fmr)} {up(fnmr)}" for fmr, fnmr in inside if fmr <= MOST))
    yield f'<path class="curve" d="M{"L".join(places)}"/>'


def _mark(point: Point, kind: str, down: int) -> Iterator[str]:
    x, y = across(point.fmr.rate), up(point.fnmr.rate)
    yield f'<circle class="{kind}" cx="{x}" cy="{y}" r="4"/>'
    side, anchor = (8, "start") if down < 0 or x < LEFT + 50 else (-8, "end")
    where = f'x="{x + side:.1f}" y="{min(y + down, TOP + SIDE - 6):.1f}" text-anchor="{anchor}"'
    yield f'<text class="small {kind}" {where}>{point.threshold / 1000:.3f}</text>'
