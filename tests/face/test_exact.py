"""MicroPython computes the shipped nets exactly as the reference, with the kernels of 64 and of 32 bits."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.face.terminal import KERNELS, MODELS, SHIPPED, synthetic_pictures, work
from tests.shared import SHARED
from tools.models import netfile, reference

ORL = SHARED / "faces" / "orl"


@pytest.fixture(scope="module", params=SHIPPED)
def net(request: pytest.FixtureRequest) -> tuple[Path, netfile.Net]:
    path = MODELS / f"{request.param}.net"
    return path, netfile.unpack(path.read_bytes())


def compare(tmp_path: Path, net: tuple[Path, netfile.Net], pictures: list[np.ndarray], kernels: list[str]) -> None:
    path, content = net
    jobs, wanted = [], []
    for number, picture in enumerate(pictures):
        file = tmp_path / f"{number}.raw"
        file.write_bytes(picture.tobytes())
        expected = b"".join(output.tobytes() for output in reference.outputs(content, picture))
        for kernel in kernels:
            out = tmp_path / f"{number}.{kernel}"
            jobs.append({"do": "run", "net": str(path), "picture": str(file), "out": str(out)})
            jobs[-1] |= {"packed": KERNELS[kernel], "arena": content.arena_bytes}
            wanted.append((out, expected))
    for result in work(tmp_path, jobs):
        assert result["guard"]
        assert result["steps"] >= len(content.operations), "the event loop has its turn at least after each operation"
    for out, expected in wanted:
        assert out.read_bytes() == expected, out.name


def sized(paths: list[Path], content: netfile.Net) -> list[np.ndarray]:
    source = content.tensors[0]
    return [np.asarray(Image.open(path).convert("RGB").resize((source.width, source.height))) for path in paths]


def test_shipped_net_on_synthetic_pictures(tmp_path, net):
    source = net[1].tensors[0]
    drawn, noise, black, white = synthetic_pictures(source.height, source.width)
    compare(tmp_path, net, [drawn, noise], list(KERNELS))
    compare(tmp_path, net, [black, white], ["packed"])


def test_shipped_net_on_faces(tmp_path, net):
    paths = sorted(ORL.glob("s*/1.pgm"))[:4]
    if not paths:
        pytest.skip("no shared faces")
    pictures = sized(paths, net[1])
    compare(tmp_path, net, pictures, ["packed"])
    compare(tmp_path, net, pictures[:1], ["portable"])


@pytest.mark.face_proof
@pytest.mark.parametrize("first", range(1, 21, 2))
def test_shipped_net_on_every_face(tmp_path, net, first):
    """Both kernels, two people at a time: 200 pictures in all."""
    paths = [path for person in (first, first + 1) for path in sorted((ORL / f"s{person}").glob("*.pgm"))]
    if not paths:
        pytest.skip("no shared faces")
    assert len(paths) == 20
    compare(tmp_path, net, sized(paths, net[1]), list(KERNELS))
    print(f"FIGURE {net[0].stem}: {len(paths)} pictures, the same bytes with both kernels")
