"""Errors of the comparison on pictures of people: FMR, FNMR, EER, and how sure they are, resampled by person.

Scores and thresholds are whole thousandths, as the terminal compares and signs them; a match is at or above the
threshold. A picture without a face matches nobody, so it counts among the FNMR.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tools.face.confidence import BOOTSTRAP, LEVEL, RULE_OF_THREE, Share
from tools.face.networks import NETS, Networks
from tools.face.people import Picture
from tools.face.thresholds import OPERATING_POINT

PROCESSES = 2
RATES = (1e-2, 1e-3, 1e-4)
LOWEST, STEPS = -1000, 2002  # thresholds: -1000 to 1001, which nothing reaches
REPLICATES = 1000

Progress = Callable[[], None]


@dataclass(frozen=True, slots=True)
class Comparisons:
    """`one` and `other` are the numbers of the people of each score. `missed` counts pictures without a face."""

    scores: NDArray[np.int64]
    one: NDArray[np.int64]
    other: NDArray[np.int64]
    missed: int = 0

    @property
    def is_same(self) -> NDArray[np.bool_]:
        return self.one == self.other

    @property
    def people(self) -> int:
        return len(np.unique(np.concatenate((self.one, self.other))))


@dataclass(frozen=True, slots=True)
class Curve:
    """Rates at each threshold from LOWEST on."""

    fmr: NDArray[np.float64]
    fnmr: NDArray[np.float64]

    def threshold(self, rate: float) -> int:
        """The lowest with a false match rate of at most this."""
        return LOWEST + int(np.argmax(self.fmr <= rate + 1e-12))

    def eer(self) -> tuple[int, float]:
        at = int(np.argmin(np.abs(self.fmr - self.fnmr)))
        return LOWEST + at, float(self.fmr[at] + self.fnmr[at]) / 2


@dataclass(frozen=True, slots=True)
class Point:
    """`is_supported`: the comparisons are enough for a rate as low as the one asked for (rule of three)."""

    name: str
    threshold: int
    fmr: Share
    fnmr: Share
    is_supported: bool = True


@dataclass(frozen=True, slots=True)
class Verification:
    genuine: int
    impostor: int
    people: int
    missed: int
    eer: float
    eer_limits: tuple[float, float]
    eer_threshold: int
    chosen: tuple[Point, ...]  # on these pictures, for a false match rate
    shipped: tuple[Point, ...]  # in the manifest
    curve: Curve

    @property
    def in_use(self) -> Point:
        return next(point for point in self.shipped if point.name == OPERATING_POINT)


def embed(images: Sequence[Callable[[], Image.Image]], progress: Progress, nets: Path = NETS) -> NDArray[np.float64]:
    """A row for each, zeros where no face was found; as the terminal computes it, in some processes."""
    found: dict[int, NDArray[np.float64] | None] = {}

    def work(first: int) -> None:
        with Networks(nets) as networks:
            for number in range(first, len(images), PROCESSES):
                image = images[number]()
                found[number] = networks.still(image.tobytes(), *image.size)
                progress()

    with ThreadPoolExecutor(PROCESSES) as pool:
        list(pool.map(work, range(PROCESSES)))
    length = max((len(row) for row in found.values() if row is not None), default=1)
    rows = [found[number] for number in range(len(images))]
    return np.array([np.zeros(length) if row is None else row for row in rows])


def compare(
    pictures: Sequence[Picture], is_card: bool, progress: Progress = lambda: None, nets: Path = NETS
) -> Comparisons:
    """Each with each; with `is_card`, one of two as on a card, both ways round."""
    who = np.array([picture.person for picture in pictures])
    live = embed([picture.image for picture in pictures], progress, nets)
    card = embed([picture.card for picture in pictures], progress, nets) if is_card else live
    in_live, in_card = (np.abs(rows).max(axis=1) > 0 for rows in (live, card))
    missed = int((~in_live).sum()) + (int((~in_card).sum()) if is_card else 0)
    one, other = np.nonzero(~np.eye(len(who), dtype=bool)) if is_card else np.triu_indices(len(who), 1)
    similarity = (card @ live.T)[one, other]
    scores = np.where(in_card[one] & in_live[other], np.rint(1000 * similarity), LOWEST)
    return Comparisons(scores.astype(np.int64), who[one], who[other], missed)


def curve(found: Comparisons, weights: NDArray[np.float64] | None = None) -> Curve:
    at, same = found.scores - LOWEST, found.is_same

    def below(mask: NDArray[np.bool_]) -> NDArray[np.float64]:
        counts = np.bincount(at[mask], None if weights is None else weights[mask], STEPS).cumsum()
        return np.concatenate(([0.0], counts[:-1])) / counts[-1] if counts[-1] else np.full(STEPS, np.nan)

    return Curve(1 - below(~same), below(same))


def judge(found: Comparisons, thresholds: dict[str, int], seed: int) -> Verification:
    whole = curve(found)
    eer_threshold, eer = whole.eer()
    same = found.is_same
    genuine, impostor = int(same.sum()), int((~same).sum())
    asked = {f"FMR {rate:g}": rate for rate in RATES}
    chosen = {name: whole.threshold(rate) for name, rate in asked.items()}
    fixed = chosen | thresholds
    eers, moved, rates = _resampled(found, list(fixed.values()), seed)

    def point(name: str, number: int) -> Point:
        fmr = _share(found, fixed[name], False, rates[:, number, 0])
        fnmr = _share(found, fixed[name], True, moved[:, number] if name in asked else rates[:, number, 1])
        return Point(name, fixed[name], fmr, fnmr, impostor * asked.get(name, 1) >= 3)

    points = [point(name, number) for number, name in enumerate(fixed)]
    return Verification(
        genuine, impostor, found.people, found.missed, eer, _limits(eers), eer_threshold,
        tuple(points[: len(asked)]), tuple(points[len(asked) :]), whole,
    )  # fmt: skip


def _share(found: Comparisons, threshold: int, is_genuine: bool, resampled: NDArray[np.float64]) -> Share:
    """Resampling no error gives none: then at most 3 in so many people, or pairs of people, by the rule of three."""
    wrong = (found.scores >= threshold) != is_genuine
    mask = found.is_same == is_genuine
    errors, of = int(wrong[mask].sum()), int(mask.sum())
    if errors == 0:
        independent = found.people if is_genuine else found.people * (found.people - 1) // 2
        method = f"{RULE_OF_THREE} on {independent} {'people' if is_genuine else 'pairs of people'}"
        return Share(0, of, 0.0, 0.0, min(1.0, 3 / independent), method)
    return Share(errors, of, errors / of, *_limits(resampled), BOOTSTRAP)


def _resampled(
    found: Comparisons, thresholds: Sequence[int], seed: int
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Of people drawn with replacement, many times over: EER; FNMR where the threshold is chosen anew for each RATE;
    FMR and FNMR at fixed thresholds. Who is drawn twice has his genuine comparisons twice, but none with himself."""
    random = np.random.default_rng(seed)
    count = int(max(found.one.max(), found.other.max())) + 1
    eers, moved, rates = np.empty(REPLICATES), np.empty((REPLICATES, len(RATES))), []
    at = np.array(thresholds) - LOWEST
    for number in range(REPLICATES):
        drawn = np.bincount(random.integers(0, count, count), minlength=count).astype(float)
        weights = np.where(found.is_same, drawn[found.one], drawn[found.one] * drawn[found.other])
        each = curve(found, weights)
        eers[number] = each.eer()[1]
        moved[number] = [each.fnmr[each.threshold(rate) - LOWEST] for rate in RATES]
        rates.append(np.column_stack((each.fmr[at], each.fnmr[at])))
    return eers, moved, np.array(rates)


def _limits(resampled: NDArray[np.float64]) -> tuple[float, float]:
    tail = 100 * (1 - LEVEL) / 2
    low, high = np.nanpercentile(resampled, (tail, 100 - tail))
    return float(low), float(high)
