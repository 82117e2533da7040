"""What a net sees of a frame equals the reference, for every kind of pixel and for views beyond the frame's edge."""

import numpy as np
import pytest

from tests.face.models import random_net
from tests.face.terminal import work
from tools.models import netfile, reference

WIDTH, HEIGHT = 37, 29
KINDS = {"grey": 1, "rgb565": 2, "rgb888": 3}
VIEWS = {
    "finer": (0.31, 0.02, 3.4, -0.02, 0.31, 2.2),
    "turned and outside": (1.1, 0.9, -14.0, -0.9, 1.1, 9.0),
    "coarser, four samples": (1.9, -0.6, -6.5, 0.6, 1.9, -9.0),
    "far outside": (1.0, 0.0, 500.0, 0.0, 1.0, -400.0),
}


@pytest.mark.parametrize("kind", KINDS)
def test_view_of_a_frame(tmp_path, kind):
    random = np.random.default_rng(565)
    net, _ = random_net(0)
    size = net.tensors[0].height, net.tensors[0].width
    (tmp_path / "net").write_bytes(netfile.pack(net))
    pixels = random.integers(0, 256, (HEIGHT, WIDTH, KINDS[kind]), dtype=np.uint8)
    (tmp_path / "frame").write_bytes(pixels.tobytes())
    jobs, wanted = [], []
    for name, view in VIEWS.items():
        for black in (False, True):
            out = tmp_path / f"{name} {black}"
            jobs.append({"do": "take", "net": str(tmp_path / "net"), "arena": net.arena_bytes, "out": str(out)})
            jobs[-1] |= {"frame": str(tmp_path / "frame"), "width": WIDTH, "height": HEIGHT, "kind": KINDS[kind]}
            jobs[-1] |= {"view": view, "black": black}
            wanted.append((out, reference.take(as_colours(pixels), view, size, black)))
    assert all(result["guard"] for result in work(tmp_path, jobs))
    for out, expected in wanted:
        assert out.read_bytes() == expected.tobytes(), out.name


def as_colours(pixels: np.ndarray) -> np.ndarray:
    """Upper bits repeated in the lower ones, as full white must stay full white."""
    if pixels.shape[2] == 1:
        return np.repeat(pixels, 3, axis=2)
    if pixels.shape[2] == 3:
        return pixels
    words = pixels[..., 0].astype(int) << 8 | pixels[..., 1]
    red, green, blue = words >> 11, words >> 5 & 63, words & 31
    return np.stack([red << 3 | red >> 2, green << 2 | green >> 4, blue << 3 | blue >> 2], axis=2).astype(np.uint8)
