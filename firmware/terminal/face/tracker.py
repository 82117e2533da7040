"""Follows one person's face from picture to picture: the mesh on each, the search for faces only now and then."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Generator

    from terminal.face.detector import Face
    from terminal.face.engine import Engine
    from terminal.face.frame import Frame
    from terminal.face.landmarks import Mesh

SEARCH_EVERY = 3  # pictures: a second face is seen a quarter of a second later


class Tracker:
    def __init__(self, engine: "Engine") -> None:
        self._detector = engine.detector
        self._landmarks = engine.landmarks
        self._presence_min = engine.thresholds[engine.landmarks.model_id]["presence"]
        self._mesh: "Mesh | None" = None
        self._faces = 0
        self._until_search = 0  # pictures

    def look(self, frame: "Frame") -> "Generator[None, None, tuple[int, Mesh | None]]":
        """How many faces there are, of those at least half as wide as the widest, and the mesh of that one."""
        face = None
        if self._mesh is None or self._until_search == 0:
            faces = yield from self._detector.detect(frame)
            face = max(faces, key=_width) if faces else None
            self._faces = len([other for other in faces if face and 2 * _width(other) >= _width(face)])
            self._until_search = SEARCH_EVERY
            if face is None or (self._mesh and not _is_within(face, self._mesh)):
                self._mesh = None  # nobody, or somebody else
        self._until_search -= 1
        mesh = self._mesh
        if mesh is None and face:
            mesh = yield from self._landmarks.mesh(frame, face)
        if mesh:
            mesh = yield from self._landmarks.again(frame, mesh)
        self._mesh = mesh if mesh and mesh.presence >= self._presence_min else None
        return self._faces, self._mesh


def _width(face: "Face") -> float:
    return face.box[2] - face.box[0]


def _is_within(face: "Face", mesh: "Mesh") -> bool:
    """The middle of the face lies in the mesh."""
    left, top, right, bottom = mesh.box()
    x, y = (face.box[0] + face.box[2]) / 2, (face.box[1] + face.box[3]) / 2
    return left <= x <= right and top <= y <= bottom
