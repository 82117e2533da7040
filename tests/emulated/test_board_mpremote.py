"""The technicians' tool on an emulated board, while a firmware program that never ends runs on it."""

import hashlib
import random
from pathlib import Path

from tests.emulated.board_bench import BUSY, board_with, booted, mpremote, mpremote_reset, play, said, until
from tools.emulator.flash import read_file, read_files


def test_fs_ls_lists_what_is_on_the_board(tmp_path: Path) -> None:
    async def story() -> None:
        async with board_with(tmp_path, {"main.py": BUSY, "data/a.txt": b"abc"}) as board:
            await said(board, "busy")
            listing = await mpremote(board, "fs", "ls")
            assert "main.py" in listing
            assert "data/" in listing
            assert "3 a.txt" in await mpremote(board, "fs", "ls", ":data")

    play(story())


def test_cp_brings_binary_files_up_and_down_unchanged(tmp_path: Path) -> None:
    seed = random.randrange(2**32)
    print("seed", seed)
    data = random.Random(seed).randbytes(20_000) + bytes(range(256))
    (tmp_path / "up.bin").write_bytes(data)

    async def story() -> None:
        async with board_with(tmp_path, {"main.py": BUSY}) as board:
            await mpremote(board, "fs", "cp", str(tmp_path / "up.bin"), ":up.bin")
            assert hashlib.sha256(data).hexdigest() in await mpremote(board, "fs", "sha256sum", ":up.bin")
            await mpremote(board, "fs", "cp", ":up.bin", str(tmp_path / "down.bin"))

    play(story())
    assert (tmp_path / "down.bin").read_bytes() == data
    assert read_file(tmp_path / "flash.img", "up.bin") == data


def test_cp_r_brings_a_tree(tmp_path: Path) -> None:
    source = tmp_path / "tree"
    (source / "deep").mkdir(parents=True)
    (source / "one.py").write_bytes(b"x = 1\n")
    (source / "deep" / "two.py").write_bytes(b"x = 2\n")

    async def story() -> None:
        async with board_with(tmp_path, {"main.py": BUSY}) as board:
            await mpremote(board, "fs", "cp", "-r", str(source), ":")
            assert "2" in await mpremote(board, "exec", "from tree.deep import two; print(two.x)")

    play(story())
    assert read_files(tmp_path / "flash.img")["tree/deep/two.py"] == b"x = 2\n"


def test_exec_and_run_answer_and_tell_errors(tmp_path: Path) -> None:
    (tmp_path / "script.py").write_text("print('sum', sum(range(10)))\n")

    async def story() -> None:
        async with board_with(tmp_path, {"main.py": BUSY}) as board:
            assert await mpremote(board, "exec", "print(6 * 7)") == "42\n"
            assert await mpremote(board, "run", str(tmp_path / "script.py")) == "sum 45\n"
            assert "ZeroDivisionError" in await mpremote(board, "exec", "1 / 0", fails=True)

    play(story())


def test_df_shows_the_flash_at_the_root(tmp_path: Path) -> None:
    async def story() -> None:
        async with board_with(tmp_path, {"main.py": BUSY}) as board:
            line = next(line for line in (await mpremote(board, "df")).splitlines() if line.endswith(" /"))
            assert "4784128" in line.split()

    play(story())


def test_soft_reset_keeps_main_quiet_and_reset_starts_it(tmp_path: Path) -> None:
    async def story() -> None:
        files = {"boot.py": b"print('boot runs')\n", "main.py": BUSY}
        async with board_with(tmp_path, files) as board:
            await said(board, "busy")
            await mpremote(board, "soft-reset")
            assert board.boots == ["power-on", "soft"]
            assert board.console.count("boot runs") == 2
            assert board.console.count("busy") == 1
            await mpremote_reset(board)
            await booted(board, 4)
            assert board.boots[2:] == ["soft", "hard"]
            await until(lambda: board.console.count("busy") == 2, "main.py started by the reset")
            assert await mpremote(board, "exec", "print('answers')") == "answers\n"

    play(story())


def test_a_program_that_hangs_in_python_gives_way_to_the_technician(tmp_path: Path) -> None:
    async def story() -> None:
        async with board_with(tmp_path, {"main.py": b"print('hangs')\nwhile True: pass\n"}) as board:
            await said(board, "hangs")
            assert "main.py" in await mpremote(board, "fs", "ls")

    play(story())


def test_much_output_arrives_whole(tmp_path: Path) -> None:
    async def story() -> None:
        async with board_with(tmp_path, {}) as board:
            output = await mpremote(board, "exec", "for i in range(20000): print(i)")
            assert [int(line) for line in output.split()] == list(range(20000))

    play(story())


def test_mount_serves_a_folder_of_the_host(tmp_path: Path) -> None:
    (tmp_path / "remote").mkdir()
    (tmp_path / "remote" / "bytes.bin").write_bytes(bytes(range(256)) * 4)

    async def story() -> None:
        async with board_with(tmp_path, {}) as board:
            code = "print(open('/remote/bytes.bin', 'rb').read() == bytes(range(256)) * 4)"
            assert "True" in await mpremote(board, "mount", str(tmp_path / "remote"), "exec", code)

    play(story())
