"""A face for the tests of terminal.liveness, without points: the numbers made of them, and somebody who obeys."""

from array import array
from math import cos, sin

from terminal.liveness.check import COMPARE, PASSIVE, Check, Frame
from terminal.liveness.observation import SHAPE, Observation

FRAME_MS = 80
LAG_MS = 90  # of capture and engine
REACTION_MS = 400  # from the instruction to the first picture of the move
EYES = 16 * 46
NONCE, SALT = b"n" * 16, b"s" * 16


def face(yaw=0, mouth=40, eyes=EYES, x=0, is_flat=False, pitch=40):
    """`yaw` in thousandths; `x` in pixels from the middle of a picture of 320 by 240."""
    angle = yaw / 1000
    shape = array("h")
    for place in range(len(SHAPE)):
        across, down = (place % 10 - 4.5) * 150, (place // 10 - 2) * 200
        depth = 0 if is_flat else 1400 / (1 + (across / 300) ** 2)
        shape.append(int(across * cos(angle) + depth * sin(angle)))
        shape.append(int(down))
    middle = 16 * (160 + x)
    return Observation(yaw, pitch, mouth, eyes, (middle - 900, 16 * 120 - 1100, middle + 900, 16 * 120 + 1100), shape)


class Puppet:
    """Feeds a check and does what it says. `answer(state)` gives (yaw, mouth); tests change the rest."""

    def __init__(self, limits=None, has_light=False, nonce=NONCE):
        self.check = Check(nonce, SALT, 320, 240, limits, has_light)
        self.ms = 1_000
        self.counter = 0
        self.reaction_ms = REACTION_MS
        self.similarity = 900
        self.compares = True
        self.passive = None
        self.is_flat = False
        self.said = []  # states, each once
        self.state = self.pose = None
        self._next_pose = (0, (0, 40))
        self.shone = [None, None]
        self.tint = None

    def answer(self, state):
        if state == "challenge-left":
            return 300, 40
        if state == "challenge-right":
            return -300, 40
        if state == "challenge-mouth":
            return 0, 260
        if state == "challenge-stay":
            return self.pose
        return 0, 40

    def frame(self, **changes):
        """One more picture, with these fields changed."""
        self.ms += FRAME_MS
        self.counter += 1
        if self.ms >= self._next_pose[0]:
            self.pose = self._next_pose[1]
        fields = {
            "counter": self.counter,
            "taken_ms": self.ms,
            "now_ms": self.ms + LAG_MS,
            "fingerprint": self.counter * 7919,
            "faces": 1,
            "seen": face(self.pose[0], self.pose[1], is_flat=self.is_flat),
            "luma": 120,
            "sharpness": 200,
            "tint": self.tint(self.shone[0]) if self.tint else None,
        }
        fields.update(changes)
        return Frame(**fields)

    def feed(self, **changes):
        say = self.check.feed(self.frame(**changes))
        if say.wants & PASSIVE and self.passive is not None:
            self.check.add_passive(self.passive)
        if say.wants & COMPARE and self.compares:
            say = self.check.compare(self.similarity)
        if say.state != self.state:
            self.state = say.state
            self.said.append(say.state)
            self._next_pose = (self.ms + LAG_MS + self.reaction_ms, self.answer(say.state))
        self.shone = [self.shone[1], say.light]
        return say

    def run_until(self, condition, frames_max=4_000, **changes):
        for _ in range(frames_max):
            if condition() or self.check.result:
                return self.check.result
            self.feed(**changes)
        raise AssertionError("it never came to that; last state " + str(self.state))

    def run(self, **changes):
        """To the end"""
        return self.run_until(lambda: False, **changes)

    def run_to(self, state, **changes):
        self.run_until(lambda: self.state == state, **changes)
        assert self.state == state, self.state

    def failures(self):
        return [event for _, event, _ in self.check.result.timeline if event.startswith("face-")]
