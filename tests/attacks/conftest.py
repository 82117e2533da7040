"""A bench, a line and a counter for each attack. `own_pki` is for attacks that change the authority or the registry."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.attacks.bench import Bench
from tests.attacks.counter import Counter
from tests.attacks.line import Line
from tests.host_agent.conftest import pki as pki  # the same test authority
from tests.host_agent.rig import Rig
from tests.host_agent.test_forwarder import Post


@pytest.fixture
def own_pki(pki: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(pki, tmp_path / "pki"))


@pytest.fixture
def bench(pki: Path, tmp_path: Path) -> Iterator[Bench]:
    bench = Bench(pki, tmp_path)
    yield bench
    bench.close()


@pytest.fixture
def line(own_pki: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> Iterator[Line]:
    line = Line(Rig(own_pki, tmp_path), caplog)
    yield line
    line.close()


@pytest.fixture
def counter(line: Line, tmp_path: Path) -> Iterator[Counter]:
    counter = Counter(line, tmp_path)
    yield counter
    counter.close()


@pytest.fixture
def post(pki: Path, tmp_path: Path) -> Iterator[Post]:
    post = Post(pki, tmp_path)
    yield post
    post.store.close()
