"""The results of the face step as the evidence carries them (firmware/PROTOCOL.md §3, keys 3, 4 and 13). Pure. What a
terminal without a camera says of it is in `claim`, to save it this module's memory."""

from terminal import claim

TYPE_CHECKING = False
if TYPE_CHECKING:
    from terminal.liveness.check import Result
    from terminal.liveness.limits import Limits

MOVES_BY_NONCE = 1  # method

# Why a step was not performed; others in terminal.claim
NO_PICTURE, NOT_LIVE = "no-picture", "not-live"


def not_performed(reason: str) -> list:
    return [None, reason]


def is_performed(liveness_or_match: "dict | list") -> bool:
    return isinstance(liveness_or_match, dict)


def has_passed(match_found: "dict | list") -> bool:
    return isinstance(match_found, dict) and match_found[3]


def liveness(result: "Result | None", limits: "Limits", has_passive: bool, duration_ms: int) -> "dict | list":
    if result is None or result.attempts == 0:
        return not_performed(claim.NOT_REACHED)  # camera or engine failed before there was a picture
    scores = result.scores
    return {
        1: MOVES_BY_NONCE,
        2: result.is_live,
        3: result.attempts,
        4: [scores.relief, limits.relief_min],
        5: [scores.similarity, limits.similarity_min],
        6: [scores.light, limits.light_follow_min],
        7: [scores.passive_median, limits.passive_min] if has_passive else None,
        8: list(scores.reactions_ms),
        9: duration_ms,
    }


def match(score: int, threshold: int, model: str) -> dict:
    return {1: score, 2: threshold, 3: score >= threshold, 4: model}
