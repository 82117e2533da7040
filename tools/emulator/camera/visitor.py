"""Who comes before the camera: an honest person, or somebody with a trick."""

import random
from dataclasses import dataclass, replace

from tools.emulator.camera.actor import Actor, Manner
from tools.emulator.camera.attacks import SPECIES, Replay, genuine

GENUINE = "genuine"


@dataclass(frozen=True, slots=True)
class Visitor:
    """`identity` is the head's number (cast.CAST), `species` "genuine" or one of attacks.SPECIES, but for films: those
    need a recording. Who is `careful` makes no mistakes: for tests that are not about mistakes."""

    identity: int
    species: str = GENUINE
    seed: int = 0
    careful: bool = False

    def __post_init__(self) -> None:
        if self.species != GENUINE and SPECIES.get(self.species, Replay) is Replay:
            raise ValueError(f"{self.species!r} is no species that can walk in by itself")

    def actor(self) -> Actor:
        rng = random.Random(f"{self.seed} {self.identity} {self.species}")
        made = SPECIES[self.species](self.identity, rng, Manner.draw(rng)) if self.species in SPECIES else None
        actor = made or genuine(self.identity, rng)
        if self.careful:
            actor.manner = replace(actor.manner, wrong_share=0, glance_share=0, dream_share=0)
        return actor
