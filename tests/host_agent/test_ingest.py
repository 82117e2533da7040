"""From a message to its verdict, on a real store: every way in which evidence is refused, by its code."""

import hashlib
import os
import random
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from host_agent import attestation, cbor, envelope, ingest, keys, store
from host_agent.attestation import ORDER_PROFILE, Verdict
from host_agent.ingest import Outcome, Signer
from host_agent.policy import FacePolicy
from host_agent.registry import Registry
from host_agent.store import OrderRow, Store
from tests.host_agent.rig import read_receipt
from tests.host_agent.terminal_double import TerminalDouble

MIB = 1024 * 1024
P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
NOW = int(time.time())


class Bench:
    """One terminal and the part of the agent behind the broker."""

    def __init__(self, pki: Path, folder: Path) -> None:
        self.pki = pki
        self.registry = Registry.load(pki / "registry.json")
        self.store = Store(folder / "agent.db", 64 * MIB, 0)
        self.signer = Signer("agent", self.registry.agent.kid, keys.load_private(pki / "agent.sign.key.pem"))
        self.terminal = TerminalDouble(pki, "t-0001")

    def order(self, order_id: str, device: str = "t-0001") -> bytes:
        nonce = os.urandom(16)
        row = OrderRow(order_id, device, self.terminal.channel, nonce, NOW, NOW + 300, "waiting", None, None, b"signed")
        with self.store.transaction():
            self.store.add_order(row)
        return nonce

    def evidence(self, order_id: str = "order-1", nonce: bytes | None = None, **options: Any) -> bytes:
        """The next token of the terminal, for an order that is made on the way."""
        claims = self.terminal.claims(order_id=order_id, **options)
        claims |= {6: NOW, 10: self.order(order_id) if nonce is None else nonce}
        token = self.terminal.sign(claims)
        self.terminal.advance(token)
        return token

    def take(self, payload: bytes, device: str = "t-0001", topic: str | None = None) -> Outcome:
        examined = ingest.examine(f"rnr/v1/demo/{device}/up/evi" if topic is None else topic, payload, self.registry)
        with self.store.transaction(is_intake=True):
            return ingest.settle(self.store, examined, is_production=False, face=FacePolicy(), now=NOW)

    def receipts(self, *outcomes: Outcome) -> list[tuple[str, bytes]]:
        with self.store.transaction():
            return ingest.keep_receipts(self.store, outcomes, self.signer, NOW)

    def order_end(self, order_id: str) -> tuple[str, str | None]:
        row = self.store.order(order_id)
        assert row is not None
        return row.state, row.code


@pytest.fixture
def bench(pki: Path, tmp_path: Path) -> Iterator[Bench]:
    bench = Bench(pki, tmp_path)
    yield bench
    bench.store.close()


def test_good_evidence_is_stored_with_its_outbox_row_and_ends_its_order(bench: Bench) -> None:
    token = bench.evidence("order-1")
    outcome = bench.take(token)
    assert (outcome.verdict, outcome.code, outcome.ended_order) == (Verdict.STORED, None, "order-1")
    assert [row.token for row in bench.store.outbox(NOW, 10)] == [token], "unchanged"
    assert bench.order_end("order-1") == ("attested", None)


def test_terminals_refusal_is_stored_forwarded_and_refuses_the_order(bench: Bench) -> None:
    outcome = bench.take(bench.evidence("order-1", reason="card-expired"))
    assert outcome.verdict is Verdict.STORED
    assert len(bench.store.outbox(NOW, 10)) == 1
    assert bench.order_end("order-1") == ("refused", "card-expired")


# --- what cannot be verified


def refused(outcome: Outcome) -> str | None:
    assert outcome.verdict is Verdict.REFUSED
    return outcome.code


def test_random_bytes_are_refused_by_name(bench: Bench) -> None:
    seed = random.randrange(2**32)
    print("seed", seed)
    generator = random.Random(seed)
    for _ in range(200):
        outcome = bench.take(generator.randbytes(generator.randrange(1, 2000)))
        assert refused(outcome) == "token-malformed"
        assert outcome.cti == b""
    assert bench.store.outbox(NOW, 10) == []


def test_token_truncated_anywhere_is_refused_by_name(bench: Bench) -> None:
    token = bench.evidence()
    for size in [*range(0, len(token), 97), len(token) - 1]:
        assert refused(bench.take(token[:size])) == "token-malformed"
    assert bench.take(token).verdict is Verdict.STORED, "the whole one is still good"


def test_oversized_token_is_refused_by_name(bench: Bench) -> None:
    assert refused(bench.take(bytes(8193))) == "token-oversized"


def test_token_of_an_unknown_key_is_refused_by_name(bench: Bench) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    payload = envelope.parse(bench.evidence()).payload
    token = envelope.sign(payload, keys.kid_of(key.public_key()), key, attestation.EVIDENCE_TYP)
    assert refused(bench.take(token)) == "key-unknown"


def test_token_signed_with_another_key_under_our_key_id_is_refused_by_name(bench: Bench) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    payload = envelope.parse(bench.evidence()).payload
    token = envelope.sign(payload, bench.terminal.signer.kid, key, attestation.EVIDENCE_TYP)
    assert refused(bench.take(token)) == "signature-invalid"


def test_changed_byte_anywhere_is_refused(bench: Bench) -> None:
    token = bench.evidence()
    for place in range(0, len(token), 61):
        changed = bytearray(token)
        changed[place] ^= 1
        code = refused(bench.take(bytes(changed)))
        assert code in ("token-malformed", "signature-invalid", "key-unknown"), (place, code)


@pytest.mark.parametrize("typ", [None, "application/cwt"])
def test_token_of_another_type_is_refused_by_name(bench: Bench, typ: str | None) -> None:
    assert refused(bench.take(bench.terminal.sign(bench.terminal.claims(), typ))) == "profile-unknown"


def test_token_of_another_profile_is_refused_by_name(bench: Bench) -> None:
    claims = bench.terminal.claims() | {265: ORDER_PROFILE}
    assert refused(bench.take(bench.terminal.sign(claims))) == "profile-unknown"


def test_claims_of_a_wrong_shape_are_refused_by_name(bench: Bench) -> None:
    claims = bench.terminal.claims() | {7: b"short"}
    assert refused(bench.take(bench.terminal.sign(claims))) == "claims-malformed"


@pytest.mark.parametrize(
    ("topic", "code"),
    [
        ("rnr/v1/demo/t-0001/up/other", "topic-invalid"),
        ("rnr/v1/demo/t-0001/up/evi/more", "topic-invalid"),
        ("rnr/v2/demo/t-0001/up/evi", "topic-invalid"),
        ("rnr/v1/demo/t-0001/extra/up/evi", "topic-invalid"),
        ("rnr/v1/other/t-0001/up/evi", "device-mismatch"),
        ("", "topic-invalid"),
    ],
)
def test_token_on_a_wrong_topic_is_refused_by_name(bench: Bench, topic: str, code: str) -> None:
    assert refused(bench.take(bench.evidence(), topic=topic)) == code


# --- what contradicts


def test_token_of_another_terminal_is_refused_and_harms_nobody(bench: Bench) -> None:
    token = bench.evidence("order-1")
    outcome = bench.take(token, device="t-0002")
    assert refused(outcome) == "device-mismatch"
    assert outcome.publisher is not None and outcome.publisher.id == "t-0002", "its publisher is told"
    assert bench.order_end("order-1") == ("waiting", None)
    assert bench.take(token).verdict is Verdict.STORED, "its own terminal still delivers it"


def test_repeated_token_is_a_duplicate_and_nothing_is_stored_twice(bench: Bench) -> None:
    token = bench.evidence()
    bench.take(token)
    again = bench.take(token)
    assert (again.verdict, again.code, again.ended_order) == (Verdict.DUPLICATE, None, None)
    assert len(bench.store.outbox(NOW, 10)) == 1


def test_repeated_refused_token_is_a_duplicate(bench: Bench) -> None:
    token = bench.evidence(nonce=bytes(16))
    assert refused(bench.take(token)) == "nonce-unknown"
    assert bench.take(token).verdict is Verdict.DUPLICATE


def test_second_valid_signature_of_the_same_claims_is_a_duplicate(bench: Bench) -> None:
    token = bench.evidence()
    bench.take(token)
    twin = other_signature(token)
    assert twin != token
    outcome = bench.take(twin)
    assert outcome.verdict is Verdict.DUPLICATE
    assert outcome.sha256 == hashlib.sha256(twin).digest(), "the receipt names what came"
    assert len(bench.store.outbox(NOW, 10)) == 1


def test_same_cti_with_other_claims_is_refused_by_name(bench: Bench) -> None:
    first = bench.evidence("order-1")
    bench.take(first)
    claims = bench.terminal.claims(order_id="order-2") | {
        7: attestation.parse_evidence(envelope.parse(first).payload).cti
    }
    claims[10] = bench.order("order-2")
    assert refused(bench.take(bench.terminal.sign(claims))) == "cti-reused"
    assert bench.order_end("order-2") == ("waiting", None)


def test_same_nonce_twice_is_refused_by_name(bench: Bench) -> None:
    nonce = bench.order("order-1")
    assert bench.take(bench.evidence("order-1", nonce)).verdict is Verdict.STORED
    assert refused(bench.take(bench.evidence("order-1", nonce))) == "nonce-reused"
    assert bench.order_end("order-1") == ("attested", None)


def test_nonce_of_another_terminal_is_refused_by_name(bench: Bench) -> None:
    nonce = bench.order("order-1", device="t-0002")
    assert refused(bench.take(bench.evidence("order-1", nonce))) == "order-mismatch"
    assert bench.order_end("order-1") == ("waiting", None)


def test_same_seq_with_other_claims_is_refused_by_name(bench: Bench) -> None:
    bench.take(bench.evidence("order-1"))
    bench.terminal.seq, bench.terminal.prev = 1, bytes(32)
    assert refused(bench.take(bench.evidence("order-2"))) == "seq-replayed"
    assert bench.order_end("order-2") == ("refused", "seq-replayed")


def test_token_that_does_not_link_is_refused_and_the_next_that_links_to_it_is_not(bench: Bench) -> None:
    bench.take(bench.evidence("order-1"))
    bench.terminal.prev = b"\x55" * 32
    assert refused(bench.take(bench.evidence("order-2"))) == "chain-broken"
    assert bench.take(bench.evidence("order-3")).verdict is Verdict.STORED


def test_two_tokens_after_the_same_one_are_a_fork(bench: Bench) -> None:
    bench.take(bench.evidence("order-1"))
    head = bench.terminal.prev
    bench.take(bench.evidence("order-2"))
    bench.terminal.seq, bench.terminal.prev = 4, head
    assert refused(bench.take(bench.evidence("order-3"))) == "chain-fork"


def test_gap_is_accepted_and_so_is_the_late_one(bench: Bench) -> None:
    tokens = [bench.evidence(f"order-{number}") for number in range(5)]
    for place in (0, 4, 2, 3, 1):
        assert bench.take(tokens[place]).verdict is Verdict.STORED, place


def test_refused_token_keeps_its_place_in_the_chain(bench: Bench) -> None:
    assert refused(bench.take(bench.evidence("order-1", nonce=bytes(16)))) == "nonce-unknown"
    assert bench.take(bench.evidence("order-2")).verdict is Verdict.STORED


# --- receipts


def test_receipt_is_signed_and_says_what_became_of_the_token(bench: Bench) -> None:
    token = bench.evidence()
    [(topic, receipt_token)] = bench.receipts(bench.take(token))
    receipt = read_receipt(receipt_token, bench.registry)
    assert topic == "rnr/v1/demo/t-0001/down/rcpt"
    assert (receipt.issuer, receipt.ueid) == ("agent", bench.terminal.ueid)
    [answer] = receipt.answers
    assert (answer.verdict, answer.token_sha256) == (Verdict.STORED, hashlib.sha256(token).digest())


def test_one_receipt_answers_up_to_sixteen_tokens_of_one_terminal(bench: Bench) -> None:
    ours = [bench.take(b"garbage %d" % number) for number in range(17)]
    theirs = [bench.take(b"rubbish %d" % number, device="t-0002") for number in range(2)]
    messages = bench.receipts(ours[0], theirs[0], *ours[1:], theirs[1])
    told = [(topic, read_receipt(token, bench.registry)) for topic, token in messages]
    assert [(topic.split("/")[3], len(receipt.answers)) for topic, receipt in told] == [
        ("t-0001", 16), ("t-0001", 1), ("t-0002", 2)
    ]  # fmt: skip
    answered = [answer.token_sha256 for _, receipt in told for answer in receipt.answers]
    assert answered == [one.sha256 for one in (*ours, *theirs)], "in the order in which they came"
    assert len({receipt.ueid for _, receipt in told}) == 2


def test_token_that_came_twice_at_once_is_answered_once_as_stored(bench: Bench) -> None:
    token = bench.evidence()
    [(_, receipt_token)] = bench.receipts(bench.take(token), bench.take(token))
    assert [answer.verdict for answer in read_receipt(receipt_token, bench.registry).answers] == [Verdict.STORED]


def test_refusal_receipt_names_the_code_and_leaves_out_what_could_not_be_read(bench: Bench) -> None:
    [(_, receipt_token)] = bench.receipts(bench.take(b"garbage"))
    [answer] = read_receipt(receipt_token, bench.registry).answers
    assert (answer.verdict, answer.reason, answer.cti) == (Verdict.REFUSED, "token-malformed", b"")
    assert answer.token_sha256 == hashlib.sha256(b"garbage").digest()


def test_unregistered_terminal_gets_no_receipt(bench: Bench) -> None:
    assert bench.receipts(bench.take(b"garbage", device="t-9999")) == []


def test_what_could_not_be_kept_gets_no_receipt(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    # A receipt lets the terminal delete its record, whatever the verdict.
    monkeypatch.setattr(store, "REFUSALS_PER_HOUR", 1)
    first, second = bench.take(b"first"), bench.take(b"second")
    [(_, receipt_token)] = bench.receipts(first, second)
    assert [answer.token_sha256 for answer in read_receipt(receipt_token, bench.registry).answers] == [first.sha256]


def other_signature(token: bytes) -> bytes:
    """(r, n - s): anybody can make it of (r, s)."""
    parts = cbor.decode(token).value
    s = int.from_bytes(parts[3][32:], "big")
    return cbor.encode(cbor.Tag(18, [*parts[:3], parts[3][:32] + (P256_ORDER - s).to_bytes(32, "big")]))
