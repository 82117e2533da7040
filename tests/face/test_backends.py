"""The back ends of boards with an accelerator, against stand-ins that were written from the vendors' documents."""

import numpy as np
import pytest
from terminal.face.esp_dl import EspDlMatcher, paste
from terminal.face.frame import GREY, RGB888, Frame

from tests.face.terminal import work
from tools.models import reference
from tools.models.host import result_of


class Recogniser:
    """As `espdl.FaceRecognizer`: remembers what it was asked."""

    similarity: float | None = 0.7
    faces = 1
    fails = False

    def __init__(self, log: list, **options: object) -> None:
        self.log = log
        log.append(("made", options))

    def enroll(self, pixels: bytearray) -> int:
        if self.fails:
            raise RuntimeError("no face")
        self.log.append(("enrolled", bytes(pixels), pixels))
        return 3

    def run(self, pixels: bytes) -> list[dict]:
        self.log.append(("looked up", bytes(pixels)))
        person = None if self.similarity is None else {"id": 3, "similarity": self.similarity, "name": None}
        return [{"score": 0.9, "box": [0, 0, 1, 1], "person": person}] * self.faces

    def delete_face(self, entry: int) -> None:
        self.log.append(("deleted", entry))


def compare(kind: type[Recogniser], tmp_path) -> tuple[float | None, list]:
    log: list = []
    database = tmp_path / "face.db"
    database.write_bytes(b"biometric")
    matcher = EspDlMatcher(lambda **options: kind(log, **options), str(database), {"fmr-1e-4": 0.5})
    card = Frame(bytes(range(6)), 3, 2, GREY)
    live = Frame(bytes(3 * 8 * 6), 8, 6, RGB888)
    try:
        return result_of(matcher.compare(card, live)), log
    finally:
        assert not database.exists()


def test_esp_dl_enters_the_card_looks_up_the_live_picture_and_forgets(tmp_path):
    similarity, log = compare(Recogniser, tmp_path)
    assert similarity == 0.7
    assert [entry[0] for entry in log] == ["made", "enrolled", "looked up", "deleted"]
    assert log[0][1] == {
        "width": 8,
        "height": 6,
        "features": False,
        "db_path": str(tmp_path / "face.db"),
        "model": "MFN",
    }
    entered = np.frombuffer(log[1][1], np.uint8).reshape(6, 8, 3)
    assert entered[2, 2].tolist() == [0, 0, 0]
    assert entered[3, 4].tolist() == [5, 5, 5]
    assert entered[0, 0].tolist() == [128] * 3
    assert log[1][2] == bytes(144), "the canvas was wiped"


@pytest.mark.parametrize(("faces", "similarity", "wanted"), [(0, 0.7, None), (2, 0.7, None), (1, None, 0.0)])
def test_esp_dl_without_exactly_one_face_or_likeness(tmp_path, faces, similarity, wanted):
    class Other(Recogniser):
        pass

    Other.faces, Other.similarity = faces, similarity
    assert compare(Other, tmp_path)[0] == wanted


def test_esp_dl_that_fails_leaves_no_database_and_no_answer(tmp_path):
    class Failing(Recogniser):
        fails = True

    with pytest.raises(RuntimeError):
        compare(Failing, tmp_path)


def test_a_card_larger_than_the_canvas_is_refused():
    with pytest.raises(ValueError, match="size"):
        paste(Frame(bytes(9 * 9), 9, 9, GREY), 8, 12)


@pytest.mark.parametrize("dtype", ["b", "B"])
def test_openmv_net_fills_the_input_and_takes_the_outputs_apart(tmp_path, dtype):
    random = np.random.default_rng(6)
    frame = random.integers(0, 256, (20, 24, 3), dtype=np.uint8)
    view = (1.25, 0.0, 0.5, 0.0, 1.25, -1.0)
    (tmp_path / "frame").write_bytes(frame.tobytes())
    job = {"do": "openmv", "frame": str(tmp_path / "frame"), "width": 24, "height": 20, "view": view, "dtype": dtype}
    (found,) = work(tmp_path, [job | {"out": str(tmp_path / "tensor")}])
    wanted = reference.take(frame, view, (16, 16)).astype(int)
    tensor = np.frombuffer((tmp_path / "tensor").read_bytes(), np.int8 if dtype == "b" else np.uint8)
    assert np.array_equal(tensor.reshape(16, 16, 3), wanted - 128 if dtype == "b" else wanted)
    assert found["outputs"] == [[2, 1, 3, [64, 128, -64]], [1, 1, 1, [32]]]
    assert found["refused"] == "a model whose input is not of 8 bits"
