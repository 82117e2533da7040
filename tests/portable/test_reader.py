"""The reader driver against a module that answers from a script: what it asks, what it believes, when it gives up."""

import asyncio

import specimen
from harness import raises
from terminal import samv
from terminal.errors import (
    CardMalformed,
    CardRemoved,
    CardTimeout,
    CardUnsupported,
    CardUnverified,
    ReaderError,
    ReaderSelfTest,
    ReaderTimeout,
    ReaderUnauthorised,
)
from terminal.reader import RESTARTS, Reader
from terminal.samv_line import LIMITS_MS, ticks_add, ticks_diff, ticks_ms

OK = specimen.answer(0x90)
FOUND = specimen.answer(0x9F, bytes(4))
SELECTED = specimen.answer(0x90, bytes(8))
NO_CARD = specimen.answer(0x80)
NO_CONTENT = specimen.answer(0x91)
READ_FAILED = specimen.answer(0x41)
SAM_ID = bytes.fromhex("050001005577330187D6120015CD5B07")
ADDRESSES = specimen.answer(0x90, specimen.utf16("虚构路８号", 35) + specimen.utf16("虚构路９号", 35))
ONE_READ = [samv.FIND, samv.SELECT, samv.READ_BASE, samv.READ_ADDRESS]
AWAY_MS = 40
HANG_S = 20


class Module:
    """Answers each command from its own list; the last answer of a list stays. b"" is no answer."""

    def __init__(self, piece: int = 256, **answers) -> None:
        self.asked = []
        self.line = b""  # on its way to the terminal
        self.is_closed = False
        self._piece = piece
        self._answers = {
            samv.RESET: [OK],
            samv.STATUS: [OK],
            samv.SAM_ID: [specimen.answer(0x90, SAM_ID)],
            samv.FIND: [FOUND],
            samv.SELECT: [SELECTED],
            samv.READ_BASE: [specimen.base()],
            samv.READ_ADDRESS: [NO_CONTENT],
            samv.READ_NUMBERS: [READ_FAILED],
        }
        for name, scripted in answers.items():
            self._answers[getattr(samv, name)] = scripted

    def write(self, frame: bytes) -> None:
        command = (frame[7], frame[8])
        assert frame == samv.command(*command)
        self.asked.append(command)
        answers = self._answers[command]
        self.line += answers.pop(0) if len(answers) > 1 else answers[0]

    async def drain(self) -> None:
        await asyncio.sleep(0)

    async def read(self, n: int) -> bytes:
        while not self.line and not self.is_closed:
            await asyncio.sleep(0.001)
        size = min(n, self._piece)
        data, self.line = self.line[:size], self.line[size:]
        return data


def driver(module: Module, on_command=None) -> Reader:
    """With limits so short that every timeout of the story fits into a test."""
    limits_ms = {command: 100 for command in LIMITS_MS}
    return Reader(module, on_command, poll_ms=2, same_card_ms=AWAY_MS, limits_ms=limits_ms, silence_ms=30)


def run(coroutine):
    """On an event loop of its own: no task of the story before goes on reading."""
    asyncio.new_event_loop().close() if hasattr(asyncio, "Runner") else asyncio.new_event_loop()
    return asyncio.run(asyncio.wait_for(coroutine, HANG_S))


def read_card(reader: Reader, events: "list | None" = None, within_ms: int = 10_000):
    said = [] if events is None else events
    return reader.read_card(ticks_add(ticks_ms(), within_ms), said.append)


# --- start


def test_start_takes_a_sam_id_that_came_twice() -> None:
    module = Module()
    assert run(driver(module).start()) == "05.01-20150101-0001234567-0123456789"
    assert module.asked == [samv.STATUS, samv.SAM_ID, samv.SAM_ID]


def test_first_sam_id_after_power_on_is_not_believed() -> None:
    module = Module(SAM_ID=[specimen.answer(0x90, bytes(16)), specimen.answer(0x90, SAM_ID)])
    assert run(driver(module).start()) == samv.sam_id_text(SAM_ID)
    assert module.asked.count(samv.SAM_ID) == 3


def test_sam_id_that_keeps_changing_is_refused() -> None:
    module = Module(SAM_ID=[specimen.answer(0x90, bytes((i,)) + SAM_ID[1:]) for i in range(9)])
    raises(ReaderError, run, driver(module).start())


def test_sam_id_without_a_date_is_refused() -> None:
    raises(ReaderError, run, driver(Module(SAM_ID=[specimen.answer(0x90, bytes(16))])).start())


def test_start_waits_until_the_module_is_ready() -> None:
    module = Module(STATUS=[b"", specimen.answer(0x21), OK])
    assert run(driver(module).start())
    assert module.asked.count(samv.STATUS) == 3


def test_unusable_module_is_named() -> None:
    raises(ReaderUnauthorised, run, driver(Module(STATUS=[specimen.answer(0x66)])).start())
    raises(ReaderSelfTest, run, driver(Module(STATUS=[specimen.answer(0x60)])).start())


def test_silent_module_times_out() -> None:
    module = Module(STATUS=[b""])
    raises(ReaderTimeout, run, driver(module).start())
    assert module.asked == [samv.STATUS] * 5


# --- one read


def test_card_is_read_whole() -> None:
    for piece in (1, 7, 64, 1000):
        module = Module(piece, READ_ADDRESS=[ADDRESSES])
        reader = driver(module)

        async def story(reader=reader):
            assert await reader.find()
            return await reader.read()

        data = run(story())
        assert (data.text, data.photo) == (specimen.text_block(), specimen.PHOTO)
        assert data.addresses == ("虚构路８号", "虚构路９号")
        assert data.answer_ms >= 0
        assert module.asked == ONE_READ


def test_card_without_additional_address_has_none() -> None:
    data, attempts, found_ms = run(read_card(driver(Module())))
    assert (data.addresses, attempts) == ((), 1)
    assert ticks_diff(ticks_ms(), found_ms) >= data.answer_ms


def test_no_card_is_no_error() -> None:
    assert run(driver(Module(FIND=[NO_CARD])).find()) is False


def test_late_answer_is_not_taken_for_the_next() -> None:
    for late in (FOUND, SELECTED, ADDRESSES, specimen.answer(0x90, SAM_ID), OK):
        module = Module(READ_BASE=[late + specimen.base()])
        data, attempts, _ = run(read_card(driver(module)))
        assert (data.text, attempts) == (specimen.text_block(), 1)


def test_bytes_that_came_unasked_are_flushed() -> None:
    module = Module(FIND=[NO_CARD])
    reader = driver(module)

    async def story() -> None:
        assert not await reader.find()
        module.line = FOUND * 100
        assert not await reader.find()

    run(story())


def test_after_a_missing_answer_the_line_must_fall_silent() -> None:
    module = Module(FIND=[b"", NO_CARD])
    reader = Reader(module, limits_ms={samv.FIND: 20}, silence_ms=300)

    async def answer_late() -> list:
        await asyncio.sleep(0.02)
        module.line += FOUND
        return module.asked[:]

    async def story() -> None:
        assert not await reader.find()
        late = asyncio.create_task(answer_late())
        assert not await reader.find()
        assert await late == [samv.FIND]  # the second one was still waiting

    run(story())


def test_damaged_answer_is_given_up_before_its_time_limit() -> None:
    damaged = specimen.base()[:-1] + b"\0"
    limits_ms = {command: 1000 * 3600 for command in LIMITS_MS}
    reader = Reader(Module(READ_BASE=[damaged, specimen.base()]), limits_ms=limits_ms)
    assert run(read_card(reader))[1] == 2


def test_our_damaged_frame_is_sent_again_once() -> None:
    for complaint in (0x10, 0x11):
        module = Module(SELECT=[specimen.answer(complaint), SELECTED])
        assert run(read_card(driver(module)))[1] == 1
        assert module.asked.count(samv.SELECT) == 2
        raises(ReaderError, run, driver(Module(FIND=[specimen.answer(complaint)])).find())


def test_a_task_is_told_of_every_command() -> None:
    beats = []
    module = Module()
    run(read_card(driver(module, lambda: beats.append(1))))
    assert len(beats) == len(module.asked)


def test_second_task_is_refused() -> None:
    reader = driver(Module(FIND=[NO_CARD]))

    async def story() -> None:
        first = asyncio.create_task(reader.find())
        await asyncio.sleep(0)
        try:
            await reader.find()
        except ReaderError:
            return await first
        raise AssertionError("two tasks at one reader")

    run(story())


def test_closed_line_is_a_reader_fault() -> None:
    module = Module(FIND=[b""])
    module.is_closed = True
    raises(ReaderError, run, driver(module).find())


def test_nothing_of_the_card_is_left_after_clear() -> None:
    reader = driver(Module())

    async def story():
        data = (await read_card(reader))[0]
        assert data.text == specimen.text_block()
        reader.clear()
        return data

    assert run(story()).text == bytes(256)


def test_next_find_overwrites_the_card_before() -> None:
    reader = driver(Module(FIND=[FOUND, NO_CARD]))

    async def story():
        data = (await read_card(reader))[0]
        assert data.photo == specimen.PHOTO
        await reader.find()
        return data

    data = run(story())
    assert (data.text, data.photo) == (bytes(256), bytes(1024))


def test_photo_larger_than_any_is_refused() -> None:
    raises(CardMalformed, run, read_card(driver(Module(READ_BASE=[specimen.base(photo=bytes(1025))]))))


def test_picture_behind_the_photo_is_handed_on() -> None:
    pieces = []
    picture = b"BM" + bytes(1500)
    module = Module(64, READ_BASE=[specimen.base() + picture])
    reader = Reader(module, on_picture=lambda piece: pieces.append(bytes(piece)), limits_ms=LIMITS_MS, silence_ms=30)
    data, attempts, _ = run(read_card(reader))
    assert (data.photo, attempts) == (specimen.PHOTO, 1)
    assert b"".join(pieces) == picture
    reader.clear()
    assert pieces[-1] == b""  # forget it


def test_cancelled_read_leaves_nothing_and_the_line_usable() -> None:
    for command in ("FIND", "SELECT", "READ_BASE", "READ_ADDRESS"):
        answers = {"FIND": [FOUND], "SELECT": [SELECTED], "READ_BASE": [specimen.base()], "READ_ADDRESS": [NO_CONTENT]}
        module = Module(**{command: [b""] + answers[command]})
        reader = Reader(module, poll_ms=2, silence_ms=30)

        async def story(module=module, reader=reader, command=command):
            reading = asyncio.create_task(read_card(reader))
            while getattr(samv, command) not in module.asked:
                await asyncio.sleep(0.001)
            reading.cancel()
            try:
                await reading
                raise AssertionError("not cancelled")
            except asyncio.CancelledError:
                pass
            reader.attempts = 0
            return await read_card(reader)

        data, attempts, _ = run(story())
        assert (data.text, attempts) == (specimen.text_block(), 1), command


def test_no_read_is_cancelled_at_a_time_limit() -> None:
    """It could have the bytes that arrive just then, and take them with it."""

    class Careful(Module):
        cancelled = 0

        async def read(self, n: int) -> bytes:
            try:
                return await Module.read(self, n)
            except asyncio.CancelledError:
                self.cancelled += 1
                raise

    module = Careful(STATUS=[b"", b"", OK], FIND=[b"", FOUND], READ_BASE=[specimen.base()[:900], specimen.base()])
    reader = driver(module)

    async def story() -> int:
        await reader.start()
        await read_card(reader)
        cancelled = module.cancelled
        reader.close()
        await asyncio.sleep(0.01)
        assert module.cancelled == cancelled + 1  # or this test could not fail
        return cancelled

    assert run(story()) == 0


# --- restarts


def test_failed_read_starts_again_at_find() -> None:
    for sw3 in (0x21, 0x31, 0x32, 0x33, 0x41, 0x47, 0x80, 0x81):
        module = Module(READ_BASE=[specimen.answer(sw3), specimen.base()])
        assert run(read_card(driver(module)))[1] == 2
        assert module.asked == ONE_READ[:3] + ONE_READ


def test_failed_select_and_failed_address_start_again_at_find() -> None:
    module = Module(SELECT=[specimen.answer(0x81), SELECTED], READ_ADDRESS=[READ_FAILED, ADDRESSES])
    data, attempts, _ = run(read_card(driver(module)))
    assert (attempts, len(data.addresses)) == (3, 2)
    assert module.asked == ONE_READ[:2] + ONE_READ + ONE_READ


def test_broken_off_or_damaged_answer_starts_again_at_find() -> None:
    whole = specimen.base()
    damaged = whole[:700] + bytes((whole[700] ^ 1,)) + whole[701:]
    for broken in [whole[:size] for size in (0, 1, 5, 7, 11, 600, 1294)] + [damaged]:
        module = Module(READ_BASE=[broken, whole])
        data, attempts, _ = run(read_card(driver(module)))
        assert (data.text, attempts) == (specimen.text_block(), 2), len(broken)


def test_card_that_cannot_be_verified_is_refused_after_three_restarts() -> None:
    for sw3 in (0x31, 0x32, 0x33):
        module = Module(READ_BASE=[specimen.answer(sw3)])
        reader = driver(module)
        raises(CardUnverified, run, read_card(reader))
        assert reader.attempts == module.asked.count(samv.SELECT) == RESTARTS + 1


def test_lengths_that_disagree_are_refused_after_three_restarts() -> None:
    module = Module(READ_BASE=[specimen.answer(0x90, bytes((1, 0, 4, 1)) + bytes(1280))])
    raises(CardMalformed, run, read_card(driver(module)))
    assert module.asked.count(samv.SELECT) == RESTARTS + 1
    short_text = Module(READ_BASE=[specimen.base(text=bytes(254))])
    raises(CardMalformed, run, read_card(driver(short_text)))


def test_other_chip_is_refused_at_once() -> None:
    module = Module(READ_BASE=[specimen.answer(0x40)])
    raises(CardUnsupported, run, read_card(driver(module)))
    assert module.asked.count(samv.SELECT) == 1


def test_lost_state_of_the_module_is_reset() -> None:
    module = Module(READ_BASE=[specimen.answer(0x24), specimen.base()])
    run(read_card(driver(module)))
    assert module.asked == ONE_READ[:3] + [samv.RESET, samv.STATUS] + ONE_READ


def test_fault_of_the_module_ends_the_read() -> None:
    raises(ReaderError, run, read_card(driver(Module(READ_BASE=[specimen.answer(0x23)]))))
    raises(ReaderUnauthorised, run, read_card(driver(Module(FIND=[specimen.answer(0x66)]))))


def test_module_that_falls_silent_times_out() -> None:
    module = Module(FIND=[NO_CARD, b""])
    raises(ReaderTimeout, run, read_card(driver(module)))
    assert module.asked.count(samv.FIND) == 6


# --- the customer


def test_nobody_comes() -> None:
    reader = driver(Module(FIND=[NO_CARD]))
    raises(CardTimeout, run, read_card(reader, within_ms=30))
    assert reader.attempts == 0


def test_card_is_waited_for() -> None:
    events = []
    module = Module(FIND=[NO_CARD, NO_CARD, FOUND])
    run(read_card(driver(module), events))
    assert events == ["found", "reading"]


def test_card_taken_away_may_be_put_back() -> None:
    events = []
    module = Module(READ_BASE=[READ_FAILED, specimen.base()], FIND=[FOUND, NO_CARD, NO_CARD, FOUND])
    _, attempts, _ = run(read_card(driver(module), events))
    assert (attempts, events) == (2, ["found", "reading", "lost", "found", "reading"])


def test_card_taken_away_for_good_is_said_at_the_deadline() -> None:
    module = Module(READ_BASE=[READ_FAILED], FIND=[FOUND, NO_CARD])
    raises(CardRemoved, run, read_card(driver(module), within_ms=300))


def test_card_that_cannot_be_read_must_be_lifted_first() -> None:
    events = []
    tries = RESTARTS + 1
    module = Module(READ_BASE=[READ_FAILED] * tries + [specimen.base()], FIND=[FOUND] * (tries + 3) + [NO_CARD, FOUND])
    _, attempts, _ = run(read_card(driver(module), events))
    assert attempts == tries + 1
    assert events == ["found", "reading"] * tries + ["lost", "found", "reading"]


def test_refused_card_is_not_tried_for_the_next_customer() -> None:
    module = Module(READ_BASE=[specimen.answer(0x40), specimen.base()], FIND=[FOUND, FOUND, FOUND, NO_CARD, FOUND])
    reader = driver(module)
    events = []

    async def story():
        try:
            await read_card(reader)
        except CardUnsupported:
            return await read_card(reader, events)

    _, attempts, _ = run(story())
    assert (attempts, events) == (1, ["lost", "found", "reading"])
    assert module.asked.count(samv.SELECT) == 2


# --- one presentation, one registration


def test_card_lying_there_is_not_read_for_the_next_customer() -> None:
    other = specimen.base(specimen.text_block(name="测试乙"))
    module = Module(READ_BASE=[specimen.base(), specimen.base(), other])
    reader = driver(module)
    events = []

    async def story():
        await read_card(reader)
        await asyncio.sleep(AWAY_MS * 2 / 1000)  # time alone does not take it away
        return await read_card(reader, events)

    data, attempts, _ = run(story())
    assert data.text == specimen.text_block(name="测试乙")
    assert (attempts, events) == (2, ["found", "reading", "repeat", "found", "reading"])


def test_same_card_after_it_was_away_long_enough_is_read_again() -> None:
    reader = driver(Module(FIND=[FOUND, NO_CARD, FOUND]))

    async def story():
        await read_card(reader)
        assert not await reader.find()
        await asyncio.sleep(AWAY_MS * 2 / 1000)
        events = []
        await read_card(reader, events)
        return events

    assert run(story()) == ["found", "reading"]


def test_same_card_back_too_soon_is_a_repeat() -> None:
    module = Module(FIND=[FOUND, NO_CARD, FOUND, NO_CARD])
    reader = Reader(module, poll_ms=2, same_card_ms=60_000)
    events = []

    async def story() -> None:
        await read_card(reader)
        await reader.find()
        await read_card(reader, events, within_ms=300)

    raises(CardTimeout, run, story())
    assert events == ["found", "reading", "repeat"]


NUMBERS = specimen.answer(0x90, bytes(28))


def test_card_left_on_a_strict_module_is_said_to_the_next_customer() -> None:
    other = specimen.base(specimen.text_block(name="测试乙"))
    module = Module(
        FIND=[FOUND, NO_CARD, NO_CARD, NO_CARD, FOUND],
        READ_BASE=[specimen.base(), other],
        READ_NUMBERS=[NUMBERS, NO_CONTENT, READ_FAILED],
    )
    reader = driver(module)
    events = []

    async def story():
        await read_card(reader)
        return await read_card(reader, events)

    assert run(story())[0].text == specimen.text_block(name="测试乙")
    assert events == ["repeat", "found", "reading"]
    assert module.asked.count(samv.READ_NUMBERS) == 3


def test_presence_may_be_asked_by_another_command_or_not_at_all() -> None:
    for presence in (samv.READ_ADDRESS, None):
        module = Module(FIND=[FOUND, NO_CARD], READ_ADDRESS=[NO_CONTENT])
        reader = Reader(module, poll_ms=2, presence=presence, silence_ms=30)

        async def story(reader=reader) -> bool:
            await read_card(reader)
            await reader.find()
            return reader.is_left_lying

        assert run(story()) == (presence is not None)
        assert samv.READ_NUMBERS not in module.asked


def test_module_that_does_not_answer_to_the_presence_test_is_asked_once() -> None:
    module = Module(FIND=[FOUND, NO_CARD], READ_NUMBERS=[b""])
    reader = driver(module)

    async def story() -> None:
        await read_card(reader)
        for _ in range(30):
            assert not await reader.find()

    run(story())
    assert module.asked.count(samv.READ_NUMBERS) == 1


def test_answer_that_does_not_say_no_card_takes_no_card_away() -> None:
    """A late 41 at find: on a lenient module the card would be registered twice."""
    module = Module(FIND=[FOUND, READ_FAILED, FOUND])
    reader = driver(module)
    events = []

    async def story() -> None:
        await read_card(reader)
        assert not await reader.find()
        await asyncio.sleep(AWAY_MS * 2 / 1000)
        await read_card(reader, events, within_ms=100)

    raises(CardTimeout, run, story())
    assert events[:3] == ["found", "reading", "repeat"]


def test_reader_opened_anew_remembers_the_card_that_lies_there() -> None:
    module = Module()
    reader = driver(module)
    events = []

    async def story() -> None:
        await read_card(reader)
        reader.close()
        reader.open(module, 9600)
        await read_card(reader, events, within_ms=300)

    raises(CardTimeout, run, story())
    assert events[:3] == ["found", "reading", "repeat"]


def test_wait_removed_ends_when_the_card_has_been_away() -> None:
    module = Module(FIND=[FOUND, FOUND, FOUND, NO_CARD])
    reader = driver(module)

    async def story() -> bool:
        assert await reader.wait_removed(0)  # nothing was read yet
        await read_card(reader)
        return await reader.wait_removed(10_000)

    assert run(story())
    assert module.asked.count(samv.FIND) >= 4


def test_wait_removed_gives_up_on_a_card_that_stays() -> None:
    reader = driver(Module())

    async def story() -> bool:
        await read_card(reader)
        return await reader.wait_removed(20)

    assert not run(story())


def test_wait_removed_leaves_the_next_card_to_read_card() -> None:
    module = Module(FIND=[FOUND, NO_CARD, FOUND])
    reader = Reader(module, poll_ms=2, same_card_ms=60_000)

    async def story() -> bool:
        await read_card(reader)
        return await reader.wait_removed(60_000)

    assert not run(story())
    assert module.asked.count(samv.SELECT) == 1
