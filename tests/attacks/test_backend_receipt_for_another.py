"""A backend that receipts another token."""

from tests.attacks.bench import Attack
from tests.host_agent.test_forwarder import Post

ATTACK = Attack(
    has="the backend's signing key",
    does="answers with a receipt that names a token of its own choice",
    code="receipt-invalid",
    check="host_agent/forwarder.py:Forwarder._read_receipt",
)


def test_backend_receipt_for_another(post: Post) -> None:
    post.fill(2)
    post.backend.twist = lambda receipts: receipts[::-1]
    sender = post.run(lambda sender: sender.figures.trouble is not None or not post.waiting())
    assert sender.figures.trouble == ATTACK.code
    assert len(post.waiting()) == 2, "nothing counts as delivered"
