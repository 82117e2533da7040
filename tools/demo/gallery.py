"""The terminals' screens as pictures in a folder, while the demo runs, with a page that shows them as they change."""

import asyncio
import hashlib
from pathlib import Path

from tools.demo.plant import Plant, Terminal

LOOK_S = 0.05  # a screen is painted in bands: a picture counts once two looks find the same
PAGE = """<!doctype html>
<html lang="zh"><meta charset="utf-8"><title>Shiming: screens of the demo</title>
<style>
  body {{ background: #222; color: #ddd; font: 16px sans-serif; margin: 2em }}
  figure {{ display: inline-block; margin: 0 2em 2em 0 }}
  img {{ width: 640px; image-rendering: pixelated; border: 8px solid #000; border-radius: 8px }}
</style>
<h1>Screens of the demo, live</h1>
{figures}
<p>Every screen that was shown is in this folder, in its order.</p>
<script>
  setInterval(() => document.querySelectorAll("img").forEach(
    image => {{ image.src = image.dataset.file + "?" + Date.now() }}), 250)
</script>
</html>
"""
FIGURE = '<figure><img src="{name}.png" data-file="{name}.png" alt=""><figcaption>{name}</figcaption></figure>'


class Gallery:
    """`NAME.png` is what a terminal shows now, `NAME-001.png` and so on what it has shown."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._shown: dict[str, int] = {}

    @property
    def page(self) -> Path:
        return self._folder / "index.html"

    @property
    def pictures(self) -> int:
        return sum(self._shown.values())

    async def watch(self, plant: Plant) -> None:
        """Until it is cancelled."""
        self._folder.mkdir(parents=True, exist_ok=True)
        figures = "\n".join(FIGURE.format(name=terminal.name) for terminal in plant.terminals)
        self.page.write_text(PAGE.format(figures=figures), encoding="utf-8")
        await asyncio.gather(*(self._follow(terminal) for terminal in plant.terminals))

    async def _follow(self, terminal: Terminal) -> None:
        seen = kept = b""
        while True:
            now = hashlib.sha256(terminal.board.screen()).digest()
            if now == seen != kept and terminal.board.pictures:
                kept = now
                await self._keep(terminal)
            seen = now
            await asyncio.sleep(LOOK_S)

    async def _keep(self, terminal: Terminal) -> None:
        number = self._shown.get(terminal.name, 0) + 1
        picture = await asyncio.to_thread(terminal.board.picture)
        (self._folder / f"{terminal.name}-{number:03d}.png").write_bytes(picture)
        self._shown[terminal.name] = number
        current = self._folder / f"{terminal.name}.png"
        fresh = current.with_suffix(".new")  # a browser must not load half a picture
        fresh.write_bytes(picture)
        fresh.replace(current)
