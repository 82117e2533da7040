"""terminal.liveness.gate: one instruction at a time, the most important first, and none that flickers."""

from liveness_puppet import EYES, Puppet, face
from terminal.liveness.gate import Gate
from terminal.liveness.limits import Limits


def shown_for(**fields):
    """What the gate shows once it has made up its mind."""
    puppet, gate = Puppet(), Gate(320, 240, Limits())
    for _ in range(40):
        state = gate.judge(puppet.frame(**fields))
    return state, gate.is_ready


def test_a_good_picture_is_ready():
    assert shown_for() == ("hold", True)


def test_each_fault_has_its_instruction():
    for fields, state in (
        ({"faces": 0, "seen": None}, "face-look"),
        ({"faces": 0, "seen": None, "luma": 3}, "face-look"),
        ({"faces": 0, "seen": None, "luma": 40}, "face-lighter"),
        ({"faces": 2}, "face-alone"),
        ({"seen": face(eyes=16 * 30)}, "face-closer"),
        ({"seen": face(eyes=16 * 80)}, "face-farther"),
        ({"seen": face(x=60)}, "face-center"),
        ({"seen": face(x=120)}, "face-center"),
        ({"luma": 40}, "face-lighter"),
        ({"luma": 230}, "face-glare"),
        ({"seen": face(yaw=200)}, "face-look"),
        ({"seen": face(pitch=300)}, "face-look"),
        ({"seen": face(mouth=400)}, "face-neutral"),
    ):
        assert shown_for(**fields) == (state, False), (fields, shown_for(**fields))
    assert shown_for(sharpness=5) == ("hold", False)


def test_the_most_important_first():
    assert shown_for(faces=2, seen=face(eyes=16 * 30), luma=40)[0] == "face-alone"
    assert shown_for(seen=face(eyes=16 * 30, x=60), luma=40)[0] == "face-closer"
    assert shown_for(seen=face(x=60, yaw=200), luma=40)[0] == "face-center"


def test_one_odd_picture_changes_nothing():
    puppet, gate = Puppet(), Gate(320, 240, Limits())
    for number in range(60):
        odd = {"faces": 0, "seen": None} if number % 9 == 8 else {}
        state = gate.judge(puppet.frame(**odd))
        assert number < 6 or state == "hold", number


def test_an_instruction_at_its_bound_does_not_flicker():
    puppet, gate = Puppet(), Gate(320, 240, Limits())
    states = []
    for number in range(200):
        eyes = 16 * Limits().eyes_min_px + (8 if number % 2 else -8)
        state = gate.judge(puppet.frame(seen=face(eyes=eyes)))
        if not states or states[-1] != state:
            states.append(state)
    assert len(states) <= 2, states


def test_what_was_asked_for_must_be_reached_clearly():
    puppet, gate = Puppet(), Gate(320, 240, Limits())
    bound = 16 * Limits().eyes_min_px
    for eyes, is_ready in ((bound - 64, False), (bound + 8, False), (bound + 80, True)):
        for _ in range(30):
            gate.judge(puppet.frame(seen=face(eyes=eyes)))
        assert gate.is_ready == is_ready, eyes
    assert bound < EYES
