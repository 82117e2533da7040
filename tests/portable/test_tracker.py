"""terminal.face.tracker: when it searches, whom it follows, whom it counts."""

from collections import namedtuple

from terminal.face.tracker import SEARCH_EVERY, Tracker

Engine = namedtuple("Engine", ("detector", "landmarks", "thresholds"))
Face = namedtuple("Face", ("box",))


class Mesh:
    def __init__(self, box, presence):
        self._box, self.presence = box, presence

    def box(self):
        return self._box


class Scene:
    """Faces by their boxes; what the nets were asked for, in order."""

    model_id = "mesh"

    def __init__(self, *boxes):
        self.boxes = boxes
        self.presence = 0.9
        self.asked = []
        self.tracker = Tracker(Engine(self, self, {"mesh": {"presence": 0.5}}))

    def detect(self, frame):
        self.asked.append("search")
        yield
        return [Face(box) for box in self.boxes]

    def mesh(self, frame, face):
        self.asked.append("mesh")
        yield
        return Mesh(face.box, self.presence)

    def again(self, frame, mesh):
        self.asked.append("again")
        yield
        return Mesh(mesh.box(), self.presence)

    def look(self):
        """(faces, box of the mesh or None) of the next picture, and what it took."""
        self.asked.clear()
        work = self.tracker.look(None)
        try:
            while True:
                next(work)
        except StopIteration as end:
            faces, mesh = end.value
        return faces, mesh and mesh.box(), list(self.asked)


NEAR = (100, 60, 200, 180)
FAR = (220, 80, 280, 150)  # 60 wide: more than half
BEHIND = (10, 80, 40, 120)  # less than half


def test_first_picture_is_searched_and_looked_at_twice() -> None:
    assert Scene(NEAR).look() == (1, NEAR, ["search", "mesh", "again"])


def test_face_is_followed_and_searched_for_now_and_then() -> None:
    scene = Scene(NEAR)
    scene.look()
    for _ in range(SEARCH_EVERY - 1):
        assert scene.look() == (1, NEAR, ["again"])
    assert scene.look() == (1, NEAR, ["search", "again"])


def test_second_face_is_counted_unless_it_is_far_behind() -> None:
    assert Scene(FAR, NEAR).look()[:2] == (2, NEAR)
    assert Scene(BEHIND, NEAR).look()[:2] == (1, NEAR)


def test_face_that_is_lost_is_searched_for_in_the_next_picture() -> None:
    scene = Scene(NEAR)
    scene.look()
    scene.presence = 0.2
    assert scene.look()[1] is None
    scene.presence = 0.9
    assert scene.look() == (1, NEAR, ["search", "mesh", "again"])


def test_somebody_elsewhere_is_not_taken_for_the_one_before() -> None:
    scene = Scene(NEAR)
    scene.look()
    scene.boxes = (FAR,)
    for _ in range(SEARCH_EVERY - 1):
        scene.look()
    assert scene.look() == (1, FAR, ["search", "mesh", "again"])


def test_nobody_is_nobody() -> None:
    scene = Scene(NEAR)
    scene.look()
    scene.boxes = ()
    for _ in range(SEARCH_EVERY - 1):
        scene.look()
    assert scene.look() == (0, None, ["search"])
