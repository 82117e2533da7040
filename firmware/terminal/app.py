"""Puts the terminal together and keeps it running: a task for the broker, one for the customers at the counter, one for
screen and buttons."""

import asyncio
import gc
import os

import tls

from terminal import config as settings
from terminal import log_record
from terminal.claim import Boot
from terminal.errors import ConfigInvalid, NoOfflineOrder, QueueError, QueueFull, TerminalError
from terminal.flight_log import FlightLog
from terminal.orders import Orders
from terminal.panel import Panel
from terminal.queue import Queue
from terminal.reserve import Reserve
from terminal.session import Session
from terminal.signer import SoftwareSigner
from terminal.station import Station
from terminal.supervisor import Supervisor
from terminal.uplink import WINDOW, WINDOW_LARGE, Uplink
from terminal.version import VERSION

TYPE_CHECKING = False
if TYPE_CHECKING:
    from terminal.card_picture import CardPicture
    from terminal.face_step import FaceStep
    from terminal.hardware import Beat, Clock, Hardware
    from terminal.signer import Signer

DEBUG_ENABLED = 0  # EAT dbgstat: the REPL of this build is open
LARGE_HEAP_BYTES = 393_216
RETRY_S = 2
IDLE_S = 0.3  # between two looks at the reader while no order waits


async def run(hw: "Hardware") -> None:
    """For ever. `hw` is what boards/<board>/hw.py built."""
    panel = Panel(hw)
    supervisor = Supervisor(hw.watchdog, panel)
    boot = Boot(_count_boot(), hw.random(8), False, DEBUG_ENABLED)
    log = _flight_log(hw, boot)
    panel.on_state = log.take
    panel.show("starting")
    await panel.settle()
    try:
        config = settings.load()
        secrets = settings.load_secrets(config.custody)
        signer = await _signer(hw, config, secrets)
        context = _tls_context(secrets)
        has_large_heap = gc.mem_alloc() + gc.mem_free() >= LARGE_HEAP_BYTES
        if has_large_heap:
            from terminal import p256_known  # 26 KB, for receipts checked and identities sealed in half the time

            for point in (config.agent_point, config.backend_point, signer.point):
                p256_known.remember(point)
        queue = Queue()
        queue.open()
        queue.identify(signer.kid)
        if settings.content("/secret/attest.request")[:1] > b"\x00":
            await _answer(hw, config, queue, signer, log)
        counter_beat = supervisor.beat_of("counter")
        face = _face_step(hw, panel, config, counter_beat)
    except TerminalError as error:
        panel.show("fault", error.code)
        await panel.settle()
        raise
    panel.speak(config.language)
    log.identify(config.ueid, boot, signer)
    reserve = Reserve(config, queue, hw.clock, log)
    reserve.open()
    orders = Orders(config, queue, hw.clock, reserve)

    def take_key(message: bytes) -> "bytes | None":
        from terminal import rotation  # once in a year or so

        return rotation.take(message, hw, config, queue, signer, log, orders)

    beat = supervisor.beat_of("uplink")
    window = WINDOW_LARGE if has_large_heap else WINDOW
    uplink = Uplink(hw, panel, config, queue, context, orders.take, beat, log, reserve, take_key, window)
    picture = _card_picture() if face else None
    station = Station(hw, counter_beat, picture.feed if picture else None)
    session = Session(hw, panel, config, boot, station, queue, signer, uplink, reserve, face, picture)

    def start() -> None:
        uplink.hurry()
        orders.start(uplink.is_online)

    panel.on_start = start
    gc.collect()
    supervisor.start("panel", lambda: panel.run(supervisor.beat_of("panel")))
    supervisor.start("uplink", uplink.run)
    supervisor.start("counter", lambda: serve(panel, hw.clock, orders, station, session, counter_beat))
    await supervisor.watch(log.watch)


async def serve(panel: Panel, clock: "Clock", orders: Orders, station: Station, session: Session, beat: "Beat") -> None:
    """One customer after the other."""
    while True:
        panel.show("clock", None, clock.source)
        panel.show("idle")
        order = shown = None
        while order is None:
            beat()
            fault = await station.look_after()
            if fault != shown:
                shown = fault
                panel.show("fault" if fault else "idle", fault)
            try:
                order = await orders.next(IDLE_S)
            except NoOfflineOrder as error:
                panel.show("fault", error.code)
                panel.show("idle")
        panel.show("clock", None, clock.source)  # the order may have set it
        try:
            await session.run(order)
        except QueueFull as error:
            # The order stays with the agent, which sends it again: once there is room it runs.
            panel.show("fault", error.code)
            await asyncio.sleep(RETRY_S)
        except QueueError as error:
            panel.show("fault", error.code)
            raise


async def _signer(hw: "Hardware", config: settings.Config, secrets: settings.Secrets) -> "Signer":
    """Raises TerminalError."""
    if config.custody == "software":
        return SoftwareSigner.from_bytes(secrets.attest_key, hw.random)
    if hw.element is None:
        raise ConfigInvalid("custody: this board has no secure element")
    from terminal import element_signer

    return await element_signer.of_terminal(hw.element, hw.element_slot)


async def _answer(hw: "Hardware", config: settings.Config, queue: Queue, signer: "Signer", log: FlightLog) -> None:
    """The agent has asked for a new key: there is no customer at a start, and all of the heap."""
    from terminal import next_key

    if await next_key.answer(hw, config, queue, signer, log):
        hw.reset()


def _flight_log(hw: "Hardware", boot: Boot) -> FlightLog:
    """With this boot in it, and what is not as it was at the boot before."""
    log = FlightLog(hw)
    log.note(log_record.BOOT, hw.boot_cause, boot.count)
    log.compare(log_record.FIRMWARE, VERSION.replace(".", "-"))
    log.compare(log_record.CONFIGURATION, settings.fingerprint())
    return log


def _face_step(hw: "Hardware", panel: Panel, config: settings.Config, beat: "Beat") -> "FaceStep | None":
    """None on a board without a camera, which has no memory for it either. Raises TerminalError."""
    if hw.camera is None:
        if config.face != "none":
            raise ConfigInvalid("face.require: this board has no camera")
        return None
    from terminal.face import engine
    from terminal.face_step import FaceStep

    return FaceStep(hw.camera, panel, beat, engine.load(hw.models), config.face)


def _card_picture() -> "CardPicture":
    from terminal.card_picture import CardPicture

    return CardPicture()


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
