"""The shipped files are those of the manifest; one flipped bit makes a file useless."""

import hashlib
import json
import random

import pytest

from tests.face.terminal import MODELS, SHIPPED, work
from tools.models import netfile, sources

MANIFEST = json.loads((MODELS / "manifest.json").read_text())["models"]


@pytest.mark.parametrize("entry", MANIFEST, ids=lambda entry: entry["model"])
def test_manifest_names_the_file_and_its_source(entry):
    content = (MODELS / entry["file"]).read_bytes()
    assert hashlib.sha256(content).hexdigest() == entry["sha256"]
    assert len(content) == entry["bytes"]
    net = netfile.unpack(content)
    assert net.name == entry["model"]
    assert (net.tensors[0].height, net.tensors[0].width) == (entry["input"]["height"], entry["input"]["width"])
    source = sources.catalogue()["models"][entry["file"].removesuffix(".net")]
    assert (entry["source"]["path"], entry["source"]["sha256"]) == (source["path"], source["sha256"])
    assert entry["source"]["licence"]
    assert entry["thresholds"]


def test_manifest_is_complete_and_the_anti_spoof_weights_are_not_there():
    assert {entry["file"] for entry in MANIFEST} == {f"{name}.net" for name in SHIPPED}
    assert {path.name for path in MODELS.glob("*.net")} == {f"{name}.net" for name in SHIPPED}


def test_one_flipped_bit_anywhere_is_refused(tmp_path):
    seed = 1
    print("seed", seed)
    chance = random.Random(seed)
    jobs = []
    for name in SHIPPED:
        content = bytearray((MODELS / f"{name}.net").read_bytes())
        for place in ("header", "digest", "tables", "weights"):
            low, high = {"header": (4, 64), "digest": (64, 96), "tables": (96, 400), "weights": (8000, len(content))}[
                place
            ]
            at, bit = chance.randrange(low, high), 1 << chance.randrange(8)
            content[at] ^= bit
            path = tmp_path / f"{name}-{place}"
            path.write_bytes(content)
            content[at] ^= bit
            jobs.append({"do": "refuse", "net": str(path), "arena": 700_000})
    assert all(result["refused"] for result in work(tmp_path, jobs))
