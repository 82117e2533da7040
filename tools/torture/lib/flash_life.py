"""The MicroPython half of scenario `flash`: flash_life.py FIRMWARE LIB SEED CUTS PART PARTS [CHAPTER.OPERATION.WAY].

The queue's life is a number of chapters; one is a boot and some twenty steps (append, send, receipt). Each is played
once without a cut, to count its programs and erases, then once for every cut, from the flash and the books with which
it begins. After the cut a new device over the same cells is mounted, the queue opened, the books compared; then the
terminal serves a customer, sends everything, and is started once more. Prints JSON, an object a line.
"""

import json
import random
import sys
from hashlib import sha256

sys.path.insert(0, sys.argv[1])
sys.path.append(sys.argv[2])

import vfs  # noqa: E402
from nor_flash import BLOCK_BYTES, GEOMETRY, Cut, Memory, Nor  # noqa: E402
from terminal.errors import QueueError  # noqa: E402
from terminal.queue import Queue  # noqa: E402

from flash_books import Agent, Books  # noqa: E402

BLOCKS = 128
CHAPTERS = 24
STEPS = 22
POINT = "/torn"
NEWS = 50  # cuts between two words of progress
RECUT = 8  # one recovery of so many is cut off as well
FILLER = bytes([i * 167 + (i >> 8) & 255 for i in range(9000)])


class Terminal:
    """What runs on the flash between two power cuts."""

    def __init__(self, memory: bytearray, books: Books, cut: "Cut | None" = None) -> None:
        self.device = Nor(Memory(memory), BLOCKS, cut)
        self.books = books
        self.agent = Agent(books)
        vfs.mount(vfs.VfsLfs2(self.device, **GEOMETRY), POINT)
        self.queue = Queue(POINT + "/queue")

    def append(self, size: int) -> None:
        queue, seq = self.queue, self.queue.next_seq
        order_id = "order-%d" % seq
        token = seq.to_bytes(8, "big") + queue.head + FILLER[seq % 251 : seq % 251 + size]
        self.books.doubtful = (seq, sha256(token).digest(), order_id)
        queue.append(order_id, token, 1_700_000_000 + seq)
        self.books.kept[seq] = self.books.doubtful[1:]
        self.books.doubtful = None

    def send(self, seq: int) -> None:
        self.agent.take(self.queue.read(seq).token)

    def receipt(self, seq: int) -> None:
        self.books.end(seq)
        self.queue.remove(seq)

    def play(self, steps: list) -> None:
        """A boot and what comes after it, until the end or the cut."""
        try:
            self.queue.open()
            for kind, argument in steps:
                if kind == "append":
                    self.append(argument)
                elif kind == "settle":
                    self.queue.settle()
                else:
                    waiting = self.queue.pending(argument + 1)
                    if waiting:
                        self.send(waiting[-1])
                        self.receipt(waiting[-1])
        except QueueError:
            if not self.device.is_dead:
                raise

    def off(self) -> None:
        vfs.umount(POINT)  # the device may be dead; whatever still holds a file keeps this device, not the flash


def chapter_steps(seed: int, number: int) -> list:
    """Crowds without a network, drains in order, receipts out of order, one at a time: each chapter another mixture."""
    random.seed(seed * 1009 + number)
    mood = random.choice(("crowd", "drain", "online", "mixed", "mixed"))
    steps = []
    for _ in range(STEPS):
        chance = random.randrange(100)
        size = random.choice((60, 700, 1900, 1900, 2300, random.randrange(1, 8100)))
        if mood == "online":
            steps += [("append", size), ("receipt", 0)]
        elif chance < {"crowd": 85, "drain": 15, "mixed": 50}[mood]:
            steps.append(("append", size))
        elif chance > 96:
            steps.append(("settle", 0))
        else:
            steps.append(("receipt", random.choice((0, 0, 0, 1, 3))))
            if mood == "drain":
                steps.append(("receipt", 0))
    return steps


class Life:
    """Flash and books at the beginning of a chapter."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.memory = bytearray(b"\xff" * (BLOCKS * BLOCK_BYTES))
        vfs.VfsLfs2.mkfs(Nor(Memory(self.memory), BLOCKS), **GEOMETRY)
        self.books = Books()

    def play_whole(self, steps: list) -> int:
        """Goes on to the next chapter. Returns how many programs and erases it took."""
        terminal = Terminal(self.memory, self.books)
        terminal.play(steps)
        terminal.off()
        return terminal.device.operations

    def play_cut(self, steps: list, cut: Cut, tell: bool = False) -> tuple:
        """(findings, records that went out again). Leaves this life as it was."""
        memory, books = bytearray(self.memory), self.books.copy()
        try:
            terminal = Terminal(memory, books, cut)
            findings = terminal.agent.findings
            terminal.play(steps)
            terminal.off()
            if cut.bits % RECUT == 0:
                findings += self._start(memory, books, Cut(cut.bits // RECUT % 5, cut.permille, cut.bits))[0]
            found, again = self._start(memory, books, None)
        except Exception as error:  # noqa: BLE001 - whatever the firmware raises is a finding of this cut
            if tell:
                sys.print_exception(error)
            _unmount()
            return [("unexplained", repr(error))], 0
        return findings + found, again

    def _start(self, memory: bytearray, books: Books, cut: "Cut | None") -> tuple:
        terminal = Terminal(memory, books, cut)
        if cut:
            terminal.play([])
            terminal.off()
            return [], 0
        terminal.queue.open()
        findings, again = books.compare(terminal.queue)
        terminal.append(700)  # a customer more, then everything goes to the agent
        for seq in terminal.queue.pending():
            terminal.send(seq)
            terminal.receipt(seq)
        terminal.queue.close()
        terminal.off()
        findings += terminal.agent.findings
        if terminal.device.cleared_bits_set:
            findings.append(("unexplained", "a cleared bit was to be set"))
        terminal = Terminal(memory, books)
        terminal.queue.open()
        findings += books.compare(terminal.queue)[0]
        if len(terminal.queue):
            findings.append(("doubled", "%d records again after their receipts were marked" % len(terminal.queue)))
        terminal.off()
        return findings, again


def _unmount() -> None:
    try:
        vfs.umount(POINT)
    except OSError:
        pass  # it never was mounted


def cut_of(seed: int, chapter: int, operation: int, way: int) -> Cut:
    """The first two ways are the edges: nothing of it happens but some bits; all of it happens, and nobody hears."""
    random.seed(((seed * 31 + chapter) * 8191 + operation) * 127 + way)
    permille, bits = random.randrange(1001), random.randrange(256)
    return Cut(operation, (0, 1000)[way] if way < 2 else permille, bits)


def count_operations(seed: int, cuts: int) -> list:
    """Of each chapter. The life is short when there are few cuts: every position of it gets one."""
    life = Life(seed)
    operations = []
    while sum(operations) < cuts and len(operations) < CHAPTERS:
        operations.append(life.play_whole(chapter_steps(seed, len(operations))))
    return operations


def run(seed: int, cuts: int, part: int, parts: int) -> None:
    """At least so many cuts, equally many at every position; this is one part of several."""
    operations = count_operations(seed, cuts)
    ways = -(-cuts // sum(operations))
    print(json.dumps({"operations": operations, "cuts": ways * sum(operations)}))
    life = Life(seed)
    position = done = again = 0
    for chapter, count in enumerate(operations):
        steps = chapter_steps(seed, chapter)
        for operation in range(count):
            position += 1
            for way in range(ways) if position % parts == part else ():
                which = way if ways > 1 else position // parts % 3
                findings, resent = life.play_cut(steps, cut_of(seed, chapter, operation, which))
                again += resent
                done += 1
                for kind, words in findings:
                    print(json.dumps({"finding": kind, "words": words, "at": "%d.%d.%d" % (chapter, operation, which)}))
                if done % NEWS == 0:
                    print(json.dumps({"done": done, "again": again}))
        life.play_whole(steps)
    print(json.dumps({"done": done, "again": again}))


def replay(seed: int, at: str) -> None:
    chapter, operation, way = [int(part) for part in at.split(".")]
    life = Life(seed)
    for number in range(chapter):
        life.play_whole(chapter_steps(seed, number))
    steps, cut = chapter_steps(seed, chapter), cut_of(seed, chapter, operation, way)
    print(json.dumps({"operations": [1], "cuts": 1, "steps": steps, "cut": list(cut)}))
    findings, again = life.play_cut(steps, cut, tell=True)
    for kind, words in findings:
        print(json.dumps({"finding": kind, "words": words, "at": at}))
    print(json.dumps({"done": 1, "again": again}))


if len(sys.argv) > 7:
    replay(int(sys.argv[3]), sys.argv[7])
else:
    run(*[int(argument) for argument in sys.argv[3:7]])
