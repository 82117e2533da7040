"""The face step of a registration: is a living person before the camera, and is it the one on the card?

What there is of a face is in reach only while it runs: the camera's buffers, the card's picture, the portraits and the
nets' arena are overwritten at its end, whatever the end. Camera or engine failing never is a pass.
"""

from terminal import claim, face_claim
from terminal.face import embedder
from terminal.face.frame import Frame, overwrite
from terminal.face.matcher import Matcher
from terminal.face.tracker import Tracker
from terminal.face.worker import Worker
from terminal.face_claim import not_performed
from terminal.liveness import codes
from terminal.liveness.check import COMPARE, PASSIVE, PORTRAIT, Check
from terminal.liveness.check import Frame as Sight
from terminal.liveness.guidance import AGAIN
from terminal.liveness.limits import Limits
from terminal.liveness.measure import measure
from terminal.liveness.observation import observe
from terminal.ticks import ticks_diff, ticks_ms

TYPE_CHECKING = False
if TYPE_CHECKING:
    from array import array

    from terminal.face.engine import Engine
    from terminal.face.landmarks import Mesh
    from terminal.hardware import Beat, Camera
    from terminal.liveness.check import Say
    from terminal.panel import Panel

MATCH = "match"  # level of terminal.config
OPERATING_POINT = "fmr-1e-3"  # in the model's table of thresholds
MISMATCH, NO_PICTURE = "face-mismatch", "face-no-picture"


class FaceStep:
    """One for all customers, who come one at a time. `require` is the level of terminal.config."""

    def __init__(self, camera: "Camera", panel: "Panel", beat: "Beat", engine: "Engine", require: str) -> None:
        self._camera = camera
        self._panel = panel
        self._beat = beat
        self._engine = engine
        self._require = require
        self._limits = Limits()
        self._work = Worker().run
        self._matcher = Matcher(engine)
        self._card: "Frame | None" = None
        self._card_embedding: "array[float] | None" = None
        self._portraits: "list[array[float]]" = []
        # Of the last customer: how long it took, and how long from the camera's giving a picture to the screen's saying
        # what it led to, summed up
        self.duration_ms = self.overhead_ms = 0

    async def run(self, nonce: bytes, cti: bytes, card: "Frame | None") -> claim.Findings:
        """`card` is the picture on the card, overwritten here. May be cancelled."""
        self.duration_ms = self.overhead_ms = 0
        if card is None and self._require == MATCH:
            missing = not_performed(face_claim.NO_PICTURE)
            return claim.Findings(not_performed(claim.NOT_REACHED), missing, None, NO_PICTURE)
        camera, start = self._camera, ticks_ms()
        check = Check(nonce, cti, camera.width, camera.height, self._limits, has_light=True)
        self._card = card
        try:
            await self._watch(check)
            match, reason = self._compare(check)
        except Exception as error:  # noqa: BLE001 - whatever fails: nothing was decided, so nobody passes
            print("face:", getattr(error, "code", type(error).__name__))
            check.abort()
            match, reason = not_performed(claim.NOT_REACHED), codes.FAULT
        finally:
            self._forget()
            self.duration_ms = ticks_diff(ticks_ms(), start)
        self._panel.show("not-passed" if reason else "passed", reason, check.attempts)
        liveness = face_claim.liveness(check.result, self._limits, self._engine.pad is not None, self.duration_ms)
        digests = self._engine.digests if face_claim.is_performed(liveness) else None
        return claim.Findings(liveness, match, digests, reason)

    async def _watch(self, check: Check) -> None:
        """Until the check has its result."""
        camera, tracker = self._camera, Tracker(self._engine)
        shown = None
        await camera.start()
        while check.result is None:
            self._beat()
            number, taken_ms, pixels = await camera.take()
            given_ms = ticks_ms()
            frame = Frame(pixels, camera.width, camera.height, camera.kind)
            faces, mesh = await self._work(tracker.look(frame))
            seen = observe(mesh.point) if mesh else None
            fingerprint, luma, sharpness, tint = measure(frame, _whole(mesh.box()) if mesh else None)
            say = check.feed(Sight(number, taken_ms, ticks_ms(), fingerprint, faces, seen, luma, sharpness, tint))
            if say.code:
                self._drop_portraits()
            if say.wants:
                say = await self._do(check, say, frame, mesh)
            self._panel.shine(say.light)
            value = check.attempts if say.state == AGAIN else check.progress_permille
            if (say.state, say.code, value) != shown:
                shown = say.state, say.code, value
                if check.result is None:  # the last word is that of the comparison
                    self._panel.show(say.state, say.code, value)
                self.overhead_ms += ticks_diff(ticks_ms(), given_ms)
            if self._card:  # the person is reading the first instruction meanwhile
                self._card_embedding = await self._work(self._matcher.embed(self._card))
                self._card.wipe()
                self._card = None

    async def _do(self, check: Check, say: "Say", frame: Frame, mesh: "Mesh | None") -> "Say":
        """What the check wants of the picture it was just fed."""
        engine = self._engine
        if say.wants & PASSIVE and engine.pad and mesh:
            check.add_passive(int(1000 * await self._work(engine.pad.score(frame, mesh.box()))))
        if say.wants & PORTRAIT and mesh:
            self._portraits.append(await self._work(engine.embedder.embed(frame, mesh.five())))
        if say.wants & COMPARE:
            first, *others = self._portraits
            return check.compare(round(1000 * min([embedder.cosine(first, other) for other in others])))
        return say

    def _compare(self, check: Check) -> "tuple[dict | list, str | None]":
        """Match, and the reason of a refusal."""
        result = check.result
        if result is None or not result.is_live:
            return not_performed(face_claim.NOT_LIVE), result.code if result else codes.FAULT
        if self._card_embedding is None:
            return not_performed(face_claim.NO_PICTURE), NO_PICTURE if self._require == MATCH else None
        live = embedder.mean(self._portraits)
        score = round(1000 * embedder.cosine(self._card_embedding, live))
        embedder.wipe(live)
        threshold = round(1000 * self._matcher.thresholds[OPERATING_POINT])
        match = face_claim.match(score, threshold, self._matcher.model_id)
        return match, None if face_claim.has_passed(match) else MISMATCH

    def _drop_portraits(self) -> None:
        for portrait in self._portraits:
            embedder.wipe(portrait)
        self._portraits.clear()

    def _forget(self) -> None:
        self._camera.stop()
        self._panel.shine(None)
        self._drop_portraits()
        if self._card_embedding:
            embedder.wipe(self._card_embedding)
        if self._card:
            self._card.wipe()
        self._card = self._card_embedding = None
        overwrite(self._engine.arena)


def _whole(box: "tuple[float, float, float, float]") -> "tuple[int, int, int, int]":
    return int(box[0]), int(box[1]), int(box[2]), int(box[3])
