"""The face results of evidence: what is taken, what contradicts itself, and what policy makes of it."""

from dataclasses import replace
from typing import Any

import pytest

from host_agent import attestation, envelope, face
from host_agent.attestation import Evidence
from host_agent.errors import TokenRefused
from host_agent.face import FaceResults, Liveness, Match, Method, NotPerformed, Score
from host_agent.policy import FacePolicy, face_code
from tests.host_agent.terminal_double import MODELS, TerminalDouble, liveness, match

NO_CAMERA = [None, "no-camera"]
FAILED = liveness(e2=False, e4=[20, 75], e8=[640])


def parse(three: Any, four: Any, models: Any = MODELS, *, is_refusal: bool = False) -> FaceResults:
    results = {3: three, 4: four} | ({} if models is None else {13: models})
    return face.parse(results, is_refusal=is_refusal)


def code_of(three: Any, four: Any, models: Any = MODELS, *, is_refusal: bool = False) -> str:
    with pytest.raises(TokenRefused) as caught:
        parse(three, four, models, is_refusal=is_refusal)
    return caught.value.code


def test_results_of_a_terminal_without_a_camera_are_read() -> None:
    assert parse(NO_CAMERA, NO_CAMERA, None) == FaceResults(NotPerformed("no-camera"), NotPerformed("no-camera"), {})


def test_every_number_is_read() -> None:
    found = parse(liveness(e7=[930, 500]), match())
    assert found.liveness == Liveness(
        Method.DRAWN_MOVES, True, 1, Score(152, 75), Score(820, 500), Score(700, 350), Score(930, 500),
        (640, 610, 700, 590, 655, 702), 27_400,
    )  # fmt: skip
    assert found.match == Match(800, 485, True, "mobilefacenet-test")
    assert found.models == MODELS


def test_a_light_that_showed_nothing_is_not_measured() -> None:
    assert parse(liveness(e6=[None, 350]), match()).liveness == replace(
        parse(liveness(), match()).liveness, light=Score(None, 350)
    )


@pytest.mark.parametrize(
    ("key", "value"),
    [
        (3, None), (3, 1), (3, [None]), (3, [None, "No Camera"]), (3, [None, None]), (3, ["no-camera"]), (3, {}),
        (4, None), (4, [800, 485]), (4, {}), (4, [None, "x" * 65]),
        (13, {}), (13, {"m": bytes(31)}), (13, {1: bytes(32)}), (13, []), (13, {str(n): bytes(32) for n in range(9)}),
    ],
    ids=str,
)  # fmt: skip
def test_results_of_another_shape_are_malformed(key: int, value: Any) -> None:
    results = {3: liveness(), 4: match(), 13: MODELS} | {key: value}
    with pytest.raises(TokenRefused) as caught:
        face.parse(results, is_refusal=False)
    assert caught.value.code == "claims-malformed"


@pytest.mark.parametrize(
    "changes",
    [
        {"e1": 2}, {"e1": True}, {"e2": 1}, {"e3": 0}, {"e3": 4}, {"e4": None}, {"e4": [10_001, 75]}, {"e4": [75]},
        {"e5": [820, None]}, {"e5": [1001, 500]}, {"e6": [700]}, {"e7": 930}, {"e8": [640] * 7}, {"e8": ["640"]},
        {"e8": None}, {"e9": -1},
    ],
    ids=str,
)  # fmt: skip
def test_liveness_of_another_shape_is_malformed(changes: dict[str, Any]) -> None:
    assert code_of(liveness(**changes), match()) == "claims-malformed"


@pytest.mark.parametrize("key", range(1, 10))
def test_liveness_is_whole(key: int) -> None:
    three = liveness()
    del three[key]
    assert code_of(three, match()) == "claims-malformed"


@pytest.mark.parametrize("changes", [{"e1": 1001}, {"e2": None}, {"e3": 1}, {"e4": ""}], ids=str)
def test_a_match_of_another_shape_is_malformed(changes: dict[str, Any]) -> None:
    assert code_of(liveness(), match(**changes)) == "claims-malformed"


@pytest.mark.parametrize(
    ("three", "four", "models"),
    [
        (liveness(), match(), None),  # judged, by no model
        (NO_CAMERA, NO_CAMERA, MODELS),  # models, and nothing judged
        (liveness(e4=[74, 75]), match(), MODELS),
        (liveness(e4=[None, 75]), match(), MODELS),
        (liveness(e5=[499, 500]), match(), MODELS),
        (liveness(e6=[349, 350]), match(), MODELS),
        (liveness(e7=[499, 500]), match(), MODELS),
        (liveness(e8=[640] * 5), match(), MODELS),
        (liveness(), match(e1=484), MODELS),
        (liveness(), match(e4="another"), MODELS),
        (NO_CAMERA, match(), MODELS),
    ],
    ids=str,
)
def test_results_that_contradict_themselves_are_refused(three: Any, four: Any, models: Any) -> None:
    assert code_of(three, four, models) == "face-inconsistent"
    assert code_of(three, four, models, is_refusal=True) == "face-inconsistent"


@pytest.mark.parametrize(
    ("three", "four"), [(FAILED, [None, "not-live"]), (liveness(), match(e1=484, e3=False))], ids=["not live", "other"]
)
def test_nobody_is_registered_in_spite_of_a_failed_check(three: Any, four: Any) -> None:
    assert code_of(three, four) == "face-inconsistent"
    assert parse(three, four, is_refusal=True)


def test_a_match_needs_liveness_also_in_a_refusal() -> None:
    assert code_of(FAILED, match(), is_refusal=True) == "face-inconsistent"


# --- policy


@pytest.fixture(scope="module")
def evidence(pki: Any) -> Evidence:
    return attestation.parse_evidence(envelope.parse(TerminalDouble(pki, "t-0001").next_token()).payload)


def decided(evidence: Evidence, results: FaceResults, policy: FacePolicy, reason: str | None = None) -> str | None:
    return face_code(replace(evidence.results, face=results, reason=reason), policy)


BOTH = parse(liveness(), match())
ALIVE_ONLY = parse(liveness(), [None, "no-picture"])
NEITHER = parse(NO_CAMERA, NO_CAMERA, None)
MODEL = "mobilefacenet-test"


@pytest.mark.parametrize(
    ("results", "policy", "code"),
    [
        (BOTH, FacePolicy(), None),
        (ALIVE_ONLY, FacePolicy(), "match-required"),
        (NEITHER, FacePolicy(), "liveness-required"),
        (ALIVE_ONLY, FacePolicy("live"), None),
        (NEITHER, FacePolicy("live"), "liveness-required"),
        (NEITHER, FacePolicy("none"), None),
        (BOTH, FacePolicy(match_min_permille={MODEL: 485}), None),
        (BOTH, FacePolicy(match_min_permille={MODEL: 486}), "match-threshold-low"),
        (BOTH, FacePolicy(match_min_permille={"another": 100}), "model-not-allowed"),
        (BOTH, FacePolicy(models=frozenset(MODELS.values())), None),
        (BOTH, FacePolicy(models=frozenset([bytes(32)])), "model-not-allowed"),
    ],
)
def test_policy(evidence: Evidence, results: FaceResults, policy: FacePolicy, code: str | None) -> None:
    assert decided(evidence, results, policy) == code


def test_a_refusal_is_taken_whatever_it_shows_of_the_face(evidence: Evidence) -> None:
    assert decided(evidence, NEITHER, FacePolicy(), reason="face-not-live") is None
