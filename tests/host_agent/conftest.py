"""One test authority for all tests of the agent; each test has a folder of its own for the rest."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.host_agent.rig import Rig
from tools.pki import authority

DEVICES = ("t-0001", "t-0002", "t-0003")


@pytest.fixture(scope="session")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("authority") / "pki"
    authority.create(folder, DEVICES)
    return folder


@pytest.fixture
def rig(pki: Path, tmp_path: Path) -> Iterator[Rig]:
    rig = Rig(pki, tmp_path)
    yield rig
    rig.close()
