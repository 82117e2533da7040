"""The whole step under MicroPython on shared faces: nets in place, one arena, the heap that a board has."""

import json
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from tests.face.models import random_net
from tests.face.terminal import MICROPYTHON, MODELS, ROOT, TIMEOUT_S
from tests.shared import SHARED
from tools.bench import face
from tools.models import netfile

ORL = SHARED / "faces" / "orl"
HEAP_KB = 1280  # the promise is 1,536
PEOPLE = ("s1", "s2", "s3")


@pytest.fixture(scope="module")
def similarities() -> dict[tuple[str, str], float | None]:
    """Of the third and the seventh picture of some people, by their names."""
    if not ORL.exists():
        pytest.skip("no shared faces")
    pairs = [(one, other) for one in PEOPLE for other in PEOPLE]
    paths = [
        str(ORL / person / picture) for pair in pairs for person, picture in zip(pair, ("3.pgm", "7.pgm"), strict=True)
    ]
    command = [MICROPYTHON, "-X", "heapsize=8M", str(Path(__file__).parent / "matcher_probe.py")]
    command += [str(ROOT / "firmware"), str(MODELS), *paths]
    result = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_S, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
    return dict(zip(pairs, json.loads(result.stdout), strict=True))


def test_same_person_is_above_and_others_are_below_the_threshold(similarities):
    threshold = thresholds()["fmr-1e-3"]
    for (one, other), similarity in similarities.items():
        assert similarity is not None
        assert (similarity > threshold) == (one == other), (one, other, similarity)


def thresholds() -> dict[str, float]:
    models = json.loads((MODELS / "manifest.json").read_text())["models"]
    return next(entry["thresholds"] for entry in models if entry["role"] == "embedder")


def test_a_manifest_that_names_another_digest_is_refused(tmp_path):
    for file in MODELS.iterdir():
        (tmp_path / file.name).symlink_to(file)
    manifest = json.loads((MODELS / "manifest.json").read_text())
    manifest["models"][1]["digest"] = "00" * 32
    (tmp_path / "manifest.json").unlink()
    (tmp_path / "manifest.json").write_text(json.dumps(manifest))
    command = [MICROPYTHON, "-X", "heapsize=8M", str(Path(__file__).parent / "matcher_probe.py")]
    command += [str(ROOT / "firmware"), str(tmp_path)]
    result = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_S, check=False)
    assert result.returncode != 0
    assert "NetRefused: another model than the manifest names" in result.stdout + result.stderr


def load(folder: Path) -> subprocess.CompletedProcess[str]:
    code = "import sys; sys.path.insert(0, sys.argv[1])\nfrom terminal.face import engine\n"
    code += "found = engine.load(sys.argv[2]); print(found.pad is not None, sorted(found.digests))"
    command = [MICROPYTHON, "-X", "heapsize=8M", "-c", code, str(ROOT / "firmware"), str(folder)]
    return subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_S, check=False)


def with_passive(folder: Path, name: str) -> Path:
    """The nets that ship, and one of an operator's under this name."""
    for file in MODELS.iterdir():
        if file.name != "passive.net":
            (folder / file.name).symlink_to(file)
    net, _ = random_net(5)
    (folder / "passive.net").write_bytes(netfile.pack(replace(net, name=name)))
    return folder


def test_a_passive_model_is_taken_where_the_operator_has_put_one(tmp_path):
    assert load(with_passive(tmp_path, "minifasnet-v2-80")).stdout.startswith("True ")
    assert "minifasnet-v2-80" in load(tmp_path).stdout, "its digest is signed with the others"
    (tmp_path / "passive.net").unlink()
    assert load(tmp_path).stdout.startswith("False ")


def test_another_model_or_a_damaged_one_in_the_passive_slot_is_refused(tmp_path):
    with_passive(tmp_path, "another")
    assert "NetRefused: another model than the slot is for" in load(tmp_path).stderr + load(tmp_path).stdout
    (tmp_path / "passive.net").write_bytes(b"SMFN")
    assert "NetRefused" in load(tmp_path).stderr + load(tmp_path).stdout


def test_whole_step_fits_its_heap_with_the_nets_outside_it():
    picture = next(iter(sorted(ORL.glob("s1/1.pgm"))), None)
    if picture is None:
        pytest.skip("no shared faces")
    assert face.interpret(HEAP_KB, 0, picture, MODELS) is not None
