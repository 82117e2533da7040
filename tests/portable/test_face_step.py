"""The face step with nets made of numbers: what it decides, what it signs, and that nothing of a face is left."""

import asyncio
from array import array
from collections import namedtuple

from liveness_puppet import face
from terminal import face_step
from terminal.face.frame import RGB565, RGB888, Frame
from terminal.face_step import FaceStep
from terminal.liveness import codes

# As terminal.face.engine.Engine, which CPython cannot import
Engine = namedtuple("Engine", ("detector", "landmarks", "embedder", "pad", "thresholds", "digests", "arena"))

NONCE, CTI = b"n" * 16, b"c" * 16
FRAME_MS, REACTION_MS = 80, 450
SAME, OTHER = (1.0, 0.0), (0.1, 0.995)
THRESHOLDS = {
    "mesh": {"presence": 0.5},
    "embed": {"fmr-1e-3": 0.485, "fmr-1e-4": 0.551},
}
DIGESTS = {"find": b"f" * 32, "mesh": b"m" * 32, "embed": b"e" * 32}


class Net:
    """Detector, landmarks and embedder of a face that is a pose: (yaw, mouth)."""

    def __init__(self, model_id, counter):
        self.model_id = model_id
        self._counter = counter

    def detect(self, frame):
        yield
        return self._counter.faces

    def mesh(self, frame, face):
        yield
        return Mesh(self._counter)

    def again(self, frame, mesh):
        yield
        return Mesh(self._counter)

    def embed(self, frame, points):
        yield
        if self._counter.fault:
            raise self._counter.fault
        embedding = array("f", self._counter.card if frame.kind == RGB888 else self._counter.live)
        self._counter.embeddings.append(embedding)
        return embedding


class Mesh:
    presence = 0.9

    def __init__(self, counter):
        self.point = face(*counter.pose)

    def box(self):
        return 100.0, 60.0, 220.0, 180.0

    def five(self):
        return ()


class Found:
    box = 100.0, 60.0, 220.0, 180.0


class Counter:
    """Camera, panel and clock of a person who does what the screen says, in no time at all."""

    width, height, kind = 320, 240, RGB565

    def __init__(self, live=SAME, card=SAME, require="match"):
        self.live, self.card = live, card
        self.faces = [Found()]
        self.fault = None
        self.embeddings = []
        self.shown = []
        self.light = None
        self.is_on = False
        self.is_dead = False
        self.pose = 0, 40
        self.ms = 1_000
        self._number = 0
        self._lights = [None, None]
        self._next_pose = (0, (0, 40))
        self.arena = bytearray(b"face" * 2000)
        nets = [Net(name, self) for name in ("find", "mesh", "embed")]
        engine = Engine(*nets, None, THRESHOLDS, DIGESTS, self.arena)
        self.step = FaceStep(self, self, lambda within_ms=0: None, engine, require)

    # --- camera

    async def start(self):
        self.is_on, self._number = True, 0

    async def take(self):
        if self.is_dead:
            raise OSError(5)
        self.ms += FRAME_MS
        self._number += 1
        if self.ms >= self._next_pose[0]:
            self.pose = self._next_pose[1]
        self._lights = [self._lights[1], self.light]
        await asyncio.sleep(0)
        return self._number, self.ms - 60, bytes(320 * 240 * 2)

    def stop(self):
        self.is_on = False

    # --- panel

    def show(self, state, code=None, value=None):
        self.shown.append(state if code is None else state + " " + code)
        poses = {"challenge-left": (300, 40), "challenge-right": (-300, 40), "challenge-mouth": (0, 260)}
        if state != "challenge-stay":
            self._next_pose = self.ms + REACTION_MS, poses.get(state, (0, 40))

    def shine(self, rgb):
        self.light = rgb

    # --- in place of what looks at real pictures

    def measure(self, frame, box):
        rgb = self._lights[0] or 0
        tint = tuple([300 + (rgb >> shift & 255) // 4 for shift in (16, 8, 0)])
        return self._number * 7919, 120, 200, tint

    def ticks_ms(self):
        return self.ms


def card_picture():
    return Frame(bytearray(b"\x77" * (102 * 126 * 3)), 102, 126, RGB888)


def run(counter, card, story=None):
    before = face_step.measure, face_step.observe, face_step.ticks_ms
    face_step.measure, face_step.observe, face_step.ticks_ms = counter.measure, lambda point: point, counter.ticks_ms
    try:
        return asyncio.run(story or counter.step.run(NONCE, CTI, card))
    finally:
        face_step.measure, face_step.observe, face_step.ticks_ms = before


def assert_nothing_is_left(counter, card):
    assert not counter.is_on and counter.light is None
    assert not any(counter.arena), "the arena"
    assert not card or not any(card.pixels), "the card's picture"
    assert all(list(embedding) == [0.0, 0.0] for embedding in counter.embeddings), "an embedding"


def test_the_person_on_the_card_passes() -> None:
    counter, card = Counter(), card_picture()
    found = run(counter, card)
    assert found.reason is None and found.models == DIGESTS
    assert found.match == {1: 1000, 2: 485, 3: True, 4: "embed"}
    assert found.liveness[1] == 1 and found.liveness[2] and found.liveness[3] == 1
    assert found.liveness[5] == [1000, 500] and found.liveness[6][0] >= 400 and found.liveness[7] is None
    assert len(found.liveness[8]) == 6 and found.liveness[9] == counter.step.duration_ms > 10_000
    assert counter.shown[-1] == "passed"
    assert_nothing_is_left(counter, card)


def test_somebody_else_is_alive_and_does_not_match() -> None:
    counter, card = Counter(live=OTHER), card_picture()
    found = run(counter, card)
    assert found.reason == "face-mismatch" and found.liveness[2]
    assert found.match[1] < found.match[2] and not found.match[3]
    assert counter.shown[-1] == "not-passed face-mismatch" and "passed" not in counter.shown
    assert_nothing_is_left(counter, card)


def test_without_a_picture_nobody_is_kept_waiting_where_a_match_is_required() -> None:
    counter = Counter()
    found = run(counter, None)
    assert found.reason == "face-no-picture"
    assert found.liveness == [None, "not-reached"] and found.match == [None, "no-picture"] and found.models is None
    assert not counter.shown


def test_without_a_picture_liveness_alone_is_no_match() -> None:
    counter = Counter(require="live")
    found = run(counter, None)
    assert found.reason is None and found.liveness[2] and found.match == [None, "no-picture"]
    assert_nothing_is_left(counter, None)


def test_a_card_without_a_face_on_it_is_a_card_without_a_picture() -> None:
    counter, card = Counter(), card_picture()
    counter.step._matcher._engine = blind(counter)
    found = run(counter, card)
    assert found.reason == "face-no-picture" and found.match == [None, "no-picture"]
    assert_nothing_is_left(counter, card)


def blind(counter):
    """The engine, to which the card's picture shows nothing."""
    empty = Counter()
    empty.faces = []
    return Engine(Net("find", empty), *counter.step._engine[1:])


def test_who_does_nothing_is_referred_to_the_staff() -> None:
    counter, card = Counter(), card_picture()
    counter.show = lambda state, code=None, value=None: counter.shown.append(state)
    found = run(counter, card)
    assert found.reason == codes.NOT_LIVE and not found.liveness[2] and found.liveness[3] == 3
    assert found.match == [None, "not-live"] and found.models == DIGESTS
    assert_nothing_is_left(counter, card)


def test_a_camera_that_fails_is_no_pass() -> None:
    counter, card = Counter(), card_picture()
    counter.is_dead = True
    found = run(counter, card)
    assert found.reason == codes.FAULT and found.liveness == [None, "not-reached"] and found.models is None
    assert_nothing_is_left(counter, card)


def test_an_engine_that_fails_is_no_pass() -> None:
    for fault in (ValueError("a frame"), MemoryError(), ZeroDivisionError()):
        counter, card = Counter(), card_picture()
        counter.fault = fault
        found = run(counter, card)
        assert found.reason == codes.FAULT and not isinstance(found.match, dict), fault
        assert_nothing_is_left(counter, card)


def test_cancelled_leaves_nothing_behind() -> None:
    counter, card = Counter(), card_picture()

    async def story():
        task = asyncio.create_task(counter.step.run(NONCE, CTI, card))
        while "challenge-stay" not in counter.shown:
            await asyncio.sleep(0)
        assert counter.is_on and len(counter.embeddings) == 2  # the card's, and the first portrait
        task.cancel()
        try:
            await task
        except asyncio.CancelledError:
            return
        raise AssertionError("went on")

    run(counter, card, story())
    assert_nothing_is_left(counter, card)


def test_the_next_customer_starts_anew() -> None:
    counter = Counter(live=OTHER)
    assert run(counter, card_picture()).reason == "face-mismatch"
    counter.live = SAME
    assert run(counter, card_picture()).reason is None
