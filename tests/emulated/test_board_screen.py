"""Screen, buttons, light and buzzer of an emulated board, driven by a small firmware through its own hw.py."""

from pathlib import Path

from tests.emulated.board_bench import board_with, play, said, until
from tools.emulator.board import Button, Signal

HW = (Path(__file__).parents[2] / "firmware" / "boards" / "emulated" / "hw.py").read_bytes()


def files(main: str) -> dict[str, bytes]:
    head = "import asyncio\nimport hw\nhardware = hw.build()\n"
    return {"hw.py": HW, "main.py": (head + main).encode()}


def test_what_the_firmware_paints_is_on_the_picture(tmp_path: Path) -> None:
    main = """
display = hardware.display
band = bytearray(display.width * 2 * 16)
for i in range(0, len(band), 2):
    band[i] = 0xF8  # red, most significant byte first
display.blit(32, memoryview(band))
display.present()
"""

    async def story() -> None:
        async with board_with(tmp_path, files(main)) as board:
            await until(lambda: board.pictures == 1, "a picture")
            screen = board.screen()
            assert screen[32 * 640 : 48 * 640] == b"\xf8\x00" * 320 * 16
            assert not screen[: 32 * 640].strip(b"\0") and not screen[48 * 640 :].strip(b"\0")
            assert board.picture().startswith(b"\x89PNG")
            board.kill()
            await until(lambda: len(board.boots) == 2, "a boot")
            await until(lambda: board.pictures == 1, "a picture after the power cut")

    play(story())


def test_a_dark_screen_after_a_power_cut(tmp_path: Path) -> None:
    main = """
import os
if "was-here" not in os.listdir():
    open("was-here", "w").close()
    hardware.display.blit(0, memoryview(bytearray(b"\\xff" * 640)))
    hardware.display.present()
print("boots")
"""

    async def story() -> None:
        async with board_with(tmp_path, files(main)) as board:
            await until(lambda: board.pictures == 1, "a picture")
            board.kill()
            await until(lambda: len(board.boots) == 2, "a boot")
            assert not board.screen().strip(b"\0")
            assert board.pictures == 0

    play(story())


def test_buttons_are_held_as_long_as_they_are(tmp_path: Path) -> None:
    main = """
async def watch():
    before = None
    while True:
        if hardware.buttons.held() != before:
            before = hardware.buttons.held()
            print("held", before)
        await asyncio.sleep_ms(1)
asyncio.run(watch())
"""

    async def story() -> None:
        async with board_with(tmp_path, files(main)) as board:
            await said(board, "held 0")
            board.press(Button.CANCEL)
            await said(board, "held 2")
            board.press(Button.LANGUAGE)
            await said(board, "held 6")
            board.release(Button.CANCEL | Button.LANGUAGE)
            await until(lambda: board.console.count("held 0") == 2, "the release")

    play(story())


def test_light_sound_and_the_readers_supply_are_told_in_order(tmp_path: Path) -> None:
    main = """
hardware.light.set(0x00FF80)
hardware.buzzer.tone(2000)
hardware.buzzer.tone(0)
hardware.power_reader(False)
"""
    signals: list[Signal] = []

    async def story() -> None:
        async with board_with(tmp_path, files(main), on_signal=signals.append):
            await until(lambda: len(signals) == 4, "four signals")

    play(story())
    assert [(signal.kind, signal.value) for signal in signals] == [
        ("light", 0x00FF80),
        ("tone", 2000),
        ("tone", 0),
        ("reader-power", 0),
    ]
    assert [signal.at for signal in signals] == sorted(signal.at for signal in signals)


def test_the_rate_of_the_readers_line_is_seen(tmp_path: Path) -> None:
    main = """
async def main():
    try:
        await hardware.open_reader(57600)
    except OSError:
        print("no module")
asyncio.run(main())
"""

    async def story() -> None:
        async with board_with(tmp_path, files(main)) as board:
            await said(board, "no module")
            assert board.reader_baud == 57600

    play(story())
