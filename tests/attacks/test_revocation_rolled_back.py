"""An older revocation list put back."""

from cryptography import x509

from tests.attacks.bench import Attack, refusal_of
from tests.attacks.line import Line
from tools.pki import revocation

ATTACK = Attack(
    has="write access to the folder of the list, and the list from before his certificate was revoked",
    does="puts the older list in the place of the newer",
    code="crl-invalid",
    check="host_agent/revocation.py:Revocations._read",
)


def test_revocation_rolled_back(line: Line) -> None:
    path = line.rig.pki / revocation.NAME
    older = path.read_bytes()
    revocation.revoke(line.rig.pki, "t-0001", x509.ReasonFlags.key_compromise)
    line.broker.revocations.refresh()
    path.unlink()
    path.write_bytes(older)
    assert refusal_of(line.broker.revocations.refresh) == ATTACK.code
    assert line.is_shut_out(line.rig.tls("t-0001")), "what was in force stays so"
