"""The whole way, with pictures: painted head, camera, the networks under MicroPython, the check, the card."""

import random

import pytest

from tools.face.networks import NETS, Networks
from tools.face.pictures import one
from tools.face.sessions import GENUINE

MODELS = [NETS / f"{name}.net" for name in ("blazeface", "facemesh", "mobilefacenet")]

pytestmark = [
    pytest.mark.face_proof,  # a minute each
    pytest.mark.skipif(not all(path.exists() for path in MODELS), reason="no converted models in firmware/models"),
]


@pytest.fixture(scope="module")
def networks():
    with Networks() as running:
        yield running


def test_honest_people_pass(networks: Networks) -> None:
    outcomes = [one(GENUINE, random.Random(seed), networks, has_light=True) for seed in (1, 2)]
    assert all(outcome.is_accepted for outcome in outcomes), [outcome.result for outcome in outcomes]


@pytest.mark.parametrize(
    ("species", "codes"),
    [
        ("print, flat", {"face-timeout", "face-moved-unasked", "face-flat"}),
        ("print, bent", {"face-timeout", "face-moved-unasked"}),
        ("frozen stream", {"face-frozen"}),
        ("clips started by hand", {"face-light-weak", "face-light-mismatch", "face-moved-unasked", "face-timeout"}),
    ],
)
def test_attacks_are_refused(networks: Networks, species: str, codes: set[str]) -> None:
    outcome = one(species, random.Random(3), networks, has_light=True)
    assert not outcome.is_accepted
    assert {event for _, event, _ in outcome.result.timeline if event.startswith("face-")} <= codes


def test_a_living_person_with_another_card_is_alive_but_does_not_match(networks: Networks) -> None:
    outcome = one("another's card", random.Random(4), networks, has_light=True)
    assert outcome.result.is_live and not outcome.is_match
