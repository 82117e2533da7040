"""A receipt that the backend has not signed."""

from host_agent import envelope, keys
from tests.attacks.bench import Attack
from tests.host_agent.test_forwarder import Post

ATTACK = Attack(
    has="the agent's signing key, or the way to the backend",
    does="answers in the backend's name",
    code="receipt-invalid",
    check="host_agent/forwarder.py:Forwarder._read_receipt",
)


def test_backend_receipt_by_another(post: Post) -> None:
    post.fill(1)
    key = keys.load_private(post.pki / "agent.sign.key.pem")
    for kid in (keys.kid_of(key.public_key()), post.backend.kid):
        post.backend.twist = lambda receipts, kid=kid: [
            envelope.sign(envelope.parse(receipt).payload, kid, key) for receipt in receipts
        ]
        sender = post.run(lambda sender: sender.figures.trouble is not None or not post.waiting())
        assert sender.figures.trouble == ATTACK.code
        assert len(post.waiting()) == 1
