"""The ROM of an emulated board: modules run in place at `/rom`, and `mpremote romfs` replaces it."""

from pathlib import Path

from tests.emulated.board_bench import board_with, booted, mpremote, mpremote_reset, play, said
from tools import rom
from tools.emulator.flash import ROM_BYTES, write_rom
from tools.emulator.interpreter import ARCH

FUNCTIONS = b"".join(b"def f%d(a, b, c):\n    return a * b + c\n" % i for i in range(400))
BIG_MODULE = b"def answer():\n    return 42\n" + FUNCTIONS
MEASURE = b"""
import gc
gc.collect()
before = gc.mem_alloc()
import big
gc.collect()
print("answer", big.answer(), "in", big.__file__)
print("heap", gc.mem_alloc() - before)
"""


def rom_file(folder: Path, files: dict[str, bytes]) -> Path:
    path = folder / "rom.img"
    write_rom(path, rom.build_rom(rom.compiled(files, ARCH)))
    return path


def heap_taken(console: str) -> int:
    return int(console.split("heap ")[1].split()[0])


def test_modules_in_rom_run_in_place(tmp_path: Path) -> None:
    taken: list[int] = []

    async def story() -> None:
        image = rom_file(tmp_path, {"big.py": BIG_MODULE})
        async with board_with(tmp_path, {"main.py": MEASURE}, rom=image) as board:
            await said(board, "heap ")
            assert "answer 42 in /rom/big.mpy" in board.console
            taken.append(heap_taken(board.console))
        async with board_with(tmp_path, {"main.py": MEASURE, "big.py": BIG_MODULE}) as board:
            await said(board, "heap ")
            taken.append(heap_taken(board.console))

    play(story())
    assert taken[0] < taken[1] * 0.75, taken  # the functions' objects are on the heap either way, their code is not


def test_file_on_flash_goes_before_the_one_in_rom(tmp_path: Path) -> None:
    async def story() -> None:
        image = rom_file(tmp_path, {"big.py": BIG_MODULE})
        mine = b"def answer():\n    return 'mine'\n"
        async with board_with(tmp_path, {"main.py": MEASURE, "big.py": mine}, rom=image) as board:
            await said(board, "answer mine in big.py")

    play(story())


def test_mpremote_replaces_the_rom(tmp_path: Path) -> None:
    folder = tmp_path / "new"
    folder.mkdir()
    (folder / "big.py").write_text("def answer():\n    return 'new'\n")

    async def story() -> None:
        image = rom_file(tmp_path, {"big.py": BIG_MODULE})
        async with board_with(tmp_path, {"main.py": MEASURE}, rom=image) as board:
            await said(board, "answer 42")
            assert f"has size {ROM_BYTES} bytes" in await mpremote(board, "resume", "romfs", "query")
            await mpremote(board, "resume", "romfs", "deploy", str(folder))
            await mpremote_reset(board, "resume")
            await booted(board, 2)
            await said(board, "answer new in /rom/big.mpy")

    play(story())


def test_rom_that_is_none_leaves_the_board_alone(tmp_path: Path) -> None:
    async def story() -> None:
        image = tmp_path / "rom.img"
        write_rom(image, b"\xff" * 64)
        async with board_with(tmp_path, {"main.py": b"import sys\nprint('path', sys.path)"}, rom=image) as board:
            await said(board, "path ['', '.frozen', '/lib']")
            assert "rom: not mounted" in board.console

    play(story())
