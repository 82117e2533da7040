"""Puts the terminal together and keeps it running: a task for the broker, a task for the customers at the counter."""

import asyncio
import gc
import os

import tls

from terminal import config as settings
from terminal.claim import Boot
from terminal.errors import ConfigInvalid, QueueError, QueueFull, ReaderError, TerminalError
from terminal.orders import Orders
from terminal.queue import Queue
from terminal.session import Session
from terminal.signer import SoftwareSigner
from terminal.station import Station
from terminal.supervisor import Supervisor
from terminal.uplink import Uplink

TYPE_CHECKING = False
if TYPE_CHECKING:
    from terminal.hardware import Beat, Hardware

DEBUG_ENABLED = 0  # EAT dbgstat: the REPL of this build is open
RETRY_S = 2
IDLE_S = 0.3  # between two looks at the reader while no order waits


async def run(hw: "Hardware") -> None:
    """For ever. `hw` is what boards/<board>/hw.py built."""
    try:
        config = settings.load()
        secrets = settings.load_secrets()
        signer = SoftwareSigner.from_bytes(secrets.attest_key)
        context = _tls_context(secrets)
        queue = Queue()
        queue.open()
    except TerminalError as error:
        hw.panel.show("fault", error.code)
        raise
    boot = Boot(_count_boot(), hw.random(8), False, DEBUG_ENABLED)
    supervisor = Supervisor(hw.watchdog, hw.panel)
    orders = Orders(config, queue, hw.clock)
    uplink = Uplink(hw, config, queue, context, orders.take, supervisor.beat_of("uplink"))
    station = Station(hw, supervisor.beat_of("counter"))
    session = Session(hw, config, boot, station, queue, signer, uplink)
    gc.collect()
    supervisor.start("uplink", uplink.run)
    supervisor.start("counter", lambda: serve(hw, orders, station, session, supervisor.beat_of("counter")))
    await supervisor.watch()


async def serve(hw: "Hardware", orders: Orders, station: Station, session: Session, beat: "Beat") -> None:
    """One customer after the other."""
    try:
        await station.start()
    except ReaderError as error:
        hw.panel.show("fault", error.code)  # seen before the first customer comes; their session tries again
    while True:
        hw.panel.show("ready")
        order = None
        while order is None:
            beat()
            await station.look_after()
            order = await orders.next(IDLE_S)
        try:
            await session.run(order)
        except QueueFull as error:
            # The order stays with the agent, which sends it again: once there is room it runs.
            hw.panel.show("fault", error.code)
            await asyncio.sleep(RETRY_S)
        except QueueError as error:
            hw.panel.show("fault", error.code)
            raise


def _tls_context(secrets: settings.Secrets) -> "tls.SSLContext":
    context = tls.SSLContext(tls.PROTOCOL_TLS_CLIENT)
    context.verify_mode = tls.CERT_REQUIRED  # pyright: ignore[reportAttributeAccessIssue] - not in the stubs
    try:
        context.load_verify_locations(secrets.ca)
        context.load_cert_chain(secrets.tls_cert, secrets.tls_key)
    except (OSError, ValueError):
        raise ConfigInvalid("/secret: CA, TLS certificate and key are not to be read, or do not fit") from None
    return context


def _count_boot(path: str = "/boot.count") -> int:
    """EAT bootcount; written new, then renamed, so that a cut leaves the old or the new one."""
    count = 1
    try:
        with open(path) as file:
            count = int(file.read()) + 1
    except (OSError, ValueError):
        pass  # first boot, or a file nobody can read: counting starts anew, bootseed still tells boots apart
    try:
        with open(path + ".new", "w") as file:
            file.write(str(count))
        os.rename(path + ".new", path)
    except OSError as error:
        print("app: boot count not kept, errno", error.errno)  # a full flash must not keep the terminal from starting
    return count
