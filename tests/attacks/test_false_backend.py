"""Another host in the backend's place."""

from tests.attacks.bench import Attack
from tests.host_agent.test_forwarder import Post

ATTACK = Attack(
    has="the name server of the agent, and a certificate of the authority for another host",
    does="answers to the agent in the backend's place",
    code="backend-unreachable",
    check="host_agent/link.py:client_context",
)


def test_false_backend(post: Post) -> None:
    post.fill(1)
    # 127.0.0.2 is this machine as well, and not in the certificate.
    sender = post.run(lambda sender: sender.figures.trouble is not None, host="127.0.0.2")
    assert sender.figures.trouble == ATTACK.code
    assert not post.backend.batches, "it has got nothing to read"
