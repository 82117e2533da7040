"""A certificate of another authority."""

from tests.attacks.bench import Attack
from tests.attacks.line import Line
from tests.host_agent.rig import Rig
from tools.pki import authority

ATTACK = Attack(
    has="an authority of his own, with a t-0001 of its own",
    does="connects as t-0001",
    code="tls",
    check="host_agent/broker.py:server_context",
)


def test_foreign_authority(line: Line) -> None:
    authority.create(line.rig.folder / "other", ["t-0001"])
    tls = Rig(line.rig.folder / "other", line.rig.folder / "other").tls("t-0001")
    tls.load_verify_locations(line.rig.pki / "ca.cert.pem")
    assert line.is_shut_out(tls)
    assert "CERTIFICATE_VERIFY_FAILED" in line.handshake_error(tls)
    assert not line.is_shut_out(line.rig.tls("t-0001")), "that of the right authority is let in"
