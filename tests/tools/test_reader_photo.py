"""Pictures on a PC: those that a module appends, and those of a vendor's decoder, which may do anything."""

import io
import stat
import sys
from pathlib import Path

import pytest
from PIL import Image
from terminal.card_picture import HEIGHT, WIDTH
from typer.testing import CliRunner

from tests.tools.virtual_reader import VirtualReader
from tools.emulator import people
from tools.reader import cli, photo
from tools.reader.photo import Decoder, DecoderFailed, DecoderUnlicensed, Layout, PhotoDamaged

SAM_ID = "05.01-20150101-0001234567-0123456789"
BLOCK = people.photo_block(5)
# Not symmetrical in any way: red grows to the right, green downwards.
PICTURE = b"".join(bytes((2 * x, 2 * y, 7)) for y in range(HEIGHT) for x in range(WIDTH))
runner = CliRunner()


def bmp() -> bytes:
    file = io.BytesIO()
    Image.frombytes("RGB", (WIDTH, HEIGHT), PICTURE).save(file, "BMP")
    return file.getvalue()


def program(folder: Path, body: str) -> list[str]:
    """A vendor's decoder."""
    path = folder / "decoder.py"
    path.write_text(f"import os, sys, time\nblock = sys.stdin.buffer.read()\n{body}", encoding="utf-8")
    return [sys.executable, str(path)]


def writing(folder: Path, output: bytes) -> list[str]:
    (folder / "output").write_bytes(output)
    check = f"assert len(block) == 1024 and sys.argv[-1] == {SAM_ID!r}\n"
    return program(folder, check + f"sys.stdout.buffer.write(open({str(folder / 'output')!r}, 'rb').read())")


def rearranged(pixels: bytes, *, is_bgr: bool, is_bottom_up: bool, is_mirrored: bool) -> bytes:
    image = Image.frombytes("RGB", (WIDTH, HEIGHT), pixels)
    if is_bottom_up:
        image = image.transpose(Image.Transpose.FLIP_TOP_BOTTOM)
    if is_mirrored:
        image = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    if is_bgr:
        image = Image.merge("RGB", image.split()[::-1])
    return image.tobytes()


def test_a_bmp_is_taken(tmp_path: Path) -> None:
    assert Decoder(writing(tmp_path, bmp())).decode(BLOCK, SAM_ID) == PICTURE


@pytest.mark.parametrize("layout", [Layout.RGB, Layout.BGR])
@pytest.mark.parametrize("is_bottom_up", [False, True])
@pytest.mark.parametrize("is_mirrored", [False, True])
def test_bare_pixels_are_put_in_order(tmp_path: Path, layout: Layout, is_bottom_up: bool, is_mirrored: bool) -> None:
    output = rearranged(PICTURE, is_bgr=layout is Layout.BGR, is_bottom_up=is_bottom_up, is_mirrored=is_mirrored)
    decoder = Decoder(writing(tmp_path, output), layout, is_bottom_up, is_mirrored)
    assert decoder.decode(BLOCK, SAM_ID) == PICTURE


@pytest.mark.parametrize(
    ("body", "error", "says"),
    [
        ("sys.exit(3)", DecoderUnlicensed, "licence"),
        ("sys.exit(4)", PhotoDamaged, "damaged"),
        ("sys.exit(1)", DecoderFailed, "exit status 1"),
        ("os.kill(os.getpid(), 11)", DecoderFailed, "signal 11"),
        ("time.sleep(60)", DecoderFailed, "did not end"),
        ("pass", PhotoDamaged, "0 bytes"),
        ("sys.stdout.buffer.write(b'BM' + bytes(38860))", PhotoDamaged, "not a BMP"),
    ],
)
def test_whatever_a_decoder_does_has_its_code(tmp_path: Path, body: str, error: type, says: str) -> None:
    with pytest.raises(error) as caught:
        Decoder(program(tmp_path, body), time_limit_s=1.0).decode(BLOCK, SAM_ID)
    assert says in str(caught.value)


def test_a_decoder_that_is_not_there_is_said() -> None:
    with pytest.raises(DecoderFailed) as caught:
        Decoder(["/nowhere/decoder"]).decode(BLOCK, SAM_ID)
    assert "cannot be started" in str(caught.value)


def test_too_few_pixels_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DecoderFailed):
        Decoder(writing(tmp_path, PICTURE[:-3]), Layout.RGB).decode(BLOCK, SAM_ID)


def test_read_writes_the_decoded_picture_for_its_owner_only(tmp_path: Path) -> None:
    target, command = tmp_path / "card.png", " ".join(writing(tmp_path, bmp()))
    with VirtualReader("plain") as reader:
        arguments = ["read", "--port", reader.port, "--photo", str(target), "--decoder", command]
        result = runner.invoke(cli.app, arguments, input="y\n")
    assert result.exit_code == 0, result.output
    assert Image.open(target).convert("RGB").tobytes() == PICTURE
    assert stat.S_IMODE(target.stat().st_mode) == 0o600


def test_without_a_decoder_no_picture_is_made_up(tmp_path: Path) -> None:
    target = tmp_path / "card.png"
    with VirtualReader("plain") as reader:
        result = runner.invoke(cli.app, ["read", "--port", reader.port, "--photo", str(target)], input="y\n")
    assert isinstance(result.exception, photo.NotDecoded)
    assert not target.exists()


@pytest.mark.parametrize("answer", ["n\n", ""])
def test_no_picture_is_written_without_a_yes(tmp_path: Path, answer: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cli, "Module", None)  # whoever opened the port here would fail otherwise
    target = tmp_path / "card.png"
    result = runner.invoke(cli.app, ["read", "--port", "/dev/null", "--photo", str(target)], input=answer)
    assert result.exit_code == 1 and not target.exists()
