"""Sessions with pictures: the emulated camera paints them, the terminal's own networks look at them under MicroPython.

python -m tools.face.pictures --count 3 --only "print, flat"
"""

import argparse
import random
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from terminal.liveness.check import Frame
from terminal.liveness.observation import observe

from tools.emulator.camera.actor import View
from tools.emulator.camera.attacks import SPECIES, Recording, Replay, Stranger
from tools.emulator.camera.camera import Camera, card_picture
from tools.emulator.camera.cast import CAST
from tools.emulator.camera.head import Optics
from tools.face.networks import Networks
from tools.face.play import Outcome, play
from tools.face.sessions import GENUINE, actor_of, film


class Staged:
    """The camera's subject: the view of the moment."""

    def __init__(self) -> None:
        self.now = View()

    def see(self, now_ms: float, state: str, code: str | None = None, light: int | None = None) -> None:
        pass  # `play` tells the actor itself

    def view(self, ms: float) -> View:
        return self.now


@dataclass
class PictureEyes:
    networks: Networks
    seed: int = 0
    optics: Optics = field(default_factory=Optics)
    latency_ms: tuple[float, float] = (70, 130)

    def __post_init__(self) -> None:
        self._stage = Staged()
        self._camera = Camera(self._stage, self.seed, optics=self.optics)

    def frame(self, counter: int, taken_ms: int, now_ms: int, view: View, light: int | None) -> Frame:
        self._stage.now = view
        self._camera.see(taken_ms - 1_000, "", light=light)
        self._camera.shoot(taken_ms)
        found = self.networks.look(bytes(self._camera.buffer), self.optics.width, self.optics.height)
        seen = observe(found["points"].__getitem__) if found["points"] else None
        fingerprint, luma, sharpness, tint = found["measures"]
        return Frame(counter, taken_ms, now_ms, fingerprint, found["faces"], seen, luma, sharpness, tint)

    def portrait(self, view: View) -> np.ndarray:
        return self.networks.embed()

    def similarity(self, one: Any, other: Any) -> int:
        return int(1000 * float(one @ other))

    def card_similarity(self, card: int, portraits: list[Any]) -> int:
        picture = card_picture(card).convert("RGB")
        if self.networks.look(picture.tobytes(), *picture.size)["points"] is None:
            return 0
        mean = np.mean(portraits, axis=0)
        return int(1000 * float(self.networks.embed() @ mean / np.linalg.norm(mean)))


def one(species: str, rng: random.Random, networks: Networks, has_light: bool) -> Outcome:
    card = rng.choice(CAST)
    face = rng.choice([identity for identity in CAST if identity != card]) if SPECIES.get(species) is Stranger else card
    recording = None
    if SPECIES.get(species) is Replay:
        other = film(rng, has_light)
        recording = Recording(card, other.moves, other.shots)
    actor = actor_of(species, face, rng, recording)
    return play(actor, rng, PictureEyes(networks, rng.randrange(1_000)), has_light, card, rng.randbytes(16))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=3)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--no-light", action="store_true")
    parser.add_argument("--only", help="one species")
    arguments = parser.parse_args()
    with Networks() as networks:
        for species in [arguments.only] if arguments.only else [GENUINE, *SPECIES]:
            rng = random.Random(f"{arguments.seed} {species}")
            outcomes = [one(species, rng, networks, not arguments.no_light) for _ in range(arguments.count)]
            accepted = sum(outcome.is_accepted for outcome in outcomes)
            codes = [
                event for outcome in outcomes for _, event, _ in outcome.result.timeline if event.startswith("face-")
            ]
            print(f"{species:26} {accepted}/{len(outcomes)}  {', '.join(codes)}", flush=True)


if __name__ == "__main__":
    main()
