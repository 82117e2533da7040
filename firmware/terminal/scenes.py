"""What the terminal says in each state: icon, colour, light, sound, and how long it stays at least. A pure table.

The words come from the assets, under the key of the state or of the code: see terminal/view.py.
"""

from collections import namedtuple

# --- order: what may go before what (terminal/stage.py)

PROGRESS = 0  # only the newest counts
RESULT = 1  # every one is seen, in order
AT_ONCE = 2  # drops what waits

GREY, BLUE, GREEN, AMBER, RED = range(5)  # colour of the screen: terminal/view.py

Scene = namedtuple("Scene", ("icon", "tone", "light", "sound", "hold_ms", "rank"))

CLICK = (2400, 25)  # sound: the answer to a press

# Lift the card and put it down again: the same card may pass.
RETRY_CODES = ("card-fault", "card-removed", "card-malformed", "card-timeout")
# Nobody at the counter can help.
BLOCKED_CODES = ("clock-untrusted", "clock-implausible", "terminal-suspended", "terminal-locked")


def _scenes() -> tuple:
    """In a function, as its names take memory at module level."""
    # --- light: (0xRRGGBB, ms, ...), played by terminal.player; 0 ms: for good; an odd length: again from the start

    blue_light = (0x0000FF, 0)
    slow_blue = (0x0000FF, 1200, 0x00000C, 1200, None)  # never quite dark: a dark terminal looks dead
    white_light = (0xFFFFFF, 0)
    green_1s = (0x00FF00, 1000)
    green_2s = (0x00FF00, 2000)
    amber_light = (0xFF7000, 0)
    red_light = (0xFF0000, 0)
    # A dot is dim: seen from behind the counter, not taken for "passed" or "try again" by the customer.
    amber_dot = (0x301500, 2000)
    green_dot = (0x003000, 2000)
    dark = ()

    # --- sound: (Hz, ms, ...)

    no_sound = ()
    one_short = (1800, 90)
    two_short = (1800, 90, 0, 90, 1800, 90)
    one_long = (520, 600)
    three_long = (520, 600, 0, 250, 520, 600, 0, 250, 520, 600)
    two_rising = (1320, 130, 1760, 200)

    result_ms = 2000
    refusal_ms = 4000  # long enough to read what to do

    retry = ("warning", AMBER, amber_light, two_short, refusal_ms, RESULT)
    refused = ("cross", RED, red_light, one_long, refusal_ms, RESULT)
    cancelled = ("cross", AMBER, amber_light, two_short, result_ms, AT_ONCE)
    cancelling = ("cross", GREY, dark, no_sound, 0, AT_ONCE)
    fault = ("warning", RED, red_light, one_long, result_ms, AT_ONCE)
    blocked = ("lock", RED, red_light, three_long, result_ms, AT_ONCE)

    scenes = {
        "starting": ("hourglass", GREY, dark, no_sound, 0, PROGRESS),
        "idle": ("card", GREY, dark, no_sound, 0, PROGRESS),
        "ready": ("card-down", BLUE, slow_blue, no_sound, 0, PROGRESS),
        "ready-offline": ("card-down", BLUE, slow_blue, no_sound, 0, PROGRESS),
        "found": ("card-waves", BLUE, blue_light, no_sound, 0, PROGRESS),
        "reading": ("card-waves", BLUE, blue_light, no_sound, 0, PROGRESS),
        "card-lost": ("card-down", AMBER, amber_light, two_short, 0, PROGRESS),
        "card-left": ("card-up", AMBER, amber_light, no_sound, 0, PROGRESS),
        "read": ("check", GREEN, green_1s, one_short, 1000, RESULT),
        "read-look": ("check", GREEN, green_1s, one_short, 1000, RESULT),
        "face-look": ("face", BLUE, white_light, no_sound, 0, PROGRESS),
        "face-alone": ("face-alone", BLUE, white_light, no_sound, 0, PROGRESS),
        "face-closer": ("face-closer", BLUE, white_light, no_sound, 0, PROGRESS),
        "face-farther": ("face-farther", BLUE, white_light, no_sound, 0, PROGRESS),
        "face-center": ("face-center", BLUE, white_light, no_sound, 0, PROGRESS),
        "face-lighter": ("face-lighter", BLUE, white_light, no_sound, 0, PROGRESS),
        "face-glare": ("face-glare", BLUE, white_light, no_sound, 0, PROGRESS),
        "face-neutral": ("face-neutral", BLUE, white_light, no_sound, 0, PROGRESS),
        "challenge-mouth": ("face-mouth", BLUE, white_light, no_sound, 0, PROGRESS),
        "challenge-left": ("face-left", BLUE, white_light, no_sound, 0, PROGRESS),
        "challenge-right": ("face-right", BLUE, white_light, no_sound, 0, PROGRESS),
        "challenge-stay": ("face-stay", BLUE, white_light, no_sound, 0, PROGRESS),
        "challenge-back": ("face-back", BLUE, white_light, no_sound, 0, PROGRESS),
        "hold": ("face", BLUE, white_light, no_sound, 0, PROGRESS),
        "face-again": ("face-again", AMBER, amber_light, two_short, result_ms, RESULT),
        "passed": ("check", GREEN, green_2s, two_rising, result_ms, RESULT),
        "not-passed": ("face-cross", AMBER, amber_light, one_long, result_ms, RESULT),
        "queued": ("sealed", BLUE, blue_light, no_sound, result_ms, RESULT),
        "queued-offline": ("sealed", AMBER, amber_dot, one_short, result_ms, RESULT),
        "delivered": ("delivered", GREEN, green_dot, one_short, result_ms, RESULT),
        "refused-by-agent": refused,
        "cancelling": cancelling,
        "suspended": blocked,
        "locked": blocked,
    }
    return scenes, retry, refused, cancelled, fault, blocked


SCENES, _RETRY, _REFUSED, _CANCELLED, _FAULT, _BLOCKED = _scenes()


def scene_of(state: str, code: "str | None" = None) -> "Scene | None":
    """None for a state that is not for the screen, or that a newer application made up."""
    if state == "refused":
        row = _CANCELLED if code == "cancelled" else _RETRY if code in RETRY_CODES else _REFUSED
    elif state == "fault":
        row = _FAULT
    else:
        row = SCENES.get(state)
    if row and code in BLOCKED_CODES:
        row = _BLOCKED
    return Scene(*row) if row else None
