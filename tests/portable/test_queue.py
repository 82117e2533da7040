"""The evidence queue on a real file system: what is appended survives, what is torn never counted."""

import os
from hashlib import sha256

from harness import raises, scratch
from terminal import queue_record
from terminal.errors import QueueError, QueueFull, QueueOverdue
from terminal.queue import AGE_MAX_S, GENESIS, KNOWN_ORDERS, MARKS_MAX, RECORDS_MAX, Queue

FOLDER = scratch("queue-under-test")
AT = 1_790_000_000
SEGMENT = queue_record.SEGMENT_RECORDS


def wiped(folder: str) -> str:
    """Without the folder."""
    try:
        for name in os.listdir(folder):
            try:
                os.remove(folder + "/" + name)
            except OSError:
                os.rmdir(folder + "/" + name)
        os.rmdir(folder)
    except OSError:
        pass  # was not there
    return folder


def fresh() -> Queue:
    queue = Queue(wiped(FOLDER))
    queue.open()
    return queue


def reopened(queue: Queue) -> Queue:
    queue.close()
    return restarted()


def restarted() -> Queue:
    """As after a power cut: nobody has closed the one before."""
    again = Queue(FOLDER)
    again.open()
    return again


def filled(count: int) -> Queue:
    queue = fresh()
    for i in range(1, count + 1):
        queue.append("order-%d" % i, b"token-%d" % i, AT + i)
    return queue


def files() -> list:
    return sorted([name for name in os.listdir(FOLDER) if name != "state"])


def content_of(name: str) -> bytes:
    with open(FOLDER + "/" + name, "rb") as file:
        return file.read()


def put(name: str, content: bytes) -> None:
    with open(FOLDER + "/" + name, "wb") as file:
        file.write(content)


def flipped(content: bytes, at: int) -> bytes:
    return content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :]


# --- what comes back


def test_new_queue_starts_the_chain() -> None:
    queue = fresh()
    assert (queue.next_seq, queue.head, len(queue)) == (1, GENESIS, 0)


def test_record_comes_back_after_restart() -> None:
    queue = fresh()
    assert queue.append("order-1", b"token-1", AT) == 1
    queue = restarted()
    record = queue.read(1)
    assert (record.seq, record.order_id, record.token) == (1, "order-1", b"token-1")
    assert record.sha256 == sha256(b"token-1").digest() == queue.head
    assert (queue.pending(), queue.next_seq) == ([1], 2)


def test_removed_record_stays_removed_and_chain_goes_on() -> None:
    queue = filled(2)
    queue.remove(1)
    queue = reopened(queue)
    assert queue.pending() == [2]
    assert (queue.next_seq, queue.head) == (3, sha256(b"token-2").digest())


def test_empty_queue_leaves_no_token_in_its_folder_and_keeps_its_head() -> None:
    queue = filled(3)
    for seq in (2, 1, 3):
        queue.remove(seq)
    assert files() == []
    queue = restarted()
    assert (queue.next_seq, queue.head, len(queue)) == (4, sha256(b"token-3").digest(), 0)


def test_records_over_several_files_come_back_in_order() -> None:
    count = 3 * SEGMENT + 5
    filled(count)
    queue = restarted()
    assert queue.pending() == list(range(1, count + 1))
    assert len(files()) == 4
    for seq in (1, SEGMENT, SEGMENT + 1, count):
        assert queue.read(seq).token == b"token-%d" % seq, seq
    assert queue.append("order-next", b"next", AT) == count + 1
    assert restarted().read(count + 1).token == b"next"


def test_file_is_removed_when_all_its_records_have_receipts() -> None:
    queue = filled(2 * SEGMENT)
    for seq in range(2, 2 * SEGMENT + 1):
        queue.remove(seq)
    assert files() == ["1"]
    queue.remove(1)
    assert files() == []


def test_pending_is_oldest_first_and_bounded() -> None:
    queue = filled(2 * SEGMENT)
    queue.remove(2)
    assert queue.pending(3) == [1, 3, 4]
    assert len(queue) == len(queue.pending()) == 2 * SEGMENT - 1


def test_unmarked_receipts_of_a_power_cut_are_few_and_go_out_again() -> None:
    queue = filled(SEGMENT - 1)
    for seq in range(1, SEGMENT - 1):
        queue.remove(seq)
    found = restarted().pending()
    assert found == list(range(MARKS_MAX + 1, SEGMENT)), "all but the whole bundles"
    queue.settle()
    assert restarted().pending() == [SEGMENT - 1]


def test_records_without_a_receipt_do_not_keep_the_files() -> None:
    queue = filled(1)
    for i in range(10 * SEGMENT):
        queue.remove(queue.append("later-%d" % i, b"t", AT))
    assert files() == ["1"]
    assert reopened(queue).pending() == [1]


# --- orders


def test_order_is_known_after_its_record_is_gone() -> None:
    queue = filled(1)
    queue.remove(1)
    assert restarted().has_order("order-1")
    assert not queue.has_order("order-2")


def test_known_orders_are_bounded_and_forget_the_oldest() -> None:
    queue = fresh()
    for i in range(KNOWN_ORDERS + 1):
        queue.remove(queue.append("order-%d" % i, b"t", AT))
    assert not queue.has_order("order-0")
    assert queue.has_order("order-1")
    assert restarted().has_order("order-1")


def test_order_of_a_pending_record_is_never_forgotten() -> None:
    queue = fresh()
    queue.append("order-first", b"t", AT)
    for i in range(KNOWN_ORDERS + SEGMENT):
        queue.remove(queue.append("order-%d" % i, b"t", AT))
    assert queue.has_order("order-first")
    assert reopened(queue).has_order("order-first")


# --- the bounds


def test_full_queue_takes_nothing_on_and_drops_nothing() -> None:
    queue = filled(RECORDS_MAX - 1)
    queue.require_room(AT)
    queue.append("order-last", b"last", AT)
    assert raises(QueueFull, queue.require_room, AT).code == "queue-full"
    assert raises(QueueFull, queue.append, "one more", b"t", AT).code == "queue-full"
    assert (len(queue), queue.next_seq) == (RECORDS_MAX, RECORDS_MAX + 1)
    queue = restarted()
    assert queue.pending() == list(range(1, RECORDS_MAX + 1))
    raises(QueueFull, queue.require_room, AT)
    queue.remove(1)
    queue.require_room(AT)


def test_record_of_more_than_seven_days_stops_new_ones_until_it_is_delivered() -> None:
    queue = fresh()
    queue.append("order-1", b"t", AT)
    queue.append("order-2", b"t", AT + 10)
    for found in (queue, restarted()):
        found.require_room(AT + AGE_MAX_S)
        assert raises(QueueOverdue, found.require_room, AT + AGE_MAX_S + 1).code == "queue-overdue"
        found.require_room(AT - 1000)  # a clock that was set back
    queue.remove(1)
    queue.require_room(AT + AGE_MAX_S + 1)
    raises(QueueFull, queue.require_room, AT + AGE_MAX_S + 11)


def test_order_id_or_token_that_is_too_long_is_refused_and_changes_nothing() -> None:
    queue = filled(1)
    for order_id, token in (("x" * 65, b"t"), ("", b"t"), ("order-2", bytes(8193))):
        raises(ValueError, queue.append, order_id, token, AT)
    assert (queue.append("order-2", bytes(8192), AT), restarted().pending()) == (2, [1, 2])


# --- cuts and damage


def test_cut_at_every_byte_of_the_last_record_drops_only_it() -> None:
    filled(1)
    whole = len(content_of("1"))
    restarted().append("order-2", b"token-2" * 5, AT)
    content = content_of("1")
    for size in range(whole, len(content)):
        wiped(FOLDER)
        os.mkdir(FOLDER)
        put("1", content[:size])
        cut = restarted()
        assert (cut.pending(), cut.next_seq) == ([1], 2), size
        assert cut.append("order-2", b"again", AT) == 2
        assert restarted().pending() == [1, 2], size
        assert restarted().read(2).token == b"again", size


def test_cut_at_every_byte_of_an_index_costs_nothing() -> None:
    filled(SEGMENT)
    content = content_of("1")
    for size in range(len(content) - queue_record.INDEX_BYTES, len(content)):
        put("1", content[:size])
        assert restarted().pending() == list(range(1, SEGMENT + 1)), size
    queue = restarted()
    assert queue.append("order-next", b"next", AT) == SEGMENT + 1
    assert restarted().read(SEGMENT + 1).token == b"next"


def test_damage_at_any_byte_of_a_head_costs_only_that_record() -> None:
    filled(3)
    content = content_of("1")
    size = len(content) // 3
    for at in range(size, 2 * size - len(b"token-2")):
        put("1", flipped(content, at))
        found = restarted()
        assert found.pending() == [1, 3], at
        assert (found.next_seq, found.head) == (4, sha256(b"token-3").digest()), at


def test_damaged_token_is_never_given_out_and_stays() -> None:
    filled(2)
    content = content_of("1")
    for at in range(len(content) - len(b"token-2"), len(content)):
        put("1", flipped(content, at))
        found = restarted()
        assert found.pending() == [1, 2], at
        assert raises(QueueError, found.read, 2).code == "queue-fault"
        assert found.next_seq == 3, "its place in the chain is used"
        assert found.read(1).token == b"token-1"


def test_damaged_index_costs_nothing() -> None:
    filled(SEGMENT + 1)
    content = content_of("1")
    put("1", flipped(content, len(content) - 20))
    found = restarted()
    assert found.pending() == list(range(1, SEGMENT + 2))
    assert found.read(SEGMENT).token == b"token-%d" % SEGMENT


def test_file_without_a_record_that_checks_is_set_aside() -> None:
    filled(1)
    put("1", b"\x00" * 200)
    assert restarted().pending() == []
    assert files() == ["1.damaged"]


def test_damaged_state_stops_the_start() -> None:
    queue = filled(1)
    queue.remove(1)
    put("state", flipped(content_of("state"), 5))
    assert raises(QueueError, Queue(FOLDER).open).code == "queue-fault"


def test_mark_that_cannot_be_written_is_told_and_the_record_goes_out_again() -> None:
    queue = filled(1)
    os.mkdir(FOLDER + "/state")  # cannot be written
    try:
        assert raises(QueueError, queue.remove, 1).code == "queue-fault"
        assert len(queue) == 0
    finally:
        os.rmdir(FOLDER + "/state")
    assert restarted().pending() == [1]
    queue.settle()
    assert restarted().pending() == []


def test_flash_that_cannot_be_read_is_a_queue_fault() -> None:
    queue = filled(1)
    queue.close()
    os.remove(FOLDER + "/1")
    assert raises(QueueError, queue.read, 1).code == "queue-fault"


def test_unknown_record_is_an_error() -> None:
    queue = filled(1)
    for call in (queue.read, queue.remove):
        for seq in (0, 2, SEGMENT + 1):
            assert raises(QueueError, call, seq).code == "queue-fault"


# --- whose chain it is

FIRST, SECOND = b"kid-kid1", b"kid-kid2"


def test_key_keeps_its_chain_over_restarts_and_another_key_begins_its_own() -> None:
    queue = filled(2)
    queue.identify(FIRST)  # a chain from before anybody said whose it is
    queue = restarted()
    queue.identify(FIRST)
    assert (queue.next_seq, queue.head) == (3, sha256(b"token-2").digest())
    queue.remove(1)
    queue.remove(2)
    queue = reopened(queue)
    queue.identify(SECOND)
    assert (queue.next_seq, queue.head, files()) == (1, GENESIS, [])
    assert queue.has_order("order-2")
    queue = restarted()
    queue.identify(SECOND)
    assert queue.append("order-3", b"token-3", AT) == 1
    queue = restarted()
    queue.identify(SECOND)
    assert (queue.next_seq, queue.pending()) == (2, [1])


def test_other_key_waits_for_the_records_of_the_one_before() -> None:
    queue = fresh()
    queue.identify(FIRST)
    queue.append("order-1", b"token-1", AT)
    queue = restarted()
    assert raises(QueueError, queue.identify, SECOND).code == "queue-fault"
    assert queue.next_seq == 2
    queue.identify(FIRST)
    queue.remove(1)
    queue.identify(SECOND)
    assert queue.next_seq == 1
