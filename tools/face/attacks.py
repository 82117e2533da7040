"""Sessions of honest people and of every species of attack on all cores, and their rates after ISO/IEC 30107-3.

An attack is classified wrong where it is taken for a living person (APCER), and accepted where it matches the card as
well. A stranger with another's card is alive: only the second is an error there.
"""

import os
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, wait
from dataclasses import dataclass
from multiprocessing import Value
from typing import Any

from tools.emulator.camera.attacks import SPECIES, Stranger
from tools.face.confidence import Share, share
from tools.face.sessions import GENUINE, Tally, run

LOOK_S = 0.3
_played: Any = None  # of this process and its like


@dataclass(frozen=True, slots=True)
class Species:
    """`apcer` is None where the attack is a living person."""

    name: str
    apcer: Share | None
    accepted: Share
    codes: dict[str, int]


@dataclass(frozen=True, slots=True)
class Liveness:
    """`bpcer`: honest people not taken for alive; `rejected`: those and whoever did not match, after all attempts."""

    has_light: bool
    bpcer: Share
    rejected: Share
    attempts: float
    species: tuple[Species, ...]

    @property
    def worst(self) -> Species | None:
        """None where no attack was taken for a person."""
        measured = [each for each in self.species if each.apcer]
        worst = max(measured, key=lambda each: each.apcer.rate if each.apcer else 0.0)
        return worst if worst.apcer and worst.apcer.errors else None


def measure(count: int, seed: int, has_light: bool, progress: Callable[[int], None]) -> Liveness:
    """`count` sessions of each. `progress` is told how many have been played."""
    played = Value("q", 0)
    names = [GENUINE, *SPECIES]
    with ProcessPoolExecutor(min(len(names), os.cpu_count() or 1), initializer=_share, initargs=(played,)) as pool:
        waiting = futures = [pool.submit(_run, name, count, seed, has_light) for name in names]
        while waiting:
            waiting = wait(waiting, timeout=LOOK_S).not_done
            progress(played.value)
        honest, *attacks = [future.result() for future in futures]
    return Liveness(
        has_light,
        share(honest.count - honest.live, honest.count),
        share(honest.count - honest.accepted, honest.count),
        honest.attempts / honest.count,
        tuple(_species(tally) for tally in attacks),
    )


def _species(tally: Tally) -> Species:
    is_alive = SPECIES[tally.species] is Stranger
    apcer = None if is_alive else share(tally.live, tally.count)
    return Species(tally.species, apcer, share(tally.accepted, tally.count), dict(tally.codes.most_common()))


def _share(played: Any) -> None:
    global _played
    _played = played


def _run(species: str, count: int, seed: int, has_light: bool) -> Tally:
    return run(species, count, seed, has_light, progress=_tell)


def _tell() -> None:
    with _played.get_lock():
        _played.value += 1
