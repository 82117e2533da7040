"""The plan of the moves, drawn once more with other code, as a verifier would."""

import itertools
import random

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from terminal.liveness import plan


def verifier_plan(nonce: bytes, salt: bytes, attempt: int) -> tuple:
    """From the words of plan.py's docstring."""
    stream = HKDF(SHA256(), 512, salt, b"shiming face plan 1" + bytes([attempt])).derive(nonce)
    words = iter([int.from_bytes(stream[at : at + 2], "big") for at in range(0, 512, 2)])

    def draw(count: int) -> int:
        return next(word for word in words if word < 65536 - 65536 % count) % count

    sequences = [
        moves
        for moves in itertools.product(("left", "right", "mouth"), repeat=3)
        if "mouth" in moves and set(moves) != {"mouth"}
    ]
    moves = sequences[draw(18)]
    steps = []
    for move in moves:
        pause = 500 + draw(3501)
        steps.append((move, pause, 500 + draw(3001)))
    last_pause = 500 + draw(1001)
    colours = [draw(4)]
    while len(colours) < 64:
        colours.append([colour for colour in range(4) if colour != colours[-1]][draw(3)])
    return tuple(steps), last_pause, bytes(colours)


def test_a_verifier_draws_the_same() -> None:
    rng = random.Random(4)
    for _ in range(200):
        nonce, salt, attempt = rng.randbytes(16), rng.randbytes(16), rng.randint(1, 3)
        drawn = plan.draw(nonce, salt, attempt)
        assert (tuple(map(tuple, drawn.steps)), drawn.last_pause_ms, drawn.colours) == verifier_plan(
            nonce, salt, attempt
        )


def test_all_sequences_come_equally_often() -> None:
    count = 9_000
    rng = random.Random(5)
    seen = dict.fromkeys(plan.SEQUENCES, 0)
    for _ in range(count):
        seen[tuple(step.move for step in plan.draw(rng.randbytes(16), b"", 1).steps)] += 1
    expected = count / 18
    chi_square = sum((number - expected) ** 2 / expected for number in seen.values())
    assert chi_square < 40.8  # 17 degrees of freedom: exceeded once in a thousand; the seed is fixed
