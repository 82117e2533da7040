"""`shiming reader`: a technician at a module, through a real serial port's stand-in."""

import asyncio
import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from host_agent.errors import ShimingError
from tests.tools.virtual_reader import VirtualReader
from tools.emulator import people
from tools.reader import cli
from tools.reader.module import DriverFailed, Module, within
from tools.reader.serial_stream import PortFailed, SerialStream

SAM_ID = "05.01-20150101-0001234567-0123456789"
RESIDENT = people.deck(1, 1)[0]
runner = CliRunner()


@pytest.fixture
def pty() -> Iterator[tuple[int, str]]:
    ours, far = os.openpty()
    yield ours, os.ttyname(far)
    os.close(far)
    os.close(ours)


def own_scenario(folder: Path, text: str) -> Path:
    path = folder / "own.toml"
    path.write_text('title = "own"\n' + text, encoding="utf-8")
    return path


def test_probe_finds_rate_and_sam_id(tmp_path: Path) -> None:
    slow = own_scenario(tmp_path, "[module]\nbaud = 57600\n[latency_ms]\nstatus = 1\nsam-id = 1")
    with VirtualReader(slow) as reader:
        result = runner.invoke(cli.app, ["probe", "--port", reader.port, "--json"])
        assert result.exit_code == 0, result.output
        answer = json.loads(result.stdout)
        assert answer == {"port": reader.port, "baud": 57600, "status": "ready", "sam_id": SAM_ID}


def test_probe_of_a_module_without_keys_says_so() -> None:
    with VirtualReader("unauthorised") as reader:
        result = runner.invoke(cli.app, ["probe", "--port", reader.port])
        assert isinstance(result.exception, DriverFailed)
        assert (result.exception.code, result.exception.exit_status) == ("reader-unauthorised", 1)
        assert "115200 baud with status 66" in result.stderr


def test_read_is_masked_unless_asked_otherwise() -> None:
    with VirtualReader("plain") as reader:
        result = runner.invoke(cli.app, ["read", "--port", reader.port, "--json"])
        assert result.exit_code == 0, result.output
        answer = json.loads(result.stdout)
        assert answer["document"] == "resident ID card"
        assert answer["name"] == RESIDENT.name[0] + "＊＊"
        assert answer["number"] == "＊＊＊" + RESIDENT.number[-4:]
        assert (answer["number_check"], answer["photo_bytes"]) == ("ok", 1024)
        for secret in (RESIDENT.name, RESIDENT.number, RESIDENT.birth, RESIDENT.address):
            assert secret not in result.output


def test_reveal_asks_and_shows_after_a_yes() -> None:
    with VirtualReader("plain") as reader:
        result = runner.invoke(cli.app, ["read", "--port", reader.port, "--reveal"], input="y\n")
        assert result.exit_code == 0, result.output
        assert "[y/N]" in result.stderr
        for shown in (RESIDENT.name, RESIDENT.number, RESIDENT.birth, RESIDENT.address):
            assert shown in result.stdout


@pytest.mark.parametrize("answer", ["n\n", "\n", ""])
def test_reveal_does_nothing_without_a_yes(answer: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cli, "Module", None)  # whoever opened the port here would fail otherwise
    result = runner.invoke(cli.app, ["read", "--port", "/dev/null", "--reveal"], input=answer)
    assert result.exit_code == 1
    assert isinstance(result.exception, SystemExit)


def test_nobody_comes_is_a_timeout_with_a_code(tmp_path: Path) -> None:
    with VirtualReader(own_scenario(tmp_path, "")) as reader:
        result = runner.invoke(cli.app, ["read", "--port", reader.port, "--timeout", "0.5"])
        assert isinstance(result.exception, ShimingError)
        assert result.exception.code == "card-timeout"
        assert "Put a card on it" in result.stderr


def test_a_card_that_nobody_knows_is_refused_with_a_code() -> None:
    with VirtualReader("unknown-document") as reader:
        result = runner.invoke(cli.app, ["read", "--port", reader.port])
        assert isinstance(result.exception, DriverFailed)
        assert result.exception.code == "card-unsupported"


def test_ports_that_cannot_be_opened_are_named(tmp_path: Path, pty: tuple[int, str]) -> None:
    no_port = tmp_path / "file"
    no_port.touch()
    for path in (str(tmp_path / "absent"), str(no_port)):
        result = runner.invoke(cli.app, ["probe", "--port", path])
        assert isinstance(result.exception, PortFailed)
        assert (result.exception.code, result.exception.exit_status) == ("port-failed", 2)
        assert path in str(result.exception)
    with SerialStream(pty[1], 115200), pytest.raises(PortFailed, match="another program"):
        SerialStream(pty[1], 115200)


def test_module_that_is_unplugged_is_a_fault_not_a_crash() -> None:
    async def story(reader: VirtualReader) -> None:
        with Module(reader.port) as module:
            await module.probe()
            reader.end()
            with pytest.raises(DriverFailed) as failed:
                await module.read_card(20, lambda _: None)
            assert failed.value.code == "reader-fault"

    with VirtualReader("unauthorised") as reader:
        asyncio.run(asyncio.wait_for(story(reader), 30))


def test_a_cancelled_read_loses_nothing(pty: tuple[int, str]) -> None:
    async def story() -> None:
        with SerialStream(pty[1], 115200) as stream:
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(stream.read(10), 0.05)
            os.write(pty[0], b"\x01\x02")
            assert await asyncio.wait_for(stream.read(10), 5) == b"\x01\x02"

    asyncio.run(story())


def test_what_never_ends_is_ended() -> None:
    async def story() -> None:
        with pytest.raises(DriverFailed) as failed:
            await within(0.01, asyncio.Event().wait())
        assert failed.value.code == "reader-timeout"

    asyncio.run(story())
