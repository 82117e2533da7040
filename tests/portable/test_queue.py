"""The evidence queue on a real file system: what is appended survives, what is torn never counted."""

import os
from hashlib import sha256

from harness import ROOT, raises
from terminal.errors import QueueError
from terminal.queue import GENESIS, KNOWN_ORDERS, REWRITE_BYTES, REWRITE_PENDING, Queue

FOLDER = ROOT + "/build"
PATH = FOLDER + "/queue-under-test.log"


def fresh() -> Queue:
    try:
        os.mkdir(FOLDER)
    except OSError:
        pass  # is there
    for path in (PATH, PATH + ".new"):
        try:
            os.remove(path)
        except OSError:
            pass  # was not there
    queue = Queue(PATH)
    queue.open()
    return queue


def reopened(queue: Queue) -> Queue:
    queue.close()
    again = Queue(PATH)
    again.open()
    return again


def test_new_queue_starts_the_chain() -> None:
    queue = fresh()
    assert (queue.next_seq, queue.head, len(queue)) == (1, GENESIS, 0)


def test_record_comes_back_after_restart() -> None:
    queue = fresh()
    assert queue.append("order-1", b"token-1") == 1
    queue = reopened(queue)
    record = queue.read(1)
    assert (record.seq, record.order_id, record.token) == (1, "order-1", b"token-1")
    assert record.sha256 == sha256(b"token-1").digest() == queue.head
    assert (queue.pending(), queue.next_seq) == ([1], 2)


def test_removed_record_stays_removed_and_chain_goes_on() -> None:
    queue = fresh()
    queue.append("order-1", b"token-1")
    queue.append("order-2", b"token-2")
    queue.remove(1)
    queue = reopened(queue)
    assert queue.pending() == [2]
    assert (queue.next_seq, queue.head) == (3, sha256(b"token-2").digest())


def test_order_is_known_after_its_record_is_gone() -> None:
    queue = fresh()
    queue.append("order-1", b"token-1")
    queue.remove(1)
    assert reopened(queue).has_order("order-1")
    assert not queue.has_order("order-2")


def test_known_orders_are_bounded_and_forget_the_oldest() -> None:
    queue = fresh()
    for i in range(KNOWN_ORDERS + 1):
        queue.remove(queue.append("order-%d" % i, b"t"))
    assert not queue.has_order("order-0")
    assert queue.has_order("order-1")


def test_cut_at_every_byte_of_the_last_record_drops_only_it() -> None:
    queue = fresh()
    queue.append("order-1", b"token-1" * 5)
    queue.close()
    whole = os.stat(PATH)[6]
    queue.append("order-2", b"token-2" * 5)
    queue.close()
    with open(PATH, "rb") as file:
        content = file.read()
    for size in range(whole, len(content)):
        with open(PATH, "wb") as file:
            file.write(content[:size])
        cut = Queue(PATH)
        cut.open()
        assert (cut.pending(), cut.next_seq) == ([1], 2), size
        assert cut.append("order-2", b"again") == 2
        assert reopened(cut).pending() == [1, 2], size


def test_flipped_byte_ends_the_file_there() -> None:
    queue = fresh()
    queue.append("order-1", b"token-1")
    queue.append("order-2", b"token-2")
    queue.close()
    with open(PATH, "rb") as file:
        content = bytearray(file.read())
    content[-6] ^= 1
    with open(PATH, "wb") as file:
        file.write(content)
    assert reopened(queue).pending() == [1]


def test_long_file_is_rewritten_and_keeps_head_and_orders() -> None:
    queue = fresh()
    token = bytes(8192)
    last = b""
    for i in range(REWRITE_BYTES // len(token) + 1):
        last = token + bytes([i])
        queue.remove(queue.append("order-%d" % i, last))
    seq = queue.next_seq
    assert os.stat(PATH)[6] < REWRITE_BYTES
    queue = reopened(queue)
    assert (queue.next_seq, queue.head, len(queue)) == (seq, sha256(last).digest(), 0)
    assert queue.has_order("order-0")


def test_rewrite_with_an_older_pending_record_keeps_the_newer_head() -> None:
    queue = fresh()
    queue.append("order-1", b"token-1")
    queue.append("order-2", b"token-2")
    queue.remove(2)
    queue.close()
    with open(PATH, "ab") as file:
        file.write(b"torn")  # makes the next start rewrite the file
    queue = reopened(queue)
    assert queue.pending() == [1]
    assert (queue.next_seq, queue.head) == (3, sha256(b"token-2").digest())


def damage(at: int) -> None:
    with open(PATH, "rb") as file:
        content = bytearray(file.read())
    content[at] ^= 1
    with open(PATH, "wb") as file:
        file.write(content)


def test_damage_at_any_byte_of_a_record_costs_only_that_record() -> None:
    queue = fresh()
    queue.append("order-1", b"token-1")
    queue.close()
    start = os.stat(PATH)[6]
    queue.append("order-2", b"token-2" * 5)
    queue.close()
    end = os.stat(PATH)[6]
    queue.append("order-3", b"token-3")
    queue.remove(1)
    queue.close()
    with open(PATH, "rb") as file:
        content = file.read()
    for at in range(start, end):
        with open(PATH, "wb") as file:
            file.write(content)
        damage(at)
        for found in (reopened(queue), reopened(queue)):  # and the rewritten file
            assert found.pending() == [3], at
            assert (found.next_seq, found.head) == (4, sha256(b"token-3").digest()), at


def test_damage_without_room_for_a_rewriting_keeps_the_queue_at_work() -> None:
    queue = fresh()
    queue.append("order-1", b"token-1")
    queue.append("order-2", b"token-2" * 5)
    queue.close()
    damage(12)
    os.mkdir(PATH + ".new")  # a new file cannot be written
    try:
        queue = reopened(queue)
        assert queue.pending() == [2]
        assert queue.append("order-3", b"token-3") == 3
        queue.remove(2)
        queue = reopened(queue)
        assert queue.pending() == [3]
        assert queue.has_order("order-2")
    finally:
        os.rmdir(PATH + ".new")


def test_order_of_a_pending_record_is_never_forgotten() -> None:
    queue = fresh()
    queue.append("order-first", b"t")
    for i in range(KNOWN_ORDERS + 1):
        queue.append("order-%d" % i, b"t")
    for i in range(KNOWN_ORDERS + 1):
        queue.remove(2 + i)
    assert queue.has_order("order-first")
    assert reopened(queue).has_order("order-first")


def test_records_without_a_receipt_do_not_keep_the_file_growing() -> None:
    queue = fresh()
    stuck = [queue.append("stuck-%d" % i, b"%d" % i * 1000) for i in range(REWRITE_PENDING - 1)]
    for i in range(2 * REWRITE_BYTES // 8192):
        queue.remove(queue.append("order-%d" % i, bytes(8192)))
        assert os.stat(PATH)[6] < REWRITE_BYTES + 8192
    assert reopened(queue).pending() == stuck
    assert queue.read(stuck[0]).token == b"0" * 1000


def test_flash_that_cannot_be_read_is_a_queue_fault() -> None:
    queue = fresh()
    queue.append("order-1", b"token-1")
    queue.close()
    os.remove(PATH)
    assert raises(QueueError, queue.read, 1).code == "queue-fault"


def test_unknown_record_is_an_error() -> None:
    queue = fresh()
    for call in (queue.read, queue.remove):
        try:
            call(7)
        except QueueError as error:
            assert error.code == "queue-fault"
        else:
            raise AssertionError("no error")
