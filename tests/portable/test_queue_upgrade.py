"""A queue that the version before has left, one file `queue.log`, is taken over whole and once."""

import os
from binascii import unhexlify

import test_queue as bench
from harness import ROOT, own, scratch
from terminal.queue import Queue

FOLDER = scratch("queue-upgraded")
OLD = own("queue-log-v1.json")


def left_by_the_version_before() -> bytes:
    bench.wiped(FOLDER)
    return unhexlify(OLD["log"])


def put_log(content: bytes) -> None:
    with open(FOLDER + ".log", "wb") as file:
        file.write(content)


def opened() -> Queue:
    queue = Queue(FOLDER)
    queue.open()
    return queue


def check(queue: Queue) -> None:
    assert [[seq, queue.read(seq).order_id, queue.read(seq).token.hex()] for seq in queue.pending()] == OLD["pending"]
    assert (queue.next_seq, queue.head.hex()) == (OLD["next_seq"], OLD["head"])
    for order_id in OLD["ended"]:
        assert queue.has_order(order_id), order_id
    assert not queue.has_order("order-99")


def test_records_orders_and_head_are_taken_over_and_the_old_file_is_gone() -> None:
    put_log(left_by_the_version_before())
    check(opened())
    check(opened())
    assert "queue-upgraded.log" not in os.listdir(ROOT + "/build")


def test_upgrade_that_was_cut_off_begins_anew() -> None:
    content = left_by_the_version_before()
    put_log(content)
    opened().append("half", b"half", 1)
    put_log(content)  # it was not removed yet
    check(opened())


def test_records_of_unknown_age_do_not_stop_the_terminal() -> None:
    put_log(left_by_the_version_before())
    opened().require_room(1_900_000_000)


def test_chain_goes_on_behind_the_old_head() -> None:
    put_log(left_by_the_version_before())
    queue = opened()
    assert queue.append("order-8", b"t", 5) == OLD["next_seq"]
    assert opened().pending()[-1] == OLD["next_seq"]


def test_torn_tail_of_the_old_file_is_stepped_over() -> None:
    put_log(left_by_the_version_before() + b"\x02\x00\x50torn")
    check(opened())
