"""Pictures that set the ranges of the tensors: none of them is ever tested with.

Six photographs of a package, their faces found by the float models; each also mirrored, in grey, small, dark, bright
and so close that it fills the picture.
"""

import io
from collections.abc import Iterator, Mapping

import numpy as np
from PIL import Image, ImageEnhance
from terminal.face.detector import Detector
from terminal.face.embedder import Embedder
from terminal.face.landmarks import Landmarks
from terminal.face.pad import Pad

from tools.models import sources
from tools.models.host import HostNet, frame_of, result_of
from tools.models.layers import Model

_WIDTH = 640  # of the photographs: the faces are then as large as a camera of this kind sees them
_PRESENCE = 0.9
_CARD_HEIGHT = 126
_CLOSE = (0.55, 0.4)  # of the sides of such a picture
_MARGIN = 1.6  # around a face's box, for the pictures of one face


def pictures(models: Mapping[str, Model]) -> dict[str, list[np.ndarray]]:
    """For each model the pictures it looked at while faces were found."""
    nets = {name: HostNet(model) for name, model in models.items()}
    detector, landmarks = Detector(nets["blazeface"]), Landmarks(nets["facemesh"])
    embedder = Embedder(nets["mobilefacenet"])
    pad = Pad(nets["minifasnet"]) if "minifasnet" in nets else None
    for photograph in _photographs():
        for face_picture in _faces(detector, photograph):
            for variant in _variants(face_picture):
                frame = frame_of(np.asarray(variant))
                for face in result_of(detector.detect(frame))[:1]:
                    mesh = result_of(landmarks.mesh(frame, face))
                    if mesh.presence < _PRESENCE:
                        continue
                    mesh = result_of(landmarks.again(frame, mesh))
                    result_of(embedder.embed(frame, mesh.five()))
                    if pad is not None:
                        result_of(pad.score(frame, mesh.box()))
    return {name: net.kept for name, net in nets.items()}


def _photographs() -> Iterator[Image.Image]:
    entry = sources.catalogue()["calibration"]
    for path in entry["paths"]:
        photograph = Image.open(io.BytesIO(sources.member(entry["package"], path))).convert("RGB")
        yield photograph.resize((_WIDTH * 2, round(_WIDTH * 2 * photograph.height / photograph.width)))


def _faces(detector: Detector, photograph: Image.Image) -> Iterator[Image.Image]:
    """Each face with some of its surroundings. Small faces are found in the halves and thirds of a photograph."""
    seen: list[tuple[float, float]] = []
    for left, top, right, bottom in _parts(*photograph.size):
        part = photograph.crop((left, top, right, bottom))
        for face in result_of(detector.detect(frame_of(np.asarray(part)))):
            x, y = left + (face.box[0] + face.box[2]) / 2, top + (face.box[1] + face.box[3]) / 2
            side = face.box[2] - face.box[0]
            if any(abs(x - u) + abs(y - v) < side for u, v in seen):
                continue
            seen.append((x, y))
            half = side * _MARGIN
            yield photograph.crop((round(x - half), round(y - half), round(x + half), round(y + half)))


def _parts(width: int, height: int) -> Iterator[tuple[int, int, int, int]]:
    for count in (1, 2, 3):
        side = width // count
        for x in range(0, width - side + 1, side // 2):
            for y in range(0, max(1, height - side + 1), max(1, side // 2)):
                yield x, y, x + side, min(y + side, height)


def _variants(picture: Image.Image) -> Iterator[Image.Image]:
    yield picture
    yield picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    yield picture.convert("L").convert("RGB")
    small = picture.resize((_CARD_HEIGHT * picture.width // picture.height, _CARD_HEIGHT))
    yield ImageEnhance.Contrast(small.convert("L").convert("RGB")).enhance(1.4)
    yield ImageEnhance.Brightness(picture).enhance(0.55)
    yield ImageEnhance.Brightness(small).enhance(1.5)
    for share in _CLOSE:
        x, y = round(picture.width * (1 - share) / 2), round(picture.height * (1 - share) / 2)
        close = picture.crop((x, y, picture.width - x, picture.height - y))
        yield close
        yield close.convert("L").convert("RGB")
