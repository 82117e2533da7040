"""`shiming face evaluate`: its arithmetic on numbers that can be checked by hand, and the command on painted people."""

import json
import re
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import pytest
import terminal.face_step
from typer.testing import CliRunner

from tests.shared import SHARED
from tools.cli import app
from tools.emulator.camera.camera import card_picture
from tools.emulator.camera.cast import CAST
from tools.face import people, plot, thresholds, verification
from tools.face.confidence import at_most, share
from tools.face.errors import NetworksFailed, PartsMissing, PicturesUnusable
from tools.face.networks import Networks
from tools.face.verification import Comparisons, Verification, curve, judge

ORL = SHARED / "faces" / "orl"
PEOPLE = 3


def comparisons(genuine: list[int], impostor: list[int], count: int = 10) -> Comparisons:
    """Spread over some people."""
    one = np.arange(len(genuine) + len(impostor)) % count
    other = np.where(np.arange(len(one)) < len(genuine), one, (one + 1) % count)
    return Comparisons(np.array(genuine + impostor), one, other)


@pytest.fixture(scope="module")
def judged() -> Verification:
    return judge(comparisons([*range(900, 1000)], [*range(990), *[950] * 10]), {"fmr-1e-3": 940}, seed=1)


def test_thresholds_rates_and_eer(judged: Verification) -> None:
    assert (judged.genuine, judged.impostor, judged.people) == (100, 1000, 10)
    at = {point.name: point for point in judged.chosen}
    assert at["FMR 0.01"].threshold == 980 and at["FMR 0.01"].fmr.errors == 10
    assert at["FMR 0.01"].fnmr.errors == 80 and at["FMR 0.01"].fnmr.rate == 0.8
    assert at["FMR 0.001"].threshold == 989 and at["FMR 0.0001"].threshold == 990
    assert not at["FMR 0.001"].is_supported and at["FMR 0.01"].is_supported
    assert (judged.in_use.threshold, judged.in_use.fmr.errors, judged.in_use.fnmr.errors) == (940, 60, 40)
    assert judged.eer == pytest.approx((0.084 + 0.08) / 2, abs=0.01)


def test_a_score_at_the_threshold_is_a_match_as_on_the_terminal() -> None:
    found = curve(comparisons([485, 484], [485, 484]))
    assert found.fnmr[485 - verification.LOWEST] == 0.5 and found.fmr[485 - verification.LOWEST] == 0.5


def test_limits_contain_the_rate_and_are_wider_for_errors_of_one_person(judged: Verification) -> None:
    assert judged.in_use.fnmr.low <= judged.in_use.fnmr.rate <= judged.in_use.fnmr.high
    spread = [100 if number in (0, 11, 22, 33, 44, 55, 66, 77, 88, 99) else 900 for number in range(100)]
    heaped = [100 if number % 10 == 0 else 900 for number in range(100)]
    one, other = (judge(comparisons(each, [0] * 100), {"fmr-1e-3": 485}, 1).in_use.fnmr for each in (spread, heaped))
    assert one.rate == other.rate == 0.1
    assert other.high - other.low > 2 * (one.high - one.low), "people are drawn, not comparisons"


def test_no_error_is_no_proof() -> None:
    found = judge(comparisons([900] * 100, [0] * 1000), {"fmr-1e-3": 485}, 1).in_use
    assert found.fnmr.high == pytest.approx(3 / 10) and found.fmr.high == pytest.approx(3 / 45)
    assert share(0, 300).high == 0.01


def test_limits_of_clopper_and_pearson() -> None:
    """As published in tables."""
    found = share(1, 10)
    assert (found.low, found.high) == (pytest.approx(0.00253, abs=1e-5), pytest.approx(0.44502, abs=1e-5))
    assert share(10, 10).high == 1 and share(10, 10).low == pytest.approx(0.69150, abs=1e-5)
    assert at_most(3, 10, 0.5) == pytest.approx(176 / 1024)


def test_the_operating_point_is_the_terminals() -> None:
    assert thresholds.OPERATING_POINT == terminal.face_step.OPERATING_POINT
    assert thresholds.in_use() == 485


@pytest.fixture(scope="module")
def painted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of the project's own cast: each twice, once smaller and darker, and something that is no picture beside."""
    folder = tmp_path_factory.mktemp("painted")
    for number, identity in enumerate(CAST[:PEOPLE]):
        person = folder / f"secret-name-{number}"
        person.mkdir()
        picture = card_picture(identity, 160, 200).convert("RGB")
        picture.save(person / "a.png")
        picture.resize((120, 150)).point([level * 4 // 5 for level in range(256)] * 3).save(person / "b.jpg")
        (person / "notes.txt").write_text("not a picture")
    (folder / ".hidden").mkdir()
    return folder


def test_the_command_on_painted_people(painted: Path, tmp_path: Path) -> None:
    options = ["--pairs", str(painted), "--attacks", "1", "--seed", "2", "--output", str(tmp_path / "out"), "--json"]
    result = CliRunner().invoke(app, ["face", "evaluate", *options])
    assert result.exit_code == 0, result.output
    said = json.loads(result.stdout)
    written = (tmp_path / "out" / "report.json").read_text()
    assert json.loads(written) == said
    assert "secret-name" not in result.output + written
    assert (said["pictures"]["people"], said["pictures"]["pictures"], said["pictures"]["missed"]) == (PEOPLE, 6, 0)
    found = said["verification"]
    assert (found["genuine"], found["impostor"], found["in_use"]) == (3, 12, "fmr-1e-3")
    assert found["shipped"]["fmr-1e-3"]["fnmr"]["errors"] == found["shipped"]["fmr-1e-3"]["fmr"]["errors"] == 0
    assert said["liveness"]["light"] and len(said["liveness"]["species"]) == 15
    assert said["liveness"]["species"]["another's card"]["apcer"] is None
    assert any("simulated" in words for words in said["words"]) and any(
        "laboratory" in words for words in said["words"]
    )
    picture = ET.parse(tmp_path / "out" / "det.svg").getroot()
    assert picture.tag.endswith("svg") and "3 people" in "".join(picture.itertext())


def test_the_plot_holds_every_point_within_its_frame(judged: Verification) -> None:
    drawn = plot.det(judged, "DET")
    centres = re.findall(r'cx="([\d.]+)" cy="([\d.]+)"', drawn)
    assert len(centres) == 4
    assert all(plot.LEFT <= float(x) <= plot.LEFT + plot.SIDE for x, _ in centres)
    assert all(plot.TOP <= float(y) <= plot.TOP + plot.SIDE for _, y in centres)
    assert plot.across(0.1) > plot.across(0.01) and plot.up(0.1) < plot.up(0.01)


def test_a_folder_that_cannot_be_compared_is_refused_by_name(tmp_path: Path) -> None:
    missing = tmp_path / "nowhere"
    with pytest.raises(PicturesUnusable, match="no such folder"):
        people.read(missing)
    (tmp_path / "one").mkdir()
    card_picture(CAST[0]).save(tmp_path / "one" / "a.png")
    with pytest.raises(PicturesUnusable, match="two people"):
        people.read(tmp_path)
    (tmp_path / "two").mkdir()
    for name in ("a.jpg", "b.jpg"):
        (tmp_path / "two" / name).write_bytes(b"no picture at all")
    with pytest.raises(PicturesUnusable, match="a.jpg: not a picture"):
        people.read(tmp_path)


def test_missing_parts_are_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("tools.face.cli.find_spec", lambda name: None if name == "PIL" else name)
    result = CliRunner().invoke(app, ["face", "evaluate", "--pairs", str(tmp_path)])
    assert isinstance(result.exception, PartsMissing) and "Pillow missing" in str(result.exception)


def test_networks_that_are_refused_say_so(tmp_path: Path) -> None:
    with pytest.raises(NetworksFailed, match="NetRefused"), Networks(tmp_path):
        pass


@pytest.mark.face_proof
@pytest.mark.parametrize("is_card", [False, True], ids=["live", "card"])
def test_orl_fnmr_at_fmr_1e_3_is_at_most_1_percent(is_card: bool) -> None:
    if not ORL.exists():
        pytest.skip("no shared faces")
    found = judge(verification.compare(people.read(ORL), is_card), thresholds.shipped(), 1)
    print(f"FIGURE ORL, card {is_card}: {found.genuine} genuine, {found.impostor} impostor, {found.missed} missed")
    print(f"FIGURE EER {found.eer:.2%}", *found.chosen, *found.shipped, sep="\n")
    assert found.people == 20 and found.missed == 0
    at = {point.name: point for point in found.chosen}
    assert at["FMR 0.001"].fmr.rate <= 1e-3 and at["FMR 0.001"].fnmr.rate <= 0.01
    assert found.in_use.fmr.rate <= 1e-3 and found.in_use.fnmr.rate <= 0.01
