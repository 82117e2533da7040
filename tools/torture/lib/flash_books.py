"""The books of scenario `flash`, on MicroPython: what the customer saw, what the agent has, what the queue must hold.

A finding is (kind, words). `lost`: a record that the customer saw stored, neither with the agent nor in the queue.
`doubled`: an order with two records. `seq-reused`, `prev-reused`: two tokens of one place in the chain. `unexplained`:
everything else that is not as the books say.
"""

from hashlib import sha256

GENESIS = bytes(32)
LATE_ORDERS = 64  # ended so lately that the terminal must still know them


class Books:
    def __init__(self) -> None:
        self.kept = {}  # seq -> (sha256, order id): `append` has returned, or a start has found it
        self.sent = {}  # seq -> sha256: the agent has it
        self.ended = []  # order ids in the order of their removal
        self.removed = set()
        self.doubtful = None  # (seq, sha256, order id): the append that was cut off

    def copy(self) -> "Books":
        copy = Books()
        copy.kept, copy.sent = dict(self.kept), dict(self.sent)
        copy.ended, copy.removed, copy.doubtful = list(self.ended), set(self.removed), self.doubtful
        return copy

    def end(self, seq: int) -> None:
        """The receipt has come, maybe once more."""
        order_id = self.kept[seq][1]
        if seq in self.removed:
            self.ended.remove(order_id)
        self.removed.add(seq)
        self.ended.append(order_id)

    def compare(self, queue: object) -> tuple:
        """(findings, records that go out again) right after a start. An append that was cut off is there or not."""
        findings = []
        pending = queue.pending()
        self._decide_doubtful(queue, pending)
        self._compare_records(queue, pending, findings)
        self._compare_chain(queue, findings)
        for order_id in self.ended[-LATE_ORDERS:]:
            if not queue.has_order(order_id):
                findings.append(("doubled", "order %s would be run again" % order_id))
        return findings, len([seq for seq in pending if seq in self.removed])

    def _decide_doubtful(self, queue: object, pending: list) -> None:
        if self.doubtful:
            seq, digest, order_id = self.doubtful
            self.doubtful = None
            if seq in pending and queue.read(seq).sha256 == digest:
                self.kept[seq] = (digest, order_id)

    def _compare_records(self, queue: object, pending: list, findings: list) -> None:
        if pending != sorted(set(pending)) or len(queue) != len(pending):
            findings.append(("doubled", "pending %s" % pending))
        for seq in pending:
            if seq not in self.kept:
                findings.append(("unexplained", "record %d comes from nowhere" % seq))
        for seq, (_, order_id) in self.kept.items():
            if seq not in pending and seq not in self.sent:
                findings.append(("lost", "record %d" % seq))
            if seq in pending and not queue.has_order(order_id):
                findings.append(("doubled", "order %s of record %d would be run again" % (order_id, seq)))

    def _compare_chain(self, queue: object, findings: list) -> None:
        last = max(self.kept) if self.kept else 0
        if queue.next_seq <= last:
            findings.append(("seq-reused", "next is %d, %d is used" % (queue.next_seq, last)))
        elif queue.next_seq > last + 1:
            findings.append(("unexplained", "next is %d after %d" % (queue.next_seq, last)))
        elif queue.head != (self.kept[last][0] if last else GENESIS):
            findings.append(("prev-reused", "head is not token %d" % last))


class Agent:
    """Verifies what it is sent as the real one does: the same token again is a duplicate, the chain has one token in
    each place."""

    def __init__(self, books: Books) -> None:
        self._books = books
        self.findings = []

    def take(self, token: bytes) -> None:
        seq, prev = int.from_bytes(token[:8], "big"), token[8:40]
        digest = sha256(token).digest()
        kept = self._books.kept.get(seq)
        if kept and kept[0] != digest:
            self.findings.append(("unexplained", "record %d is another" % seq))
        known = self._books.sent.get(seq)
        if known == digest:
            return  # a duplicate
        if known:
            self.findings.append(("seq-reused", "%d" % seq))
        before = self._books.sent.get(seq - 1)
        if seq > 1 and before and before != prev:
            self.findings.append(("prev-reused", "token %d does not follow token %d" % (seq, seq - 1)))
        self._books.sent[seq] = digest
