"""The face results of evidence (PROTOCOL.md section 3, results 3, 4 and 13): read strictly, and refused where they
contradict themselves. Whether they are enough for a registration is policy."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from host_agent import typed
from host_agent.errors import TokenRefused

PERMILLE = (-1000, 1000)
RELIEF_PERMILLE = (0, 10_000)  # of the distance between the eyes
MAX_ATTEMPTS = 3
REACTIONS = 6  # three moves and three returns
DIGEST_BYTES = 32
MAX_MODELS = 8


class Method(IntEnum):
    """Of showing that a person is alive."""

    DRAWN_MOVES = 1


@dataclass(frozen=True, slots=True)
class NotPerformed:
    reason: str


@dataclass(frozen=True, slots=True)
class Score:
    score_permille: int | None  # None: not measured
    threshold_permille: int

    def is_met(self) -> bool:
        return self.score_permille is not None and self.score_permille >= self.threshold_permille


@dataclass(frozen=True, slots=True)
class Liveness:
    method: Method
    has_passed: bool
    attempts: int
    relief: Score
    likeness: Score  # of the portraits with one another
    light: Score | None  # None: the terminal shines none
    passive: Score | None  # None: it has no model for it
    reactions_ms: tuple[int, ...]
    duration_ms: int


@dataclass(frozen=True, slots=True)
class Match:
    """Of the live face with the card's picture."""

    score_permille: int
    threshold_permille: int
    has_passed: bool
    model: str


@dataclass(frozen=True, slots=True)
class FaceResults:
    liveness: Liveness | NotPerformed
    match: Match | NotPerformed
    models: Mapping[str, bytes]  # digests by name


def parse(results: dict[Any, Any], *, is_refusal: bool) -> FaceResults:
    """Of the whole results map. A refusal may have failed in them, a registration not."""
    liveness, match = results.get(3), results.get(4)
    face = FaceResults(
        _not_performed(liveness, 3) if isinstance(liveness, list) else _liveness(typed.submap(results, 3)),
        _not_performed(match, 4) if isinstance(match, list) else _match(typed.submap(results, 4)),
        _models(typed.submap(results, 13)) if 13 in results else {},
    )
    _require_consistency(face, is_refusal)
    return face


def _require_consistency(face: FaceResults, is_refusal: bool) -> None:
    liveness = face.liveness if isinstance(face.liveness, Liveness) else None
    match = face.match if isinstance(face.match, Match) else None
    if bool(face.models) != bool(liveness or match):
        raise _inconsistent("models are named exactly when something was performed")
    if liveness and liveness.has_passed:
        _require_passing(liveness)
    if match:
        if not (liveness and liveness.has_passed):
            raise _inconsistent("a comparison follows a liveness check that has passed")
        if match.has_passed != (match.score_permille >= match.threshold_permille):
            raise _inconsistent("the comparison's score and its outcome differ")
        if match.model not in face.models:
            raise _inconsistent("the comparison's model has no digest")
    has_failed = (liveness and not liveness.has_passed) or (match and not match.has_passed)
    if has_failed and not is_refusal:
        raise _inconsistent("a registration in spite of a check that has failed")


def _require_passing(liveness: Liveness) -> None:
    """Light may show nothing in a bright room: whether to go on without is the terminal's setting."""
    if not (liveness.relief.is_met() and liveness.likeness.is_met()):
        raise _inconsistent("liveness has passed without relief or likeness")
    for score in (liveness.light, liveness.passive):
        if score and score.score_permille is not None and not score.is_met():
            raise _inconsistent("liveness has passed with a score below its threshold")
    if len(liveness.reactions_ms) != REACTIONS:
        raise _inconsistent("liveness has passed without a reaction to every move")


def _not_performed(value: list[Any], key: int) -> NotPerformed:
    match value:
        case [None, str() as reason] if len(reason) <= typed.MAX_TEXT and typed.CODE.fullmatch(reason):
            return NotPerformed(reason)
    raise typed.malformed(f"claim {key} of the results has a wrong shape")


def _liveness(values: dict[Any, Any]) -> Liveness:
    method = typed.uint(values, 1)
    if method not in list(Method):
        raise typed.malformed("a method of liveness that we do not know")
    return Liveness(
        method=Method(method),
        has_passed=typed.boolean(values, 2),
        attempts=typed.integer(values, 3, 1, MAX_ATTEMPTS),
        relief=_score(values, 4, RELIEF_PERMILLE),
        likeness=_score(values, 5, PERMILLE),
        light=_optional_score(values, 6),
        passive=_optional_score(values, 7),
        reactions_ms=_reactions(values.get(8)),
        duration_ms=typed.uint(values, 9),
    )


def _match(values: dict[Any, Any]) -> Match:
    return Match(
        score_permille=typed.integer(values, 1, *PERMILLE),
        threshold_permille=typed.integer(values, 2, *PERMILLE),
        has_passed=typed.boolean(values, 3),
        model=typed.text(values, 4),
    )


def _models(values: dict[Any, Any]) -> dict[str, bytes]:
    if not 1 <= len(values) <= MAX_MODELS:
        raise typed.malformed("no models, or too many")
    for name, digest in values.items():
        if not (typed.is_text(name) and isinstance(digest, bytes) and len(digest) == DIGEST_BYTES):
            raise typed.malformed("a model is not a name with a digest")
    return values


def _score(values: dict[Any, Any], key: int, limits: tuple[int, int]) -> Score:
    match values.get(key):
        case [score, threshold] if score is None or typed.is_integer(score, *limits):
            if typed.is_integer(threshold, *limits):
                return Score(score, threshold)
    raise typed.malformed(f"claim {key} of liveness has a wrong shape or is out of range")


def _optional_score(values: dict[Any, Any], key: int) -> Score | None:
    return None if key in values and values[key] is None else _score(values, key, PERMILLE)


def _reactions(value: Any) -> tuple[int, ...]:
    if not isinstance(value, list) or len(value) > REACTIONS or not all(map(typed.is_uint, value)):
        raise typed.malformed("the reactions have a wrong shape")
    return tuple(value)


def _inconsistent(message: str) -> TokenRefused:
    return TokenRefused("face-inconsistent", message)
