"""Plays many sessions of honest people and of every species of attack, and counts what came of them.

    python -m tools.face.sessions --only late --limit relief_min=100       what another limit would do

No pictures: heads in 3D with the noise of the mesh. The attacks are simulated; no laboratory has seen them. The figures
of the product come from `shiming face evaluate`, which plays the same.
"""

import argparse
import random
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from terminal.liveness import plan
from terminal.liveness.limits import Limits

from tools.emulator.camera.actor import Actor, Manner
from tools.emulator.camera.attacks import IMPOSTOR, SPECIES, Recording, Replay, Stranger, genuine
from tools.face.play import Outcome, play, record
from tools.face.sensor import Sensor

GENUINE = "honest people"


@dataclass
class Tally:
    """`live` of `count` passed the check of liveness, `accepted` matched the card as well."""

    species: str
    count: int = 0
    live: int = 0
    accepted: int = 0
    attempts: int = 0
    duration_ms: float = 0.0
    codes: Counter = field(default_factory=Counter)

    def add(self, outcome: Outcome) -> None:
        self.count += 1
        self.live += outcome.result.is_live
        self.accepted += outcome.is_accepted
        self.attempts += outcome.result.attempts
        self.duration_ms += outcome.duration_ms
        for _, event, _ in outcome.result.timeline:
            if event.startswith("face-"):
                self.codes[event] += 1
        if outcome.result.is_live and not outcome.is_match:
            self.codes["no match with the card"] += 1

    @property
    def share(self) -> float:
        return self.accepted / self.count


def sensor_for(rng: random.Random) -> Sensor:
    return Sensor(rng, light_share=rng.lognormvariate(-2.8, 0.6))


def film(rng: random.Random, has_light: bool) -> Recording:
    """Of an honest person's session that passed at the first attempt."""
    while True:
        actor = genuine(rng.randrange(1, IMPOSTOR), rng)
        outcome = play(actor, rng, sensor_for(rng), has_light, actor.identity, rng.randbytes(16))
        if outcome.is_accepted and outcome.result.attempts == 1:
            return record(actor, outcome)


def nonce_with(rng: random.Random, wanted: Callable[[tuple[str, ...]], bool]) -> bytes:
    """A nonce whose first attempt has moves of which `wanted` is true."""
    while True:
        nonce = rng.randbytes(16)
        if wanted(tuple(step.move for step in plan.draw(nonce, nonce[::-1], 1).steps)):
            return nonce


def changes(words: list[str]) -> dict[str, int]:
    """Of limits, from `name=number`."""
    return {name: int(number) for name, _, number in (word.partition("=") for word in words)}


def actor_of(species: str, identity: int, rng: random.Random, recording: Recording | None = None) -> Actor:
    if species == GENUINE:
        return genuine(identity, rng)
    kind = SPECIES[species]
    if kind is Replay:
        return Replay(identity, rng, Manner.draw(rng), recording=recording)
    return kind(identity, rng, Manner.draw(rng))


def one(
    species: str, rng: random.Random, has_light: bool, films: list[Recording], limits: Limits | None = None
) -> Outcome:
    nonce, card = rng.randbytes(16), rng.randrange(1, IMPOSTOR)
    recording = rng.choice(films) if films else None
    if recording:
        card, moves = recording.identity, recording.moves
        if species == "film, wrong order":
            nonce = nonce_with(rng, lambda drawn: drawn != moves)
        elif species == "film, right order":
            nonce = nonce_with(rng, lambda drawn: drawn == moves)
    face = card + IMPOSTOR if SPECIES.get(species) is Stranger else card
    return play(actor_of(species, face, rng, recording), rng, sensor_for(rng), has_light, card, nonce, limits)


def run(
    species: str,
    count: int,
    seed: int,
    has_light: bool,
    limits: Limits | None = None,
    progress: Callable[[], None] = lambda: None,
) -> Tally:
    tally = Tally(species)
    rng = random.Random(f"{seed} {species} {has_light}")
    films = [film(rng, has_light) for _ in range(min(count, 25))] if SPECIES.get(species) is Replay else []
    for _ in range(count):
        tally.add(one(species, rng, has_light, films, limits))
        progress()
    return tally


def replays(count: int, seed: int, has_light: bool) -> Tally:
    """The film of one session against fresh nonces, one after the other."""
    rng = random.Random(seed)
    recording = film(rng, has_light)
    tally = Tally("film of one session")
    for _ in range(count):
        tally.add(one("film of a session", rng, has_light, [recording]))
    return tally


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=300)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--light",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="the terminal shines colours, and judges by them",
    )
    parser.add_argument("--only", choices=[GENUINE, *SPECIES], metavar="SPECIES")
    parser.add_argument(
        "--limit", action="append", default=[], metavar="NAME=NUMBER", help="another limit of the check"
    )
    arguments = parser.parse_args()
    limits = Limits(changes(arguments.limit))
    for species in [arguments.only] if arguments.only else [GENUINE, *SPECIES]:
        start = time.monotonic()
        tally = run(species, arguments.count, arguments.seed, arguments.light, limits)
        codes = ", ".join(f"{code} {number}" for code, number in tally.codes.most_common(5))
        print(
            f"{species:26} {tally.accepted:4}/{tally.count} = {100 * tally.share:5.1f} %"
            f"  attempts {tally.attempts / tally.count:.2f}  {tally.duration_ms / tally.count / 1000:5.1f} s"
            f"  [{time.monotonic() - start:.0f} s]  {codes}",
            flush=True,
        )


if __name__ == "__main__":
    main()
