"""`shiming` as a person or a script uses it: interrupted, terminated, killed, told nonsense."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

SHIMING = (sys.executable, "-m", "tools.cli")
ROOT = Path(__file__).parents[2]
DEADLINE_S = 60  # against hanging


def shiming(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*SHIMING, *arguments],
        cwd=ROOT, env=os.environ | environment, capture_output=True, text=True, timeout=DEADLINE_S,
    )  # fmt: skip


def parts_of(folder: Path) -> list[str]:
    """Processes that have the folder in their arguments or environment: the agent, the backend, the interpreters."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            known = (process / "cmdline").read_bytes() + (process / "environ").read_bytes()
            state = (process / "stat").read_text().rpartition(")")[2].split()[0]
        except OSError:  # it has ended meanwhile, or is somebody else's
            continue
        if bytes(folder) in known and state != "Z":
            found.append(process.name)
    return found


def wait_until(condition: Callable[[], object], what: str) -> None:
    end = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < end, f"waited in vain for: {what}"
        time.sleep(0.02)


def start_demo(folder: Path) -> "subprocess.Popen[str]":
    command = [*SHIMING, "demo", "--customers", "50", "--keep", str(folder)]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
@pytest.mark.parametrize("moment", ["backend.log", "agent.log", "terminal-1.port"])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_stopped_demo_says_no_nonsense_and_leaves_no_process(tmp_path: Path, number: int, moment: str) -> None:
    folder = tmp_path / "kept"
    demo = start_demo(folder)
    wait_until(lambda: os.path.lexists(folder / moment), moment)
    demo.send_signal(number)
    said, _ = demo.communicate(timeout=DEADLINE_S)
    assert demo.returncode == (-signal.SIGKILL if number == signal.SIGKILL else 130)
    assert "Traceback" not in said
    wait_until(lambda: not parts_of(folder), "the end of every part")


@pytest.mark.parametrize(
    "arguments",
    [
        ("demo", "--customers", "1", "--keep", "{file}"),
        ("emulate", "terminal", "--dir", "{file}"),
        ("pki", "init", "{file}"),
    ],
    ids=lambda arguments: arguments[0],
)
def test_folder_that_cannot_be_made_is_named(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    file = tmp_path / "file"
    file.touch()
    ended = shiming(*(argument.format(file=file) for argument in arguments))
    assert ended.returncode == 2
    assert re.search(rf"error file-failed \(E6009\): {file}: File exists", ended.stderr), ended.stderr
    assert "Traceback" not in ended.stderr


def test_keep_takes_new_folders_only(tmp_path: Path) -> None:
    (tmp_path / "agent.db").touch()
    ended = shiming("demo", "--customers", "1", "--keep", str(tmp_path))
    assert ended.returncode == 2
    assert "config-invalid" in ended.stderr and "--keep" in ended.stderr
    assert [file.name for file in tmp_path.iterdir()] == ["agent.db"]


def test_full_disk_is_said_in_words(tmp_path: Path) -> None:
    """The flash image is the first file of the demo that is larger than the limit."""
    limited = ("sh", "-c", 'ulimit -f 1024; trap "" XFSZ; exec "$@"', "sh")
    ended = subprocess.run(
        [*limited, *SHIMING, "demo", "--keep", str(tmp_path / "new")],
        cwd=ROOT, capture_output=True, text=True, timeout=DEADLINE_S,
    )  # fmt: skip
    assert ended.returncode == 2
    assert "error file-failed (E6009): " in ended.stderr
    assert "Traceback" not in ended.stderr


def test_wrong_interpreter_is_named() -> None:
    ended = shiming("demo", "--customers", "1", MICROPYTHON="/nowhere/micropython")
    assert ended.returncode == 2
    assert "error interpreter-missing (E6004): MICROPYTHON=/nowhere/micropython" in ended.stderr


@pytest.mark.parametrize(
    "command",
    [
        "demo", "agent run", "agent broker", "agent order", "agent status", "agent broker-config", "backend run",
        "emulate terminal", "pki init", "pki add",
    ],
)  # fmt: skip
def test_help_of_every_command_has_an_example(command: str) -> None:
    ended = shiming(*command.split(), "--help")
    assert ended.returncode == 0
    assert f"Example: shiming {command} " in " ".join(ended.stdout.split())
