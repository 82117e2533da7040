"""Why a check of liveness did not pass. Stable: they stand in signed claims; words in `host_agent/catalogue.toml`."""

ABSENT = "face-absent"  # nobody there, or gone
SEVERAL = "face-several"  # more than one person
UNCLEAR = "face-unclear"  # never a picture good enough: light, distance, focus
TIMEOUT = "face-timeout"  # the move did not come in time
TOO_EARLY = "face-too-early"  # the move came before a person could react
MOVED = "face-moved-unasked"
OUT_OF_STEP = "face-out-of-step"  # now fast, now slow: as a film answers that was made for other pauses
FLAT = "face-flat"  # it turned as a picture turns
FROZEN = "face-frozen"  # the pictures stand still, repeat or falter
SWAPPED = "face-swapped"  # the face jumped, or is not the same at the end as at the beginning
LIGHT = "face-light-mismatch"  # its colour follows another light than ours
LIGHT_WEAK = "face-light-weak"  # our light does not show on it: a room too bright, or a screen
ARTIFICIAL = "face-artificial"  # the passive test takes it for a print or a screen
FAULT = "face-engine-fault"  # camera or engine failed: nothing was decided
NOT_LIVE = "face-not-live"  # every attempt failed: a member of staff decides


class Failed(Exception):
    """An attempt is over; if `is_final`, the whole check. Never leaves terminal.liveness."""

    def __init__(self, code: str, is_final: bool = False) -> None:
        super().__init__(code)
        self.code = code
        self.is_final = is_final or code == FAULT
