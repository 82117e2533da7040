"""The stream of pictures: in order, on time, each a new one, and in it one face that never jumps."""

from terminal.liveness import codes
from terminal.liveness.codes import Failed
from terminal.liveness.limits import Limits
from terminal.liveness.observation import overlap_permille
from terminal.ticks import ticks_diff

TYPE_CHECKING = False
if TYPE_CHECKING:
    from terminal.liveness.check import Frame

REMEMBERED = 24  # fingerprints; a sensor's noise never repeats, a loop of pictures does
FUTURE_MS = 20  # a sensor's clock and the processor's are one on our boards; readings of it are not


class Continuity:
    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._last = None
        self._box = None
        self._seen_ms = 0
        self._several = 0
        self._is_face_required = False
        self._fingerprints = [None] * REMEMBERED

    def check(self, frame: "Frame") -> None:
        """Raises Failed."""
        self._check_time(frame)
        self._check_fresh(frame)
        self._check_face(frame)
        self._last = frame

    def require_face(self, now_ms: int) -> None:
        """From now on it must not be lost, nor jump."""
        self._is_face_required = True
        self._seen_ms = now_ms

    def release_face(self) -> None:
        """Between attempts another person may step in."""
        self._is_face_required = False
        self._box = None
        self._several = 0

    def _check_time(self, frame: "Frame") -> None:
        limits, last = self._limits, self._last
        age_ms = ticks_diff(frame.now_ms, frame.taken_ms)
        if not -FUTURE_MS <= age_ms <= limits.frame_age_max_ms:
            raise Failed(codes.FAULT)
        if last is None:
            return
        gap_ms = ticks_diff(frame.taken_ms, last.taken_ms)
        if frame.counter <= last.counter or gap_ms <= 0 or ticks_diff(frame.now_ms, last.now_ms) < 0:
            raise Failed(codes.FROZEN)
        if gap_ms > limits.frame_gap_max_ms:
            raise Failed(codes.FAULT)

    def _check_fresh(self, frame: "Frame") -> None:
        if frame.fingerprint in self._fingerprints:
            raise Failed(codes.FROZEN)
        self._fingerprints[frame.counter % REMEMBERED] = frame.fingerprint

    def _check_face(self, frame: "Frame") -> None:
        if not self._is_face_required:
            return
        self._several = self._several + 1 if frame.faces > 1 else 0
        if self._several >= self._limits.several_frames:
            raise Failed(codes.SEVERAL)
        if frame.seen is None:
            if ticks_diff(frame.taken_ms, self._seen_ms) > self._limits.lost_ms:
                raise Failed(codes.ABSENT)
            return
        self._seen_ms = frame.taken_ms
        box, before = frame.seen.box, self._box
        self._box = box
        if before and overlap_permille(before, box) < self._limits.overlap_min_permille:
            raise Failed(codes.SWAPPED)
