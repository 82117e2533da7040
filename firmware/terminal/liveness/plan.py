"""What one attempt will ask, drawn from the transaction's nonce. A verifier draws the same from the signed claims.

    words  = HKDF-SHA-256(ikm = nonce, salt = salt, info = "shiming face plan 1" + attempt (one byte), 512 bytes)
             as 256 big-endian 16-bit numbers, used in order
    draw n = the next word w with w < 65536 - 65536 mod n gives w mod n; other words are passed over (no bias)

    1. draw 18: the moves, by their place in SEQUENCES
    2. for each of the 3 moves: pause = 500 + draw 3501, then hold = 500 + draw 3001, in ms
    3. the last pause = 500 + draw 1001
    4. 64 colours of 600 ms: draw 4, then 63 times draw 3 among the others: neighbours differ

The ranges are that wide because a film of another session, in the right order by chance, must fall out of step.
The salt keeps those who know the nonce beforehand (agent, point of sale) from preparing a film: take the token's cti.
"""

from collections import namedtuple

from terminal.hkdf import hkdf_sha256

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

INFO = b"shiming face plan 1"
PLAN_BYTES = 512

LEFT, RIGHT, MOUTH = "left", "right", "mouth"  # the person's own left and right
MOVES = (LEFT, RIGHT, MOUTH)

# Each has a turn (a picture cannot) and the mouth (a mask or a bent print cannot).
SEQUENCES = tuple(
    (first, second, third)
    for first in MOVES
    for second in MOVES
    for third in MOVES
    if MOUTH in (first, second, third) and (first, second, third) != (MOUTH, MOUTH, MOUTH)
)

COLOURS = (0xFF0000, 0x00FF00, 0x0000FF, 0xFFFFFF)
COLOUR_MS = 600  # under two changes a second: no risk with photosensitive people
COLOUR_COUNT = 64

Step = namedtuple("Step", ("move", "pause_ms", "hold_ms"))
Plan = namedtuple("Plan", ("steps", "last_pause_ms", "colours"))


def draw(nonce: bytes, salt: bytes, attempt: int) -> Plan:
    """`attempt` counts from 1."""
    words = _words(hkdf_sha256(nonce, salt, INFO + bytes((attempt,)), PLAN_BYTES))
    moves = SEQUENCES[_below(words, len(SEQUENCES))]
    steps = []
    for move in moves:
        pause_ms = 500 + _below(words, 3501)
        steps.append(Step(move, pause_ms, 500 + _below(words, 3001)))
    last_pause_ms = 500 + _below(words, 1001)
    colours = bytearray((_below(words, len(COLOURS)),))
    while len(colours) < COLOUR_COUNT:
        place = _below(words, len(COLOURS) - 1)
        colours.append(place + (place >= colours[-1]))
    return Plan(tuple(steps), last_pause_ms, bytes(colours))


def colour_at(plan: Plan, number: int) -> int:
    """0xRRGGBB of the colour of this number, from 0; after the last one they begin again."""
    return COLOURS[plan.colours[number % COLOUR_COUNT]]


def _words(stream: bytes) -> "Iterator[int]":
    for place in range(0, len(stream), 2):
        yield stream[place] << 8 | stream[place + 1]


def _below(words: "Iterator[int]", count: int) -> int:
    bound = 65536 - 65536 % count
    for word in words:
        if word < bound:
            return word % count
    raise ValueError("the stream has run out")  # never seen: 72 of 256 words are needed, and a word fails once in 30
