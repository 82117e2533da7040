"""What makes an emulated terminal this terminal: settings and keys from a test authority's folder."""

import json
from pathlib import Path

from tools import rom
from tools.emulator.interpreter import ARCH

HARDWARE_MODEL = "emulated"
HARDWARE_VERSION = "1"
OEM_ID = bytes.fromhex("7348b1d0e6a54c1c9f0d2a5c3e8f4b61")  # random, ours: RFC 9711 §4.2.3.1


def terminal_files(
    pki: Path, device: str, *, broker_host: str, broker_port: int, broker_name: str, face: str = "none"
) -> dict[str, bytes]:
    """All files of the terminal's flash, by path; its firmware is in ROM, `flash.write_rom(path, firmware_rom())`.

    `face` is what a registration must have: "match" with the card's picture, "live", or "none".
    """
    registry = json.loads((pki / "registry.json").read_text(encoding="utf-8"))
    folder = pki / "devices" / device
    identity = json.loads((folder / "device.json").read_text(encoding="utf-8"))
    settings = {
        "device": device,
        "tenant": identity["tenant"],
        "ueid": identity["ueid"],
        "channel": identity["channel"],
        "oemid": OEM_ID.hex(),
        "hwmodel": HARDWARE_MODEL,
        "hwversion": HARDWARE_VERSION,
        "broker": {"host": broker_host, "port": broker_port, "name": broker_name},
        "face": {"require": face},
        "custody": identity["custody"],
        "agent": _public(registry["agent"]),
        "backend": _public(registry["backend"]["seal"]),
    }
    files = rom.starter_files() | {
        "config.json": json.dumps(settings, sort_keys=True).encode(),
        "secret/ca.der": (pki / "ca.cert.der").read_bytes(),
        "secret/tls.cert.der": (folder / "tls.cert.der").read_bytes(),
        "secret/tls.key.der": (folder / "tls.key.der").read_bytes(),
    }
    if identity["custody"] == "software":
        files["secret/attest.key"] = (folder / "attest.key").read_bytes()
    return files


def firmware_rom() -> bytes:
    """The ROM of an emulated terminal; its processor is that of the host's MicroPython."""
    return rom.terminal_rom("emulated", ARCH)


def _public(key: dict[str, str]) -> dict[str, str]:
    return {name: key[name] for name in ("kid", "x", "y")}
