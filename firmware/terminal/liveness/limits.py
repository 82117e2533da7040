"""Thresholds of the check, all whole numbers. The operator's signed configuration may change them.

Those of yaw and mouth are in thousandths of the face's width and of the mouth's, as differences from the person's own
neutral face; measured values in `tools/face/README.md`.
"""


class Limits:
    # --- quality, before anything is asked
    eyes_min_px = 40  # smaller faces cost accuracy of the comparison
    eyes_max_permille = 195  # of the picture's width: nearer, an open mouth leaves the picture
    off_centre_permille = 180  # of the picture's width and height
    luma_min = 60
    luma_max = 205
    sharpness_min = 60  # variance of the Laplacian over the face
    frontal_yaw = 120
    frontal_pitch = 150  # nose against the middle of brow and chin, from the usual place
    neutral_mouth = 300
    # --- patience
    settle_ms = 400  # an instruction, and "ready", must have held for so long
    instruct_ms = 900  # and an instruction stays so long
    absent_ms = 20_000  # nobody comes
    unclear_ms = 60_000  # somebody is there, but the picture never is good
    neutral_frames = 5
    neutral_ms = 500
    neutral_spread = 60  # of yaw and mouth
    again_ms = 2_500  # to read why an attempt failed
    lost_ms = 700  # the face may be lost for so long while it moves
    portrait_ms = 5_000  # beyond the pause, for a sharp straight picture
    # --- moves
    # From the decision to show an instruction to the first picture in which the move is seen: 50 ms for the screen,
    # 150 ms for the fastest person, 100 ms until it is seen. Faster is recorded.
    reaction_min_ms = 300
    reaction_spread_ms = 1_000  # between the slowest and the fastest of an attempt
    move_max_ms = 3_000  # from the instruction to the move's end
    return_max_ms = 3_000
    yaw_onset = 80  # from where the head was when the instruction came
    yaw_moved = 110  # it has begun to turn
    yaw_target = 180  # it has turned by some 14 degrees; of flat pictures tilted by 50, 3 % get there
    yaw_kept = 130
    yaw_centre = 80
    mouth_onset = 65
    mouth_moved = 80
    mouth_target = 110
    mouth_kept = 80
    mouth_turned = 220  # what a turn may seem to open it: it looks narrower from the side
    mouth_centre = 70
    distance_change_permille = 350  # of the distance between the eyes, while the face is straight
    # What an affine map cannot explain, in thousandths of the eye distance; a flat picture, 35 degrees: at most 74.
    relief_min = 75
    # --- the stream of pictures
    frame_gap_max_ms = 1_500  # no picture for longer: cannot verify
    frame_age_max_ms = 1_500
    overlap_min_permille = 350  # of the face's box with the one before
    several_frames = 3  # someone passing by is not a second customer
    # --- who it is
    similarity_min = 500  # of the portraits with one another; bound to the model
    passive_min = 500  # median of the passive test, where there is one
    # --- light
    light_follow_min = 400  # correlation; the light of another session gives about 0 +- 150
    light_swing_min = 3  # of the tint, in thousandths: below, nothing can be said
    light_required = 1  # where the board has a light; 0: in a room so bright that nothing can be said, go on without
    attempts_max = 3

    def __init__(self, changes: "dict[str, int] | None" = None) -> None:
        for name, value in (changes or {}).items():
            is_whole = isinstance(value, int) and not isinstance(value, bool) and value >= 0
            if not is_whole or not isinstance(getattr(Limits, name, None), int):
                raise ValueError("no such limit of liveness, or not a whole number: " + name)
            setattr(self, name, value)
