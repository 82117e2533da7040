"""Randomised faults at the reader: a customer meets one to three of them, the next one a sound module and a new card.

    python -m tests.reader.fault_sessions --count 10000 --seed 1

Each session is drawn from seed and number: `--first 4711 --count 1 --tell` plays one again and says what it was. It
ends in the right document or in a named error, no command waits longer than the facts' section 2.3 allows, the watchdog
is fed in time, nothing of the customer is left in the reader, and the next one is read right.

Damage is drawn so that the frame's XOR can notice it: of several wrong bytes it misses one case in 256, at any driver.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import sys
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from functools import reduce
from operator import xor
from typing import Any

from terminal import card as parser
from terminal import reader
from terminal.errors import CardError, ReaderError
from terminal.samv_line import FLUSH_MAX_MS, LIMITS_MS, PICTURE_BYTES, POLL_MS, Line

from host_agent.errors import catalogue
from tests.reader.bench import Bench, run
from tests.reader.traces import traces_of
from tools.emulator import people
from tools.emulator.sam_reader import BAUD_RATES, Answer, Delivery, SamReader
from tools.emulator.scenario import COMMANDS, DOCUMENTS, PICTURES, Fault, command_name

ORDER_S, NEXT_S = 25, 60
PEOPLE = people.deck(7, 400)
LISTED_SW3 = bytes.fromhex("101121232431323334404147506061668081")
READ_BYTES = 1295  # of an answer to 30 01
LONGEST_START_S = 45  # all rates twice, and the power cut between
PART = 100  # sessions that one process plays at a stretch
SEVERAL = 30  # times: whatever the driver tries, it meets the fault again


class Failed(Exception):
    """A session did what none may do."""


@dataclass
class Plan:
    """What chance decides before the session begins. A fault is its kind and what that needs."""

    document: str
    addresses: tuple[str, ...]
    module: dict[str, Any]
    pace: dict[str, Any]
    has_power_pin: bool
    is_cut: bool  # delivery in pieces of any size
    is_obedient: bool  # the customer lifts the card when told so, and puts it down again
    faults: list[tuple[Any, ...]] = field(default_factory=list)


def draw(rng: random.Random) -> Plan:
    plan = Plan(
        document=rng.choice(list(DOCUMENTS)),
        addresses=tuple(f"北京市样本区虚构路{rng.randint(1, 999)}号" for _ in range(rng.choice((0, 0, 1, 2, 4)))),
        module={
            "lenient": rng.random() < 0.3,
            "first_sam_id_wrong": rng.random() < 0.2,
            "numbers_unknown": rng.random() < 0.2,
            "picture": PICTURES[rng.choice(("none", "none", "none", "jpeg", "bmp"))](),
            "baud": rng.choice((115200, 115200, 115200, *BAUD_RATES)),
        },
        pace={
            "start_up_ms": rng.choice((0, 0, 800, 1500, 2500)),
            "burst_ms": rng.choice((0, 0, 16)),
            "latency_ms": {command: rng.uniform(2, 600 if command[0] == 0x30 else 90) for command in COMMANDS},
        },
        has_power_pin=rng.random() < 0.7,
        is_cut=rng.random() < 0.5,
        is_obedient=rng.random() < 0.8,
    )
    plan.faults = [draw_fault(rng) for _ in range(rng.choice((1, 1, 1, 2, 2, 3)))]
    return plan


def draw_fault(rng: random.Random) -> tuple[Any, ...]:
    command = rng.choice(("find", "select", "read", "read", "read", "address", "address", "numbers", "any"))
    times = rng.choice((1, 1, 1, 2, 4, SEVERAL))
    at_s = rng.choice((rng.uniform(0, 1.5), rng.uniform(0, 8)))
    byte = rng.choice((rng.randrange(40), rng.randrange(READ_BYTES)))
    match rng.randrange(18):
        case 0:
            return "answer", command, times, Fault(delay_ms=rng.uniform(50, 8000))
        case 1:
            return "answer", command, times, Fault(silent=True)
        case 2 | 3:
            return "answer", command, times, Fault(sw3=rng.choice((*LISTED_SW3, rng.randrange(256))))
        case 4:
            sizes = (0, 4, 8, 16, 29, 71, 283, 1283, 1285, 2310)  # none that the command could answer with
            return "answer", command, times, Fault(data_bytes=rng.choice(sizes))
        case 5:
            return "answer", command, times, Fault(length_error=rng.choice((-256, -2, -1, 1, 2, 255, 256, 0x8000)))
        case 6:
            return "answer", command, times, Fault(cut_bytes=byte)
        case 7:
            return "answer", command, times, Fault(twice=True)
        case 8:
            return "answer", command, times, Fault(noise_bytes=rng.randint(1, 300))
        case 9 | 10:
            return "damage", command, times, byte, rng.randbytes(rng.choice((1, 1, 2, 8)))
        case 11:
            return "insert", command, times, byte, rng.randbytes(rng.randint(1, 64))
        case 12:
            return "drop", command, times, byte, rng.randint(1, 40)
        case 13:
            return "pull", byte
        case 14:
            return "lift", at_s, rng.choice((0.1, 1.0, 4.0, 60.0))
        case 15:
            return "swap", at_s
        case 16:
            return rng.choice((("restart", at_s), ("hang", at_s, rng.choice((None, None, 0x60, 0x66, 0x24)))))
        case _:
            return rng.choice((("unplug", at_s, rng.choice((0.5, 3.0, 20.0))), ("cancel", at_s)))


def spoil(kind: str, frame: bytes, at: int, what: Any) -> bytes:
    at %= len(frame)
    if kind == "drop":
        return frame[:at] + frame[at + what :]
    if kind == "insert":
        return frame[:at] + what + frame[at:]
    mask = bytearray(what[: len(frame) - at])
    if reduce(xor, mask) == 0:
        mask[0] ^= 1
    return frame[:at] + bytes(a ^ b for a, b in zip(frame[at:], mask, strict=False)) + frame[at + len(mask) :]


class Session:
    """`bench` is a Bench, or something that behaves like one."""

    def __init__(self, plan: Plan, rng: random.Random, bench: Any, order_s: int = ORDER_S) -> None:
        self._plan = plan
        self._rng = rng
        self._order_s = order_s
        self._used: Counter[int] = Counter()
        self._is_sound = False
        self._bench = bench
        self._bench.line.on_answer = self._deliver
        self._bench.on_show = self._obey
        first, other, last = rng.sample(PEOPLE, 3)
        self._card = people.card(DOCUMENTS[plan.document](first), plan.addresses)
        self._other = people.card(other, ("北京市样本区他人路１号",))
        self._last = people.card(rng.choice(list(DOCUMENTS.values()))(last))

    async def play(self) -> str:
        """How it ended for the first customer: "read", "cancelled", or a code."""
        TimedLine.worst = ""
        bench = self._bench
        bench.module.place(self._card)
        began_s = now_s()
        reading = asyncio.create_task(bench.read_card(self._order_s))
        self._arrange(reading)
        try:
            outcome = await self._first(reading)
            longest_s = ORDER_S + LONGEST_START_S + LINE_S * (PICTURE_BYTES / bench.module.baud)
            if now_s() - began_s > longest_s:
                raise Failed(f"took {now_s() - began_s:.1f} s, {longest_s:.1f} s at most")
            if left := traces_of(bench.station, self._card, self._other):
                raise Failed(f"left of the first customer: {', '.join(left)}")
            await self._second()
        finally:
            bench.close()
        if TimedLine.worst:
            raise Failed(TimedLine.worst)
        if bench.latest_beat_ms > 0:
            raise Failed(f"a beat came {bench.latest_beat_ms:.0f} ms late")
        return outcome

    async def _first(self, reading: asyncio.Task[Any]) -> str:
        try:
            read = await reading
        except asyncio.CancelledError:
            return "cancelled"
        except (CardError, ReaderError) as error:
            if error.code not in catalogue():
                raise Failed(f"code {error.code} is not in the catalogue") from error
            return error.code
        self._compare(read, self._card, self._other)
        read.wipe()
        return "read"

    async def _second(self) -> None:
        """What hung for good has been mended by hand; the first card is gone; nothing happens any more."""
        bench = self._bench
        self._is_sound = True
        bench.is_unplugged = False
        bench.module.lift()
        bench.module.schedule_lift(None)
        bench.line.power_cycle()
        for _ in range(15):
            bench.beat()
            await bench.station.look_after()
            await asyncio.sleep(0.3)
        bench.module.place(self._last)
        try:
            read = await bench.read_card(NEXT_S)
        except (CardError, ReaderError) as error:
            raise Failed(f"next customer: {error.code}") from error
        self._compare(read, self._last)
        if bench.picture != self._plan.module["picture"]:
            raise Failed(f"{len(bench.picture)} bytes of the next customer's picture")
        read.wipe()

    def _compare(self, read: Any, *cards: people.Card) -> None:
        """Everything of one card, and of one that was there."""
        got = (bytes(read.text), bytes(read.photo), read.addresses)
        if got not in [(card.text, card.photo, card.addresses) for card in cards]:
            raise Failed("a wrong field")
        parser.check_number(parser.parse(got[0]))

    # --- the faults

    def _arrange(self, reading: asyncio.Task[Any]) -> None:
        """Those that come at times of their own."""
        bench, module = self._bench, self._bench.module
        for fault in self._plan.faults:
            match fault:
                case "pull", byte:
                    module.schedule_lift(byte)
                    self._later(6, module.place, self._card)
                case "lift", at_s, for_s:
                    self._later(at_s, module.lift)
                    self._later(at_s + for_s, module.place, self._card)
                case "swap", at_s:
                    self._later(at_s, module.place, self._other)
                case "restart", at_s:
                    self._later(at_s, bench.line.power_cycle)
                case "hang", at_s, sw3:
                    self._later(at_s, module.hang, sw3)
                case "unplug", at_s, for_s:
                    self._later(at_s, self._unplug, True)
                    self._later(at_s + for_s, self._unplug, False)
                case "cancel", at_s:
                    self._later(at_s, reading.cancel)

    def _obey(self, state: str) -> None:
        if state == "card-lost" and (self._plan.is_obedient or self._is_sound):
            card = self._last if self._is_sound else self._card
            self._bench.later(1, self._bench.module.lift)
            self._bench.later(2, self._bench.module.place, card)

    def _later(self, delay_s: float, do: Any, *arguments: Any) -> None:
        asyncio.get_running_loop().call_later(delay_s, lambda: self._is_sound or do(*arguments))

    def _unplug(self, is_unplugged: bool) -> None:
        self._bench.is_unplugged = is_unplugged
        if is_unplugged:
            self._bench.wire.unplug()

    def _deliver(self, cmd: int, para: int, answer: Answer) -> Delivery:
        name = command_name(cmd, para)
        for i, fault in enumerate(self._plan.faults):
            is_of_answer = fault[0] in ("answer", "damage", "insert", "drop")
            if self._is_sound or not is_of_answer or fault[1] not in (name, "any") or self._used[i] >= fault[2]:
                continue
            self._used[i] += 1
            if fault[0] == "answer":
                return fault[3].deliver(answer, self._rng)
            return Delivery(spoil(fault[0], answer.frame, *fault[3:]) if answer.frame else b"")
        return Delivery(answer.frame)


LINE_S = 10.0  # bits of a byte


class TimedLine(Line):
    """Section 2.3: to the first byte, then twice the line time of the frame and 200 ms (more where a UART's FIFO fills
    slowly); before it, a flush that ends."""

    worst = ""

    async def _flush(self) -> None:
        began_ms = now_ms()
        await super()._flush()
        self._check("flush", began_ms, FLUSH_MAX_MS + self._line_ms(self._passing_bytes))

    async def _receive(self, first_byte_ms: int) -> None:
        command, began_ms = self._awaited, now_ms()
        await super()._receive(first_byte_ms)
        is_mute = self._last_byte_ms < began_ms
        frame_ms = 0 if is_mute else 2 * self._line_ms(4096) + 2 * self._silence_ms
        self._check(command_name(*command), began_ms, LIMITS_MS[command] + frame_ms)

    def _check(self, what: str, began_ms: float, limit_ms: float) -> None:
        took_ms = now_ms() - began_ms
        if took_ms > limit_ms + 2 * POLL_MS:
            TimedLine.worst = f"{what} took {took_ms:.0f} ms, {limit_ms:.0f} ms at most"


def now_ms() -> float:
    return 1000 * now_s()


def now_s() -> float:
    return asyncio.get_running_loop().time()


async def at_bench(plan: Plan, rng: random.Random) -> str:
    cut = rng if plan.is_cut else None
    bench = Bench(SamReader(**plan.module), has_power_pin=plan.has_power_pin, rng=cut, **plan.pace)
    return await Session(plan, rng, bench).play()


def play(seed: int, number: int, *, is_told: bool = False) -> str:
    """Raises Failed."""
    rng = random.Random(f"{seed}/{number}")
    plan = draw(rng)
    if is_told:
        shown = {**plan.module, "picture": len(plan.module["picture"])}
        print(f"{number}: {plan.document}, {len(plan.addresses)} addresses, {shown}, {plan.pace}, {plan.faults}")
    kept, reader.Line = reader.Line, TimedLine
    try:
        return run(lambda: at_bench(plan, rng))
    finally:
        reader.Line = kept


def play_all(seed: int, first: int, count: int, *, is_told: bool = False) -> tuple[Counter[str], dict[int, str]]:
    """How they ended, and those that failed."""
    ends: Counter[str] = Counter()
    failed: dict[int, str] = {}
    for number in range(first, first + count):
        try:
            ends[play(seed, number, is_told=is_told)] += 1
        except Exception as error:  # noqa: BLE001 - whatever comes out of a session is what this looks for
            failed[number] = f"{type(error).__name__}: {error}"
    return ends, failed


def main() -> int:
    options = argparse.ArgumentParser(description="Randomised faults at the reader.")
    options.add_argument("--count", type=int, default=300)
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--first", type=int, default=0)
    options.add_argument("--jobs", type=int, default=1, help="processes at once")
    options.add_argument("--tell", action="store_true", help="say what each session is")
    asked = options.parse_args()
    began_s = time.monotonic()
    ends, failed = Counter[str](), dict[int, str]()
    last = asked.first + asked.count
    with ProcessPoolExecutor(asked.jobs) as pool:
        parts = [
            pool.submit(play_all, asked.seed, first, min(PART, last - first), is_told=asked.tell)
            for first in range(asked.first, last, PART)
        ]
        for part in parts:
            part_ends, part_failed = part.result()
            ends += part_ends
            failed |= part_failed
    for end, count in ends.most_common():
        print(f"{count:6}  {end}")
    for number, why in failed.items():
        print(f"failed: seed {asked.seed}, session {number}: {why}")
    print(f"{asked.count} sessions in {time.monotonic() - began_s:.0f} s, {len(failed)} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
