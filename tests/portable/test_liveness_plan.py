"""terminal.liveness.plan: the sequence that a verifier must be able to draw again."""

from terminal.liveness import plan

NONCE = bytes(range(16))
SALT = bytes(range(16, 32))
KNOWN_STEPS = (("mouth", 1568, 3016), ("right", 3715, 3007), ("mouth", 3295, 1397))
KNOWN_LAST_PAUSE_MS = 1213
KNOWN_COLOURS = b"\x01\x00\x01\x03\x02\x01\x03\x00"


def test_a_known_plan():
    """Calculated by other code: tests/liveness/test_plan.py draws it with the host's HKDF."""
    drawn = plan.draw(NONCE, SALT, 1)
    assert drawn.steps == KNOWN_STEPS, drawn.steps
    assert drawn.last_pause_ms == KNOWN_LAST_PAUSE_MS
    assert drawn.colours[:8] == KNOWN_COLOURS


def test_nonce_salt_and_attempt_each_change_it():
    drawn = plan.draw(NONCE, SALT, 1)
    for other in (plan.draw(SALT, SALT, 1), plan.draw(NONCE, NONCE, 1), plan.draw(NONCE, SALT, 2)):
        assert other.steps != drawn.steps
        assert other.colours != drawn.colours


def test_every_sequence_has_a_turn_and_the_mouth():
    assert len(set(plan.SEQUENCES)) == 18
    for moves in plan.SEQUENCES:
        assert plan.MOUTH in moves and (plan.LEFT in moves or plan.RIGHT in moves)


def test_times_are_within_their_ranges_and_neighbouring_colours_differ():
    for number in range(40):
        drawn = plan.draw(bytes((number,)) * 16, SALT, 1)
        assert 500 <= drawn.last_pause_ms <= 1_500
        for step in drawn.steps:
            assert 500 <= step.pause_ms <= 4_000 and 500 <= step.hold_ms <= 3_500
        assert len(drawn.colours) == plan.COLOUR_COUNT and max(drawn.colours) < len(plan.COLOURS)
        for one, next_one in zip(drawn.colours, drawn.colours[1:]):  # noqa: B905 - no `strict` on MicroPython
            assert one != next_one


def test_draws_have_no_bias():
    """Words at the upper end are passed over: 65536 is no multiple of 18."""
    words = iter((65_535, 65_520, 65_519))
    assert plan._below(words, 18) == 65_519 % 18
