"""An older firmware than is allowed."""

from host_agent.policy import FirmwarePolicy
from tests.attacks.bench import STORED, Attack, Bench

ATTACK = Attack(
    has="an old firmware with a known hole, and a terminal",
    does="puts the old one on the terminal",
    code="firmware-outdated",
    check="host_agent/policy.py:firmware_code",
)


def test_firmware_downgrade(bench: Bench) -> None:
    bench.firmware = FirmwarePolicy((0, 10, 0))
    bench.trust_with(firmware=bench.firmware)
    for version in ("0.9.9", "0.1.0", "0.10", "latest"):
        assert bench.both_say(bench.signed({271: [version]})) == {ATTACK.code}, version
    assert bench.both_say(bench.signed({271: ["0.10.0"]})) == {STORED}
