"""Runs under MicroPython: draws every shot with the terminal's own code, `micropython draw.py ASSETS FOLDER`.

FOLDER/NAME.LANGUAGE.rgb565 gets the pixels. Prints, for each, the bands painted and the time they took.
"""

import sys

HERE = __file__.rsplit("/", 1)[0]
sys.path[:0] = [HERE, HERE + "/../../firmware"]

from shots import NUMBER, PERSON, shots  # noqa: E402
from terminal.panel import Panel  # noqa: E402
from terminal.ticks import ticks_diff, ticks_ms  # noqa: E402


class Display:
    width, height = 320, 240

    def __init__(self) -> None:
        self.pixels = bytearray(self.width * self.height * 2)
        self.bands = 0

    def blit(self, y: int, band: memoryview) -> None:
        self.pixels[y * self.width * 2 : y * self.width * 2 + len(band)] = band
        self.bands += 1

    def present(self) -> None:
        """Nobody looks."""


class Board:
    """Hardware whose light, sound and buttons nobody looks at either."""

    def __init__(self, assets: str) -> None:
        self.assets = assets
        self.display = Display()
        self.light = self.buzzer = self.buttons = self

    def set(self, rgb: int) -> None:
        """Light."""

    def tone(self, hz: int) -> None:
        """Sound."""

    def held(self) -> int:
        return 0

    def tell(self, state: str, code: "str | None", value: "int | None") -> None:
        if code == "asset-invalid":
            raise ValueError(code)


def draw(assets: str, folder: str) -> None:
    for language in ("zh", "en"):
        for name, said in shots():
            board = Board(assets)
            panel = Panel(board, language)
            paint(panel, 0)
            board.display.bands = 0
            started = ticks_ms()
            for state, code, value in said:
                panel.show(state, code, value)
                if state.startswith("read"):
                    panel.show_person(PERSON)
                if state == "ready-offline":
                    panel.show_number(NUMBER)
                paint(panel, 0)
            print(name, language, board.display.bands, "bands", ticks_diff(ticks_ms(), started), "ms")
            with open(folder + "/" + name + "." + language + ".rgb565", "wb") as file:  # noqa: PTH123 - MicroPython
                file.write(board.display.pixels)


def paint(panel: Panel, now: int) -> None:
    while panel.step(now):
        pass


draw(sys.argv[1], sys.argv[2])
