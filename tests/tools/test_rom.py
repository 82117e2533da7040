"""The firmware as a ROMFS image."""

import ast
from pathlib import Path

import pytest

from tools import rom

FIRMWARE = Path(__file__).parents[2] / "firmware"


def test_a_boards_rom_has_the_application_and_its_own_hardware() -> None:
    files = rom.firmware_sources("emulated")
    assert {"hw.py", "terminal/__init__.py", "terminal/app.py", "assets/words.bin"} <= set(files)
    assert files["hw.py"] == (FIRMWARE / "boards" / "emulated" / "hw.py").read_bytes()
    assert not [name for name in files if name.startswith(("boards", "manifest", "boot", "main"))]


def test_only_modules_are_compiled() -> None:
    files = rom.compiled({"a.py": b"x = 1\n", "b/c.py": b"y = 2\n", "d.bin": b"as it is"}, "xtensawin")
    assert sorted(files) == ["a.mpy", "b/c.mpy", "d.bin"]
    assert files["a.mpy"].startswith(b"M\x06") and files["d.bin"] == b"as it is"


def test_native_code_is_compiled_for_its_processor() -> None:
    source = {"a.py": b"import micropython\n@micropython.viper\ndef f(x: int) -> int:\n    return x + 1\n"}
    assert rom.compiled(source, "xtensawin") != rom.compiled(source, "armv7emdp")


def test_what_only_the_type_checker_reads_is_left_out_and_lines_keep_their_numbers() -> None:
    source = b"x = y\n\nTYPE_CHECKING = False\nif TYPE_CHECKING:\n    from typing import Protocol\n\ny = x\n"
    without = source.replace(b"TYPE_CHECKING = False\nif TYPE_CHECKING:\n    from typing import Protocol", b"\n\n")
    lean = rom.compiled(rom.fold_constants({"a.py": source}), "x64")
    assert lean == rom.compiled({"a.py": without}, "x64")
    assert b"Protocol" not in lean["a.mpy"]


def test_numbers_of_one_module_become_const_and_those_of_two_stay() -> None:
    modules = {
        "a.py": b"MINE = 5  # s\nOURS = 6\n\ndef f(x: int) -> int:\n    return x * MINE + OURS\n",
        "b.py": b"import a\nprint(a.OURS)\n",
    }
    lean = rom.fold_constants(modules)
    assert lean["a.py"] == (b"_MINE = const(5)  # s\nOURS = 6\n\ndef f(x: int) -> int:\n    return x * _MINE + OURS\n")
    assert lean["b.py"] == modules["b.py"]


def test_numbers_defined_together_become_const_one_by_one() -> None:
    modules = {"a.py": b"ONE, TWO = 1, -0x2 # s\nprint(ONE, TWO)\n".replace(b"-0x2", b"-2"), "b.py": b"TWO = 'x'\n"}
    assert rom.fold_constants(modules)["a.py"] == b"_ONE = const(1); TWO = -2 # s\nprint(_ONE, TWO)\n"


def test_numbers_of_a_module_stand_where_others_use_them() -> None:
    modules = {
        "terminal/a.py": b"OK = 144\nKEY = (1, 2)\n",
        "b.py": b"from terminal import a, c as other\nprint(a.OK, {a.OK: a.KEY}, other.NO)\n",
        "terminal/c.py": b"NO = 0x10\nprint('c.NO')\n",
    }
    lean = rom.fold_constants(modules)
    assert lean["b.py"] == b"from terminal import a, c as other\nprint(144, {144: a.KEY}, 0x10)\n"
    assert lean["terminal/a.py"] == b"_OK = const(144)\nKEY = (1, 2)\n"
    assert lean["terminal/c.py"] == modules["terminal/c.py"], "what stands in a text stays"


@pytest.mark.parametrize(
    "source",
    [
        b"BIG = 1073741824\nprint(BIG)\n",  # beyond 30 bits
        b"SPOKEN = 5\nprint(f'{SPOKEN + 1}')\n",  # no token of its own before Python 3.12
        b"TEXT = 'x'\nprint(TEXT)\n",
        b"if 1:\n    INNER = 5\n    print(INNER)\n",
    ],
    ids=str,
)
def test_what_cannot_be_const_stays_as_it_is(source: bytes) -> None:
    assert rom.fold_constants({"a.py": source}) == {"a.py": source}


def test_a_constant_named_twice_in_a_line_and_beside_wide_characters() -> None:
    source = "TWO = 2\nprint('\u957f\u671f', TWO, TWO)\n"
    lean = rom.fold_constants({"a.py": source.encode()})["a.py"]
    assert lean.decode() == "_TWO = const(2)\nprint('\u957f\u671f', _TWO, _TWO)\n"


def test_module_that_does_not_compile_is_named() -> None:
    with pytest.raises(rom.CompileFailed, match=r"terminal/wrong.py for x64"):
        rom.compiled({"terminal/wrong.py": b"def\n"}, "x64")


def test_starters_lie_on_the_file_system() -> None:
    assert rom.starter_files()["main.py"] == (FIRMWARE / "main.py").read_bytes()


def test_private_names_are_shared_and_nothing_else_is_renamed() -> None:
    one = b"class A:\n    def _first(self): return self._second + self._second + self.third\n\ndef f(x): x._used\n"
    two = b'def _fourth():\n    return "_spoken"\n\ndef _spoken(): _fourth()\n\ndef _used(): pass\n'
    three = b"from two import _used\nclass B:\n    def __init__(self, _): self._fifth = _\n"
    lean = rom.share_private_names({"one.py": one, "two.py": two, "three.py": three, "x.bin": b"def _first("})
    assert lean["one.py"] == one.replace(b"_second", b"_1").replace(b"_first", b"_2"), "the one used most is first"
    assert lean["two.py"] == two.replace(b"_fourth", b"_1")
    assert lean["three.py"] == three.replace(b"_fifth", b"_1")
    assert lean["x.bin"] == b"def _first("


def test_no_class_inherits_private_names_from_another_module() -> None:
    """Where two modules name private things of the same object, they would have one name."""
    classes = {}
    for file in sorted((FIRMWARE / "terminal").rglob("*.py")) + sorted((FIRMWARE / "drivers").rglob("*.py")):
        tree = ast.parse(file.read_text(encoding="utf-8"))
        for found in [node for node in tree.body if isinstance(node, ast.ClassDef)]:
            classes[found.name] = (file, found)
    for file, found in classes.values():
        for base in [node.id for node in found.bases if isinstance(node, ast.Name) and node.id in classes]:
            other, inherited = classes[base]
            private = {node.attr for node in ast.walk(inherited) if isinstance(node, ast.Attribute)}
            private |= {node.name for node in ast.walk(inherited) if isinstance(node, ast.FunctionDef)}
            private = {name for name in private if name.startswith("_") and not name.startswith("__")}
            assert other == file or not private, f"{found.name} in {file.name} inherits {private} of {base}"
