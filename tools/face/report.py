"""The report: one mapping for the file and for programs, and the same in words."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import Any

from tools.face.attacks import Liveness
from tools.face.confidence import LEVEL, Share
from tools.face.verification import LOWEST, OPERATING_POINT, Point, Verification

EACH = 10  # thousandths between two points of the curve in the file
SIMULATED = (
    "All attacks are simulated and no laboratory has seen them: the metrics are those of ISO/IEC 30107-3, "
    "this is no evaluation after it."
)
PLAYED = (
    "The sessions have no pictures: heads in 3D with the noise of the mesh, which do what the screen says; likeness is "
    "drawn from the distributions that the networks showed, and the terminal's light is 6 % of the room's (median), as "
    "nobody has measured in a shop. Nobody real took part."
)
CHOSEN = (
    "The thresholds at an FMR are chosen on the pictures that they are reported on; those that ship were chosen on "
    "the ORL faces, subjects 1 to 20, where they show nothing new."
)
NOT_INDEPENDENT = (
    "Comparisons of the same people depend on one another, so their limits come from drawing the people anew. With few "
    "people they are rough, and nothing follows for other people, cameras or light."
)
MISSED = "A picture in which no face was found is refused by every comparison."


def content(pictures: Mapping[str, Any], found: Verification, liveness: Liveness | None, seed: int) -> dict[str, Any]:
    """For JSON. Rates are shares of 1, thresholds cosines."""
    return {
        "seed": seed,
        "confidence": LEVEL,
        "pictures": dict(pictures) | {"missed": found.missed},
        "verification": {
            "genuine": found.genuine,
            "impostor": found.impostor,
            "eer": {
                "rate": found.eer,
                "low": found.eer_limits[0],
                "high": found.eer_limits[1],
                "threshold": found.eer_threshold / 1000,
            },
            "in_use": OPERATING_POINT,
            "shipped": {point.name: _point(point) for point in found.shipped},
            "chosen": {point.name: _point(point) for point in found.chosen},
            "det": _det(found),
        },
        "liveness": _liveness(liveness) if liveness else None,
        "words": list(words(pictures, liveness)),
    }


def words(pictures: Mapping[str, Any], liveness: Liveness | None) -> Iterator[str]:
    """What the figures are of, and what they do not show."""
    sizes = ", ".join(f"{count} of {size}" for size, count in pictures["sizes"].items())
    colour = f"{pictures['grey']} of them grey" if pictures["grey"] else "in colour"
    yield f"The pictures: {pictures['pictures']} of {pictures['people']} people, {colour}; in pixels: {sizes}."
    if pictures["card"]:
        yield "One picture of each pair is shrunk to the 102 x 126 of a card, JPEG quality 70; it is no card's picture."
    yield from (CHOSEN, NOT_INDEPENDENT, MISSED)
    if liveness:
        yield from (SIMULATED, PLAYED)
    else:
        yield "No sessions were played: nothing is said about attacks."


def text(pictures: Mapping[str, Any], found: Verification, liveness: Liveness | None) -> Iterator[str]:
    yield (
        f"Comparison: {found.people} people, {found.genuine} genuine and {found.impostor} impostor comparisons, "
        f"{found.missed} pictures without a face"
    )
    yield f"  EER {found.eer:.2%} ({_limits(*found.eer_limits)}) at threshold {found.eer_threshold / 1000:.3f}"
    for point in found.shipped:
        use = ", the one in use" if point.name == OPERATING_POINT else ""
        yield f"  ships as {point.name}{use}: threshold {point.threshold / 1000:.3f}"
        yield from _rates(point)
    for point in found.chosen:
        doubt = "" if point.is_supported else "; too few comparisons for so low a rate"
        yield f"  {point.name} on these pictures: threshold {point.threshold / 1000:.3f}{doubt}"
        yield from _rates(point)
    if liveness:
        yield from _sessions(liveness)
    yield ""
    yield from words(pictures, liveness)


def _rates(point: Point) -> Iterator[str]:
    yield f"      FMR {in_words(point.fmr)}"
    yield f"      FNMR {in_words(point.fnmr)}"


def _sessions(found: Liveness) -> Iterator[str]:
    yield ""
    yield f"Liveness, {'with' if found.has_light else 'without'} the terminal's light: simulated sessions"
    yield f"  BPCER {in_words(found.bpcer)}"
    yield f"  refused at last, for whatever reason: {in_words(found.rejected)}; {found.attempts:.2f} attempts each"
    yield f"  {'species of attack':26}{'APCER':>8}{'at most':>9}{'accepted':>14}{'at most':>9}"
    for each in found.species:
        rate = f"{each.apcer.rate:>8.1%}{each.apcer.high:>9.1%}" if each.apcer else f"{'(alive)':>8}{'':9}"
        part = f"{each.accepted.errors} of {each.accepted.of}"
        yield f"  {each.name:26}{rate}{part:>14}{each.accepted.high:>9.1%}"
    if found.worst and found.worst.apcer:
        yield f"  Worst species: {found.worst.name}, APCER {in_words(found.worst.apcer)}"
    else:
        yield "  Worst species: none; no attack was taken for a living person"


def in_words(share: Share) -> str:
    limits = _limits(share.low, share.high)
    return f"{share.rate:.2%}: {share.errors} of {share.of} ({limits}, {share.method})"


def _limits(low: float, high: float) -> str:
    return f"{low:.2%} to {high:.2%}" if low else f"at most {high:.2%}"


def _point(point: Point) -> dict[str, Any]:
    return asdict(point) | {"threshold": point.threshold / 1000}


def _det(found: Verification) -> list[dict[str, float]]:
    rates = list(zip(found.curve.fmr.tolist(), found.curve.fnmr.tolist(), strict=True))
    return [
        {"threshold": (LOWEST + at) / 1000, "fmr": round(rates[at][0], 6), "fnmr": round(rates[at][1], 6)}
        for at in range(0, len(rates), EACH)
    ]


def _liveness(found: Liveness) -> dict[str, Any]:
    return {
        "is_simulated": True,
        "light": found.has_light,
        "bpcer": asdict(found.bpcer),
        "rejected": asdict(found.rejected),
        "attempts": round(found.attempts, 3),
        "species": {
            each.name: {
                "apcer": asdict(each.apcer) if each.apcer else None,
                "accepted": asdict(each.accepted),
                "codes": each.codes,
            }
            for each in found.species
        },
        "worst": found.worst.name if found.worst else None,
    }
