"""Two pictures of a face, one similarity: the highest of the three places where a board's own accelerator can plug in.

`Net` (a model), `Detector`, `Landmarks`, `Embedder` and `Pad` (a step), `Matcher` (the whole comparison).
"""

from terminal.face.embedder import cosine, wipe

TYPE_CHECKING = False
if TYPE_CHECKING:
    from array import array
    from collections.abc import Generator

    from terminal.face.engine import Engine
    from terminal.face.frame import Frame


class Matcher:
    """By the portable engine. `thresholds` belong to `model_id` and to no other."""

    def __init__(self, engine: "Engine") -> None:
        self.model_id = engine.embedder.model_id
        self.thresholds = engine.thresholds[self.model_id]
        self._presence = engine.thresholds[engine.landmarks.model_id]["presence"]
        self._engine = engine

    def compare(self, card: "Frame", live: "Frame") -> "Generator[None, None, float | None]":
        """Cosine; None where one of the pictures shows no face, or the live one several."""
        one = yield from self.embed(card)
        other = yield from self.embed(live, is_alone=True)
        similarity = None if one is None or other is None else cosine(one, other)
        for embedding in (one, other):
            if embedding is not None:
                wipe(embedding)
        return similarity

    def embed(self, frame: "Frame", is_alone: bool = False) -> "Generator[None, None, array[float] | None]":
        """The best face of a still; its mesh is taken twice, the second time cut out by the first."""
        engine = self._engine
        faces = yield from engine.detector.detect(frame)
        if not faces or is_alone and len(faces) > 1:
            return None
        mesh = yield from engine.landmarks.mesh(frame, faces[0])
        mesh = yield from engine.landmarks.again(frame, mesh)
        if mesh.presence < self._presence:
            return None
        return (yield from engine.embedder.embed(frame, mesh.five()))
