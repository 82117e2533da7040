"""`shiming emulate reader` for others: a client written from the reader facts alone, and the port's own manners.

The client shares no line with the firmware's driver or with the emulator: what both of them had wrong, it would show.
"""

import asyncio
import json
import os
import select
import termios
import time
import tty
from pathlib import Path
from typing import Self

import pytest
from typer.testing import CliRunner

from tests.tools.virtual_reader import VirtualReader
from tools.emulator import cli, people, scenario
from tools.emulator.errors import PortFailed
from tools.emulator.sam_reader import SamReader
from tools.emulator.serial_reader import SerialReader

PREAMBLE = [0xAA, 0xAA, 0xAA, 0x96, 0x69]
ANSWER_S = 8


class FactsClient:
    """Blocking; a byte at a time. Facts 1.3: preamble, LEN of two bytes, LEN more bytes; XOR from LEN to CHK is 0."""

    def __init__(self, path: str, speed: int = termios.B115200) -> None:
        self._fd = os.open(path, os.O_RDWR | os.O_NOCTTY)
        tty.setraw(self._fd)
        attributes = termios.tcgetattr(self._fd)
        attributes[4] = attributes[5] = speed
        termios.tcsetattr(self._fd, termios.TCSANOW, attributes)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._fd)

    def send(self, frame: str) -> None:
        os.write(self._fd, bytes.fromhex(frame))

    def ask(self, frame: str, within_s: float = ANSWER_S) -> tuple[int, bytes]:
        """SW3 and data."""
        self.send(frame)
        end = time.monotonic() + within_s
        seen: list[int] = []
        while seen[-5:] != PREAMBLE:
            seen.append(self._byte(end))
        body = [self._byte(end), self._byte(end)]
        for _ in range(body[0] * 256 + body[1]):
            body.append(self._byte(end))
        check = 0
        for byte in body:
            check ^= byte
        assert check == 0, "CHK"
        assert body[2:4] == [0, 0], "SW1 SW2"
        return body[4], bytes(body[5:-1])

    def is_quiet(self, for_s: float) -> bool:
        return not select.select([self._fd], [], [], for_s)[0]

    def _byte(self, end: float) -> int:
        ready, _, _ = select.select([self._fd], [], [], max(0, end - time.monotonic()))
        assert ready, "no answer in time"
        return os.read(self._fd, 1)[0]


STATUS, SAM_ID = "AAAAAA9669000311FFED", "AAAAAA9669000312FFEE"
FIND, SELECT = "AAAAAA9669000320 0122", "AAAAAA9669000320 0221"
READ, ADDRESSES, NUMBERS = "AAAAAA96690003300132", "AAAAAA96690003300330", "AAAAAA96690003300536"


def find(client: FactsClient) -> None:
    end = time.monotonic() + ANSWER_S
    while (sw3 := client.ask(FIND)[0]) != 0x9F:
        assert sw3 == 0x80
        assert time.monotonic() < end, "no card"


def test_a_client_written_from_the_facts_reads_a_card() -> None:
    person = people.deck(1, 25)[24]
    with VirtualReader("additional-addresses") as reader, FactsClient(reader.port) as client:
        assert client.ask(STATUS) == (0x90, b"")
        assert client.ask(SAM_ID) == (0x90, bytes.fromhex("05000100557733 0187D61200 15CD5B07"))
        find(client)
        assert client.ask(SELECT) == (0x90, bytes(8))
        sw3, data = client.ask(READ)
        assert (sw3, len(data), data[:4].hex()) == (0x90, 1284, "01000400")
        assert data[4:34].decode("utf-16-le").rstrip() == person.name
        assert data[4 + 122 : 4 + 158].decode("utf-16-le") == person.number
        assert data[260:268].hex() == "574c66007e003200"
        sw3, data = client.ask(ADDRESSES)
        addresses = [data[at : at + 70].decode("utf-16-le").rstrip() for at in (0, 70)]
        assert addresses == ["北京市样本区虚构路１００号", "北京市样本区虚构路２００号"]
        assert (sw3, len(data)) == (0x90, 140)
        assert client.ask(FIND)[0] == 0x80  # strict: read once
        assert len(client.ask(NUMBERS)[1]) == 28  # and it still lies there


def test_pulled_card_leaves_half_a_frame_and_can_be_read_when_it_is_back() -> None:
    with VirtualReader("pulled") as reader, FactsClient(reader.port) as client:
        find(client)
        client.ask(SELECT)
        with pytest.raises(AssertionError, match="no answer in time"):
            client.ask(READ, within_s=1)  # 600 bytes, and nothing more
        find(client)
        assert client.ask(SELECT)[0] == 0x90
        assert len(client.ask(READ)[1]) == 1284


def test_it_says_what_it_does_and_nothing_of_the_card() -> None:
    person = people.deck(1, 1)[0]
    with VirtualReader("plain") as reader, FactsClient(reader.port) as client:
        find(client)
        client.ask(SELECT)
        client.ask(READ)
        while reader.hear("command")["command"] != "read":
            pass
        assert reader.said[-1]["sw3"] == "90"
        assert {"step": "place customer"} in reader.said
        assert person.number not in str(reader.said)
        assert person.name not in str(reader.said)


def test_link_names_the_port_and_goes_with_it(tmp_path: Path) -> None:
    link = tmp_path / "reader"
    link.symlink_to("/dev/pts/stale")
    with VirtualReader("plain", "--port-link", str(link)) as reader:
        assert str(link.readlink()) == reader.port
        assert reader.port.startswith("/dev/")
        with FactsClient(str(link)) as client:
            assert client.ask(STATUS) == (0x90, b"")
        assert reader.end() == 0
        assert not link.is_symlink()


def test_a_file_in_the_place_of_the_link_is_left_alone(tmp_path: Path) -> None:
    link = tmp_path / "reader"
    link.write_text("mine")

    async def story() -> None:
        with pytest.raises(PortFailed, match="no link"):
            async with SerialReader(SamReader(), link=link):
                pass

    asyncio.run(story())
    assert link.read_text() == "mine"


def test_rate_is_changed_by_command_and_the_old_one_is_heard_no_more() -> None:
    """Facts 1.4: 60 04 is 9600, answered at the old rate."""
    with VirtualReader("plain") as reader:
        with FactsClient(reader.port) as client:
            assert client.ask("AAAAAA966900036004 67") == (0x90, b"")
            client.send(STATUS)
            assert client.is_quiet(0.3)
        with FactsClient(reader.port, termios.B9600) as client:
            assert client.ask(STATUS) == (0x90, b"")
            assert client.ask("AAAAAA966900036000 63") == (0x90, b"")
        with FactsClient(reader.port) as client:
            assert client.ask(STATUS) == (0x90, b"")


def test_list_names_every_scenario_and_how_it_ends() -> None:
    result = CliRunner().invoke(cli.app, ["reader", "--list", "--json"])
    assert result.exit_code == 0
    told = {entry["name"]: entry for entry in map(json.loads, result.stdout.splitlines())}
    assert sorted(told) == scenario.names()
    assert told["left-lying-strict"]["expect"] == ["first", "second"]
    assert "power-needed" in CliRunner().invoke(cli.app, ["reader", "--list"]).stdout


def test_bursts_come_in_lumps_of_their_time() -> None:
    """16 ms at 115200 baud are 184 bytes: 1295 bytes come in 8 lumps, none before its time."""

    async def story() -> None:
        reader = SamReader()
        reader.place(people.card(people.deck(1, 1)[0]))
        lumps: list[int] = []
        async with SerialReader(reader, latency_ms={}, burst_ms=16) as port:
            port.write = lambda data, /: lumps.append(len(data))
            client = FactsClient(port.port)
            with client:
                for frame, bytes_due in ((FIND, 15), (SELECT, 34), (READ, 34 + 1295)):
                    client.send(frame)
                    async with asyncio.timeout(ANSWER_S):
                        while sum(lumps) < bytes_due:
                            await asyncio.sleep(0.01)
            assert lumps[2:] == [184] * 7 + [7]

    asyncio.run(story())
