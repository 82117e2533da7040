"""The card is taken away while its answer arrives, at each byte of it; the next card that lies there is read whole."""

import time

import pytest

from tests.reader.bench import Bench, run
from tests.reader.traces import traces_of
from tools.emulator import people

FIRST, SECOND = people.deck(13, 2)
CARD = people.card(FIRST, ("北京市样本区虚构路８号",))
NEXT = people.card(SECOND)
READ_BYTES = 1295
HEADER_BYTES = 20


def pull_at(byte: int) -> None:
    async def story() -> None:
        bench = Bench()

        def on_show(state: str) -> None:
            if state == "card-lost":
                bench.later(1, bench.module.place, NEXT)

        try:
            bench.on_show = on_show
            bench.module.place(CARD)
            bench.module.schedule_lift(byte)
            read = await bench.read_card(60)
            assert (bytes(read.text), bytes(read.photo), read.addresses) == (NEXT.text, NEXT.photo, ()), (
                f"at byte {byte}"
            )
            read.wipe()
            assert traces_of(bench.station, CARD, NEXT) == [], f"at byte {byte}"
        finally:
            bench.close()

    run(story)


def test_card_pulled_at_bytes_of_every_part_of_the_answer() -> None:
    for byte in (*range(HEADER_BYTES), *range(HEADER_BYTES, READ_BYTES, 41), *range(READ_BYTES - 6, READ_BYTES)):
        pull_at(byte)


@pytest.mark.proof
def test_card_pulled_at_every_byte() -> None:
    began_s = time.monotonic()
    for byte in range(READ_BYTES):
        pull_at(byte)
    print(f"{READ_BYTES} bytes in {time.monotonic() - began_s:.0f} s")
