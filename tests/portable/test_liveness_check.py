"""terminal.liveness.check: somebody who does what is asked passes; everything else does not, with its code."""

from liveness_puppet import NONCE, SALT, Puppet, face
from terminal.liveness import codes, plan
from terminal.liveness.check import COMPARE
from terminal.liveness.limits import Limits

ONE_ATTEMPT = {"attempts_max": 1}


def one_attempt(**changes):
    return Limits(dict(ONE_ATTEMPT, **changes))


def nonce_that_begins_with(move):
    for number in range(256):
        nonce = bytes((number,)) * 16
        if plan.draw(nonce, SALT, 1).steps[0].move == move:
            return nonce
    raise AssertionError("no such nonce among 256")


def assert_refused(puppet, code):
    assert puppet.check.result is not None
    assert not puppet.check.result.is_live
    assert puppet.failures() == [code], puppet.failures()
    assert puppet.check.say.state == "not-passed"


# --- who does what is asked


def test_who_does_what_is_asked_passes():
    puppet = Puppet()
    result = puppet.run()
    assert result.is_live and result.code is None and result.attempts == 1, result
    assert puppet.check.say.state == "passed"
    assert result.scores.similarity == 900 and len(result.scores.reactions_ms) == 6


def test_the_moves_are_those_of_the_plan_in_their_order():
    puppet = Puppet()
    puppet.run()
    asked = [
        state[len("challenge-") :]
        for state in puppet.said
        if state in ("challenge-left", "challenge-right", "challenge-mouth")
    ]
    assert asked == [step.move for step in plan.draw(NONCE, SALT, 1).steps]


def test_pauses_and_holds_are_as_long_as_drawn():
    puppet = Puppet()
    since = {}
    spans = []

    def watch():
        if puppet.state not in since:
            for state, start in since.items():
                spans.append((state, puppet.ms - start))
            since.clear()
            since[puppet.state] = puppet.ms
        return False

    puppet.run_until(watch)
    holds = [span for state, span in spans if state == "challenge-stay"]
    for step, hold_ms in zip(plan.draw(NONCE, SALT, 1).steps, holds):  # noqa: B905 - no `strict` on MicroPython
        assert step.hold_ms <= hold_ms <= step.hold_ms + 200


def test_a_second_attempt_asks_something_new_and_can_pass():
    puppet = Puppet()
    puppet.run_to("challenge-stay")
    puppet.pose = puppet._next_pose[1]
    puppet._next_pose = (0, (0, 40))  # turns back at once
    result = puppet.run()
    assert result.is_live and result.attempts == 2
    assert puppet.failures() == [codes.MOVED]
    assert "face-again" in puppet.said


def test_after_three_attempts_a_member_of_staff_decides():
    puppet = Puppet()
    puppet.answer = lambda state: (0, 40)
    result = puppet.run()
    assert result.code == codes.NOT_LIVE and result.attempts == 3
    assert puppet.failures() == [codes.TIMEOUT] * 3


# --- moves


def test_a_move_that_does_not_come():
    puppet = Puppet(one_attempt())
    puppet.answer = lambda state: (0, 40)
    puppet.run()
    assert_refused(puppet, codes.TIMEOUT)


def test_a_move_that_comes_too_late():
    puppet = Puppet(one_attempt())
    puppet.reaction_ms = 3_200
    puppet.run()
    assert_refused(puppet, codes.TIMEOUT)


def test_a_move_faster_than_a_person():
    puppet = Puppet(one_attempt())
    puppet.reaction_ms = 0
    puppet.run()
    assert_refused(puppet, codes.TOO_EARLY)


def test_the_other_side():
    puppet = Puppet(one_attempt(), nonce=nonce_that_begins_with(plan.LEFT))
    puppet.answer = lambda state: (-300, 40) if state == "challenge-left" else (0, 40)
    puppet.run()
    assert_refused(puppet, codes.MOVED)


def test_a_turn_where_the_mouth_was_asked():
    puppet = Puppet(one_attempt(), nonce=nonce_that_begins_with(plan.MOUTH))
    puppet.answer = lambda state: (200, 260) if state == "challenge-mouth" else (0, 40)
    puppet.run()
    assert_refused(puppet, codes.MOVED)


def test_the_mouth_where_a_turn_was_asked():
    puppet = Puppet(one_attempt(), nonce=nonce_that_begins_with(plan.RIGHT))
    puppet.answer = lambda state: (0, 300) if state == "challenge-right" else (0, 40)
    puppet.run()
    assert_refused(puppet, codes.MOVED)


def test_a_move_while_nothing_is_asked():
    for pose in ((130, 40), (-130, 40), (0, 140)):
        puppet = Puppet(one_attempt())
        puppet.run_to("challenge-back")
        puppet.run_to("hold")
        puppet.feed()
        puppet._next_pose = (0, pose)
        puppet.run()
        assert_refused(puppet, codes.MOVED)


def test_a_move_that_is_not_held():
    puppet = Puppet(one_attempt())
    puppet.run_to("challenge-stay")
    puppet._next_pose = (0, (0, 40))
    puppet.run()
    assert_refused(puppet, codes.MOVED)


def test_reactions_now_fast_now_slow():
    puppet = Puppet(one_attempt())
    puppet.run_to("challenge-stay")
    puppet.reaction_ms = 2_000
    puppet.run()
    assert_refused(puppet, codes.OUT_OF_STEP)


def test_a_turn_without_relief_is_a_picture():
    puppet = Puppet(one_attempt(), nonce=nonce_that_begins_with(plan.LEFT))
    puppet.is_flat = True
    puppet.run()
    assert_refused(puppet, codes.FLAT)


# --- faces


def test_nobody():
    puppet = Puppet()
    puppet.run(seen=None, faces=0)
    assert_refused(puppet, codes.ABSENT)
    assert puppet.check.result.attempts == 1 and puppet.check.result.code == codes.ABSENT


def test_somebody_who_leaves():
    puppet = Puppet(one_attempt())
    puppet.run_to("challenge-stay")
    puppet.run(seen=None, faces=0)
    assert_refused(puppet, codes.ABSENT)


def test_a_face_that_is_lost_for_a_moment_is_forgiven():
    puppet = Puppet()
    puppet.run_to("challenge-stay")
    for _ in range(3):
        puppet.feed(seen=None, faces=0)
    assert puppet.run().is_live


def test_a_second_face_for_longer_than_a_moment():
    puppet = Puppet(one_attempt())
    puppet.run_to("challenge-stay")
    puppet.feed(faces=2)
    puppet.feed(faces=2)
    assert puppet.check.result is None
    puppet.run(faces=2)
    assert_refused(puppet, codes.SEVERAL)


def test_a_face_that_jumps():
    puppet = Puppet(one_attempt())
    puppet.run_to("challenge-stay")
    puppet.feed(seen=face(puppet.pose[0], puppet.pose[1], x=90))
    assert_refused(puppet, codes.SWAPPED)


def test_portraits_of_two_people():
    puppet = Puppet(one_attempt())
    puppet.similarity = 499
    puppet.run()
    assert_refused(puppet, codes.SWAPPED)


def test_what_the_passive_test_takes_for_a_screen():
    for passive, is_live in ((499, False), (500, True)):
        puppet = Puppet(one_attempt())
        puppet.passive = passive
        result = puppet.run()
        assert result.is_live == is_live
        assert result.scores.passive_median == passive
    puppet = Puppet(one_attempt())
    puppet.passive = 10
    puppet.run()
    assert_refused(puppet, codes.ARTIFICIAL)


# --- pictures


def test_the_same_picture_again():
    puppet = Puppet(one_attempt())
    puppet.run_to("hold")
    puppet.feed(fingerprint=5)
    puppet.feed(fingerprint=5)
    assert_refused(puppet, codes.FROZEN)


def test_a_loop_of_pictures():
    puppet = Puppet(one_attempt())
    puppet.run_to("hold")
    for number in range(12):
        puppet.feed(fingerprint=number)
    puppet.run(fingerprint=0)
    assert_refused(puppet, codes.FROZEN)


def test_counters_and_times_only_go_forward():
    for field, change in (("counter", 0), ("counter", -1), ("taken_ms", -200)):
        puppet = Puppet(one_attempt())
        puppet.run_to("hold")
        old = puppet.counter if field == "counter" else puppet.ms
        puppet.feed(**{field: old + change})
        assert_refused(puppet, codes.FROZEN)


def test_a_camera_that_falters_cannot_verify():
    puppet = Puppet()
    puppet.run_to("hold")
    puppet.ms += 1_600
    puppet.feed()
    assert puppet.check.result.code == codes.FAULT


def test_pictures_from_the_past_or_the_future_cannot_verify():
    for shift in (-1_600, 300):
        puppet = Puppet()
        puppet.run_to("hold")
        puppet.feed(taken_ms=puppet.ms + 80 + shift)
        assert puppet.check.result.code == codes.FAULT


# --- fail closed


def test_a_fault_of_the_engine_ends_it():
    puppet = Puppet()
    puppet.run_to("challenge-stay")
    puppet.check.abort()
    assert puppet.check.result.code == codes.FAULT
    assert not puppet.feed().wants and puppet.check.result.code == codes.FAULT


def test_a_picture_in_place_of_the_comparison_ends_it():
    puppet = Puppet()
    while not puppet.check.say.wants & COMPARE:
        puppet.compares = False
        puppet.feed()
    puppet.feed()
    assert puppet.check.result.code == codes.FAULT


def test_a_comparison_that_nobody_asked_for_ends_it():
    for frames in (0, 5):
        puppet = Puppet()
        for _ in range(frames):
            puppet.feed()
        puppet.check.compare(999)
        assert puppet.check.result.code == codes.FAULT


def test_an_unforeseen_error_passes_nobody():
    puppet = Puppet()
    puppet.run_to("challenge-stay")
    try:
        puppet.feed(seen=object())
    except AttributeError:
        pass
    else:
        raise AssertionError("the error is hidden from the log")
    assert puppet.check.result.code == codes.FAULT


def test_a_story_that_broke_off_passes_nobody():
    puppet = Puppet()
    puppet.run_to("challenge-stay")
    puppet.check._steps.close()
    puppet.feed()
    assert puppet.check.result.code == codes.FAULT


def test_nothing_of_a_failed_attempt_counts_in_the_next():
    puppet = Puppet()
    puppet.passive = 10
    puppet.run_to("challenge-stay")
    puppet._next_pose = (0, (0, 40))
    puppet.run_to("face-again")
    puppet.passive = 900
    result = puppet.run()
    assert result.is_live and result.scores.passive_min == 900


def test_the_result_carries_no_picture_and_no_points():
    result = Puppet().run()
    for part in list(result) + list(result.scores) + [value for event in result.timeline for value in event]:
        assert part is None or isinstance(part, (bool, int, str, tuple)), part


# --- light


def lit(rgb):
    """A face in a room with a tenth of its light from the terminal."""
    rgb = rgb or 0
    return 2_000 + 200 * (rgb >> 16) // 255, 1_500 + 150 * (rgb >> 8 & 255) // 255, 1_200 + 120 * (rgb & 255) // 255


def test_a_face_that_follows_the_light_passes():
    puppet = Puppet(has_light=True)
    puppet.tint = lit
    result = puppet.run()
    assert result.is_live and result.scores.light > 900, result.scores


def test_a_face_that_follows_another_light():
    puppet = Puppet(one_attempt(), has_light=True)
    swapped = {0xFF0000: 0x0000FF, 0x00FF00: 0xFF0000, 0x0000FF: 0x00FF00}
    puppet.tint = lambda rgb: lit(swapped.get(rgb, rgb))
    puppet.run()
    assert_refused(puppet, codes.LIGHT)


def test_a_face_on_which_the_light_does_not_show():
    puppet = Puppet(one_attempt(), has_light=True)
    puppet.tint = lambda rgb: lit(None)
    puppet.run()
    assert_refused(puppet, codes.LIGHT_WEAK)
    puppet = Puppet(one_attempt(light_required=0), has_light=True)
    puppet.tint = lambda rgb: lit(None)
    assert puppet.run().is_live and puppet.check.result.scores.light is None


def test_a_board_without_a_light_shines_none_and_scores_none():
    puppet = Puppet()
    result = puppet.run_until(lambda: puppet.check.say.light is not None)
    assert result.is_live and result.scores.light is None


# --- limits


def test_limits_refuse_what_they_do_not_know():
    for name, value in (
        ("yaw_targets", 1),
        ("yaw_target", True),
        ("yaw_target", 1.5),
        ("yaw_target", -1),
        ("__init__", 1),
    ):
        try:
            Limits({name: value})
        except ValueError:
            continue
        raise AssertionError(name)
    assert Limits({"yaw_target": 200}).yaw_target == 200
    assert Limits().yaw_target != 200
