"""The comparison of two faces by ESP-DL, which keeps the embedding to itself: its recogniser only knows a database.

So each comparison has a database of its own in a file system in memory (it is biometric data): the card's picture is
entered on a canvas of the camera's size, the live picture is looked up, the entry is deleted. Written after the
documentation of the binding and tested with a recorded stand-in: not run on hardware.
"""

import os

from terminal.face.frame import GREY, RGB888, Frame

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from typing import Any


class EspDlMatcher:
    """`make_recogniser` is `espdl.FaceRecognizer`; `database` a path in memory, not on flash."""

    def __init__(
        self, make_recogniser: "Callable[..., Any]", database: str, thresholds: "dict[str, float]", model: str = "MFN"
    ) -> None:
        self.model_id = "esp-dl-" + model.lower()
        self.thresholds = thresholds
        self._make, self._database, self._model = make_recogniser, database, model

    def compare(self, card: Frame, live: Frame) -> "Generator[None, None, float | None]":
        """The binding's similarity, 0 where it finds no likeness; None unless the live picture shows one face."""
        if live.kind != RGB888:
            raise ValueError("a live picture of another kind")
        recogniser = self._make(
            width=live.width, height=live.height, features=False, db_path=self._database, model=self._model
        )
        canvas = paste(card, live.width, live.height)
        yield
        entry = None
        try:
            entry = recogniser.enroll(canvas)
            yield
            faces = recogniser.run(live.pixels)
            yield
        finally:
            for start in range(0, len(canvas), 1024):
                canvas[start : start + 1024] = bytes(min(1024, len(canvas) - start))
            if entry is not None:
                recogniser.delete_face(entry)
            _remove(self._database)
        if not faces or len(faces) > 1:
            return None
        person = faces[0]["person"]
        return person["similarity"] if person and person["id"] == entry else 0.0


def paste(card: Frame, width: int, height: int) -> bytearray:
    """The card's picture in the middle of a grey canvas of three bytes a pixel."""
    if card.kind not in (GREY, RGB888) or card.width > width or card.height > height:
        raise ValueError("a card's picture of another kind or size")
    canvas = bytearray(b"\x80" * (3 * width * height))
    left, top = (width - card.width) // 2, (height - card.height) // 2
    pixels = memoryview(card.pixels)
    for row in range(card.height):
        at = 3 * ((top + row) * width + left)
        start = row * card.width * card.kind
        if card.kind == RGB888:
            canvas[at : at + 3 * card.width] = pixels[start : start + 3 * card.width]
            continue
        for value in pixels[start : start + card.width]:
            canvas[at] = canvas[at + 1] = canvas[at + 2] = value
            at += 3
    return canvas


def _remove(path: str) -> None:
    try:
        os.remove(path)
    except OSError:
        pass  # the binding writes its database only once there is an entry
