"""A certificate on the revocation list."""

from cryptography import x509

from tests.attacks.bench import Attack
from tests.attacks.line import Line
from tools.pki import revocation

ATTACK = Attack(
    has="a terminal's TLS key, out of a stolen terminal",
    does="connects with it after it was revoked",
    code="tls",
    check="host_agent/revocation.py:Revocations.guard",
)


def test_revoked_certificate(line: Line) -> None:
    assert not line.is_shut_out(line.rig.tls("t-0001"))
    revocation.revoke(line.rig.pki, "t-0001", x509.ReasonFlags.key_compromise)
    assert line.broker.revocations.refresh()
    assert line.is_shut_out(line.rig.tls("t-0001"))
    assert not line.is_shut_out(line.rig.tls("t-0002"), "t-0002")
