"""Runs under MicroPython: the terminal's networks as a service, for tools.face.networks: FIRMWARE MODELS.

A line of JSON on standard input asks, a line of JSON answers; the pixels of a picture follow its line. The first line
comes unasked, once the nets are loaded.
"""

# pyright: reportMissingImports=false, reportAttributeAccessIssue=false, reportArgumentType=false
# pyright: reportOptionalMemberAccess=false
import gc
import json
import sys

sys.path.insert(0, sys.argv[1])

from terminal.face import engine  # noqa: E402
from terminal.face.frame import RGB888, Frame  # noqa: E402
from terminal.face.matcher import Matcher  # noqa: E402
from terminal.liveness.measure import measure  # noqa: E402

POINTS = 468


def result_of(work):  # noqa: ANN001, ANN201 - no typing here
    while True:
        try:
            next(work)
        except StopIteration as end:
            return end.value


def read_frame(request: dict) -> Frame:
    pixels = bytearray(request["width"] * request["height"] * 3)
    sys.stdin.buffer.readinto(pixels)
    return Frame(pixels, request["width"], request["height"], RGB888)


class Service:
    def __init__(self, folder: str) -> None:
        self.engine = engine.load(folder)
        self.matcher = Matcher(self.engine)
        self.presence = self.engine.thresholds[self.engine.landmarks.model_id]["presence"]
        self.frame = self.mesh = None

    def look(self, request: dict) -> dict:
        """How many faces, the points of the largest with their depths, and what is measured on the picture."""
        self.frame, self.mesh = read_frame(request), None
        landmarks = self.engine.landmarks
        faces = result_of(self.engine.detector.detect(self.frame))
        faces.sort(key=lambda face: face.box[0] - face.box[2])
        if faces:
            mesh = result_of(landmarks.again(self.frame, result_of(landmarks.mesh(self.frame, faces[0]))))
            self.mesh = mesh if mesh.presence >= self.presence else None
        box = tuple(int(edge) for edge in self.mesh.box()) if self.mesh else None
        points = [self.mesh.point(number) for number in range(POINTS)] if self.mesh else None
        depths = [self.mesh.depth(number) for number in range(POINTS)] if self.mesh else None
        widths = [face.box[2] - face.box[0] for face in faces]
        count = len([width for width in widths if 2 * width >= widths[0]])
        return {"faces": count, "points": points, "depths": depths, "measures": list(measure(self.frame, box))}

    def embed(self, request: dict) -> dict:
        """The face that was looked at last."""
        return {"embedding": list(result_of(self.engine.embedder.embed(self.frame, self.mesh.five())))}

    def still(self, request: dict) -> dict:
        """As the picture on the card is taken."""
        embedding = result_of(self.matcher.embed(read_frame(request)))
        return {"embedding": embedding and list(embedding)}


def main() -> None:
    service = Service(sys.argv[2])
    print(json.dumps({"model": service.matcher.model_id}))
    work = {"look": service.look, "embed": service.embed, "still": service.still}
    while True:
        line = sys.stdin.readline()
        if not line:
            return
        request = json.loads(line)
        print(json.dumps(work[request["do"]](request)))
        gc.collect()


main()
