"""The face step on the whole product: who is registered, who is refused, and that nothing of a face stays anywhere.

About 35 seconds for each person: nobody can answer the moves faster than the terminal asks for them.
"""

import asyncio
import ssl
from collections.abc import Coroutine, Iterable
from pathlib import Path
from typing import Any

import paho.mqtt.client as paho
import pytest

from host_agent import cbor, envelope
from tests.emulated.test_memory import memory_of
from tools.demo.gallery import Gallery
from tools.demo.plant import BrokerKind, FaceLevel, Plant
from tools.demo.player import Counter, Visit
from tools.demo.run import Account, play
from tools.demo.script import SCRIPT_WITH_FACES, Customer, Plot, customers
from tools.demo.view import Unseen
from tools.emulator.board import Board, PanelEvent
from tools.emulator.camera.camera import card_bmp
from tools.emulator.camera.gate import PICTURE_BYTES

DEADLINE_S = 150
PIECE_BYTES = 24  # a dozen pixels of noise: nothing else looks like it
HEAP = "3M"
# All that evidence may say (firmware/PROTOCOL.md section 3): nothing in it has room for a picture or an embedding.
CLAIMS = {6, 7, 10, 256, 258, 259, 260, 262, 263, 265, 267, 268, 270, 271}
CLAIMS |= {-70001, -70002, -70003, -70004, -70006, -70007, -70008}
RESULTS = {1, 2, 3, 4, 5, 7, 8, 9, 10, 11, 12, 13}


def story(steps: Coroutine[Any, Any, None], deadline_s: float = DEADLINE_S) -> None:
    asyncio.run(asyncio.wait_for(steps, deadline_s))


def by_plot(plot: Plot, seed: int) -> Customer:
    script = customers(len(SCRIPT_WITH_FACES), seed, with_faces=True)
    return next(customer for customer in script if customer.plot is plot)


def pieces(picture: bytes) -> Iterable[bytes]:
    """From the middle, where the face is; none of one colour."""
    for at in range(len(picture) // 3, 2 * len(picture) // 3, len(picture) // 150):
        piece = picture[at : at + PIECE_BYTES]
        if len(set(piece)) > 8:
            yield piece


class Film:
    """Pieces of the pictures of a face that were in the camera's buffers during the moves, and of the card's."""

    def __init__(self, customer: Customer) -> None:
        assert customer.head is not None
        bmp = card_bmp(customer.head)
        row = bmp[54 + 60 * 308 : 54 + 60 * 308 + 306]
        turned = b"".join(row[at : at + 3][::-1] for at in range(0, 306, 3))  # as the terminal keeps it
        self.of_card = [row[at : at + PIECE_BYTES] for at in (60, 150, 240)]
        self.of_card += [turned[at : at + PIECE_BYTES] for at in (60, 150, 240)]
        self.of_face: set[bytes] = set()

    def take(self, board: Board) -> None:
        memory = board.camera_memory
        for at in range(0, len(memory), PICTURE_BYTES):
            self.of_face.update(pieces(memory[at : at + PICTURE_BYTES]))

    def is_in(self, content: bytes) -> bool:
        return any(piece in content for piece in (*self.of_card, *self.of_face))


class Ear:
    """In the agent's place at the broker: hears everything that the terminal says."""

    def __init__(self, folder: Path, port: int) -> None:
        self.heard: list[tuple[str, bytes]] = []
        self._client = paho.Client(paho.CallbackAPIVersion.VERSION2, client_id="agent")
        context = ssl.create_default_context(cafile=folder / "pki/ca.cert.pem")
        context.load_cert_chain(folder / "pki/agent.cert.pem", folder / "pki/agent.key.pem")
        self._client.tls_set_context(context)
        self._client.on_connect = lambda client, *_: client.subscribe("rnr/v1/demo/+/#", qos=1)
        self._client.on_message = lambda _client, _data, message: self.heard.append((message.topic, message.payload))
        self._client.connect("localhost", port)
        self._client.loop_start()

    def evidence(self) -> list[bytes]:
        return [payload for topic, payload in self.heard if topic.endswith("/up/evi")]

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


async def heard_evidence(ear: Ear) -> None:
    while not ear.evidence():
        await asyncio.sleep(0.05)


@pytest.mark.skipif(not Path("/proc/self/mem").exists(), reason="no /proc: the memory cannot be read")
def test_the_one_on_the_card_is_registered_and_nothing_of_the_face_stays(tmp_path: Path) -> None:
    customer = by_plot(Plot.PLAIN, seed=31)
    film = Film(customer)
    heard: list[tuple[str, bytes]] = []

    async def steps() -> None:
        async with Plant(tmp_path, 1, broker=BrokerKind.AMQTT, heap=HEAP, face=FaceLevel.MATCH) as plant:
            terminal, asked = plant.terminals[0], asyncio.Event()
            counter = Counter(terminal, plant.order_state, lambda _: None)
            seen_in_memory: list[bool] = []

            def on_panel(event: PanelEvent) -> None:
                counter.on_panel(event)
                if event.state == "read-look":
                    seen_in_memory.append(film.is_in(b"".join(memory_of(terminal.board.pid or 0))))
                if event.state == "ready":
                    asked.set()
                elif event.state.startswith("challenge"):
                    film.take(terminal.board)

            plant.watch_panel(terminal.name, on_panel)
            await plant.place_order(customer.order_id, terminal.name, customer.msisdn)
            await asked.wait()
            assert plant.agent is not None
            await plant.agent.stop()
            ear = Ear(tmp_path, plant.broker_port)
            visit = Visit(customer, terminal.name)
            counter.on_panel(PanelEvent("ready", None, None, 0.0))
            serving = asyncio.create_task(counter.serve(visit))
            await heard_evidence(ear)
            await serving
            assert visit.is_face_passed and visit.code is None
            assert len(film.of_face) > 100 and any(seen_in_memory), "the search itself does not work"
            assert film.is_in(next(iter(film.of_face))), "the search itself does not work"
            assert not any(terminal.board.camera_memory), "the camera's buffers"
            assert not film.is_in(b"".join(memory_of(terminal.board.pid or 0))), "the interpreter's memory"
            heard.extend(ear.heard)
            ear.close()
            await plant.agent.start()
            state = None
            while state is None or state["state"] != "accepted":
                state = await plant.order_state(customer.order_id)
                await asyncio.sleep(0.1)

    story(steps())
    for topic, payload in heard:
        assert not film.is_in(payload), topic
    for token in {payload for topic, payload in heard if topic.endswith("/up/evi")}:
        claims = cbor.decode(envelope.parse(token).payload)
        assert claims.keys() <= CLAIMS and claims[-70003].keys() <= RESULTS
        assert claims[-70003][3][2] is True and claims[-70003][4][3] is True
        assert len(cbor.encode(claims[-70003])) < 512
    looked_at = set()
    for path in tmp_path.rglob("*"):
        if path.is_file() and path.suffix != ".rom":
            looked_at.add(path.name)
            assert not film.is_in(path.read_bytes()), f"a piece of a face in {path.name}"
    assert {"agent.db", "backend.db", "agent.log", "backend.log", "broker.log", "terminal-1.img"} <= looked_at


def played(folder: Path, script: list[Customer], gallery: Gallery | None = None) -> Account:
    accounts: list[Account] = []

    async def steps() -> None:
        async with Plant(folder, 1, heap=HEAP, face=FaceLevel.MATCH) as plant:
            accounts.append(await play(plant, script, Unseen(), gallery))

    story(steps(), DEADLINE_S + 60 * len(script))
    return accounts[0]


@pytest.mark.proof
def test_an_impostor_is_refused(tmp_path: Path) -> None:
    account = played(tmp_path, [by_plot(Plot.IMPOSTOR, seed=32)])
    assert account.surprises == ()
    assert (account.refused, account.faces_passed, account.lost) == ({"face-mismatch": 1}, 0, 0)


@pytest.mark.face_proof
def test_all_customers_of_the_demo_end_as_the_script_says(tmp_path: Path) -> None:
    gallery = Gallery(tmp_path / "screens")
    account = played(tmp_path / "work", customers(len(SCRIPT_WITH_FACES), seed=33, with_faces=True), gallery)
    assert account.surprises == ()
    assert account.refused["face-mismatch"] == account.refused["face-not-live"] == 1
    assert account.faces_passed == account.accepted == 5
    assert account.face_overhead_max_ms is not None
    print("added to the pace of the moves, at most:", account.face_overhead_max_ms, "ms")
    assert gallery.pictures > len(SCRIPT_WITH_FACES)
