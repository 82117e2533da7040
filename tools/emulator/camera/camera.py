"""The emulated sensor: pictures at so many a second into one buffer, with the noise and blur of a small sensor.

`Camera.shoot` fills the buffer once; whoever carries it to the board (shared memory) calls it at its own pace.
"""

import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from tools.emulator.camera.actor import View
from tools.emulator.camera.head import Optics
from tools.emulator.camera.scenery import head_shot, render

RGB565, RGB888 = 2, 3  # bytes of a pixel, as terminal.face.frame names them
SCREEN_LAG_MS = 60.0  # until the light of the screen is in a picture


class Subject(Protocol):
    def see(self, now_ms: float, state: str, code: str | None = None, light: int | None = None) -> None: ...
    def view(self, ms: float) -> View: ...


@dataclass
class Camera:
    subject: Subject
    seed: int = 0
    kind: int = RGB888
    optics: Optics = field(default_factory=Optics)
    light_share: float = 0.12  # of the terminal's light in that of the room
    noise: float = 2.5  # of a pixel, in levels, at good light
    blur_px: float = 0.5  # of the lens
    speed_blur: float = 0.35  # of the way between two pictures is smeared

    def __post_init__(self) -> None:
        self._rng = np.random.default_rng(self.seed)
        self._shine: list[tuple[float, int | None]] = []
        self._before: NDArray[np.float32] | None = None
        self._last: bytes | None = None
        self.counter = 0
        self.buffer = bytearray(self.optics.width * self.optics.height * self.kind)

    def see(self, now_ms: float, state: str, code: str | None = None, light: int | None = None) -> None:
        """What the terminal shows from now on."""
        self._shine = [*self._shine[-7:], (now_ms, light)]
        self.subject.see(now_ms + SCREEN_LAG_MS, state, code, light)

    def shoot(self, ms: float) -> int:
        """Fills the buffer with the picture of this moment and returns its number. A frozen sensor counts on."""
        view = self.subject.view(ms)
        self.counter += 1
        if not (view.is_frozen and self._last):
            self._last = self._pack(self._expose(view, ms))
        self.buffer[:] = self._last
        return self.counter

    def frames(self, per_second: float, now_ms: Callable[[], float]) -> Iterator[tuple[int, int, memoryview]]:
        """(number, ms, the buffer), each at its time: for whoever waits between two by himself."""
        due_ms = now_ms()
        while True:
            ms = max(due_ms, now_ms())
            yield self.shoot(ms), int(ms), memoryview(self.buffer)
            due_ms = ms + 1000 / per_second

    def _expose(self, view: View, ms: float) -> NDArray[np.uint8]:
        light = next((rgb for when, rgb in reversed(self._shine) if when + SCREEN_LAG_MS <= ms), None)
        sharp = render(view, self.optics, light, self.light_share, self.seed)
        before, self._before = self._before, sharp
        if before is not None and before.shape == sharp.shape:
            sharp = sharp * (1 - self.speed_blur / 2) + before * self.speed_blur / 2
        soft = Image.fromarray(sharp.astype(np.uint8)).filter(ImageFilter.GaussianBlur(self.blur_px))
        pixels = np.asarray(soft, dtype=np.float32)
        shot = np.sqrt(np.maximum(pixels, 8) / 128)  # darker parts have less of it, but more for their light
        pixels = pixels + self._rng.standard_normal(pixels.shape, dtype=np.float32) * shot * self.noise
        return np.clip(np.rint(pixels), 0, 255).astype(np.uint8)

    def _pack(self, picture: NDArray[np.uint8]) -> bytes:
        if self.kind == RGB888:
            return picture.tobytes()
        red, green, blue = (picture[..., channel].astype(np.uint16) for channel in range(3))
        return ((red & 0xF8) << 8 | (green & 0xFC) << 3 | blue >> 3).astype(">u2").tobytes()


def card_picture(identity: int, width: int = 102, height: int = 126) -> Image.Image:
    """As on the card: straight, plain ground, small. Other light than in the shop, and the mouth shut."""
    pixels = head_shot(identity, width * 4, height * 4)
    return Image.fromarray(pixels).resize((width, height), Image.Resampling.LANCZOS)


@cache
def card_bmp(identity: int) -> bytes:
    """As a reader module with a decoder appends it: 24 bits, bottom up."""
    file = io.BytesIO()
    card_picture(identity).convert("RGB").save(file, "BMP")
    return file.getvalue()
