"""An emulated board: the unix MicroPython under a supervisor that gives it what a board has and a process has not.

A serial port that `mpremote` can use, a flash image as `/`, a ROM as `/rom`, screen and buttons, resets with causes,
deep sleep, and a watchdog that also catches a hang in C code. Runs in the caller's event loop; many boards fit into one
process. See README.md.
"""

import asyncio
import fcntl
import hashlib
import json
import logging
import os
import signal
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import IntFlag
from pathlib import Path
from typing import TYPE_CHECKING, Self

from host_agent.errors import ConfigError
from tools.emulator import interpreter, page
from tools.emulator.console import SOFT_REBOOT, Console
from tools.emulator.errors import BoardError, FlashInvalid
from tools.emulator.interpreter import Interpreter
from tools.emulator.page import Page
from tools.emulator.picture import png_of_rgb565
from tools.emulator.pty_link import PtyLink

if TYPE_CHECKING:
    from tools.emulator.camera.rig import Rig
    from tools.emulator.camera.visitor import Visitor

log = logging.getLogger(__name__)

_CONSOLE_BYTES = 65536
# More than this unread by the host stops the board's output, as flow control does. When the host takes nothing for so
# long, nobody is connected: the words are lost, as on a UART. In raw mode a tool is at work, and waited for.
_UNREAD_BYTES = 16384
_UNREAD_S = 0.25
_ASK_AGAIN_S = 0.002
# What the modules in `lib/` and the file system's buffers take: a board's heap has none of it, so it is given on top.
_OWN_HEAP_BYTES = 17 * 1024
# A second SIGINT before the first was noticed ends the interpreter, and some tools send Ctrl-C twice.
_INTERRUPT_AGAIN_S = 0.5
# The port raises the exception wherever the signal finds it: in a garbage collection, the heap stays locked for good.
# So the signal waits until the program waits for something itself, but not for ever.
_INTERRUPT_PATIENCE_S = 0.3
_RESTART_S = (0.0, 0.1, 0.5, 2.0)  # pause after so many starts in a row that did not get as far as the file system


@dataclass(frozen=True, slots=True)
class PanelEvent:
    """What the terminal shows its customer and clerk; `at` is the event loop's time."""

    state: str
    code: str | None
    value: int | None
    at: float


@dataclass(frozen=True, slots=True)
class Signal:
    """A pin's news. `kind`: "light" (0xRRGGBB), "tone" (Hz, 0 silence), "reader-power" (1 on, 0 off)."""

    kind: str
    value: int
    at: float


class Button(IntFlag):
    START = 1
    CANCEL = 2
    LANGUAGE = 4


class Board:
    """`boots` lists the cause of every boot that got as far as a mounted file system. `heap` is the firmware's own."""

    def __init__(
        self,
        flash: Path,
        *,
        rom: Path | None = None,
        reader_port: int | None = None,
        heap: str = "2M",
        on_panel: Callable[[PanelEvent], None] | None = None,
        on_signal: Callable[[Signal], None] | None = None,
        on_console: Callable[[bytes], None] | None = None,
        env: Mapping[str, str] | None = None,
        clock_s: int = 0,
        link: Path | None = None,
        has_camera: bool = False,
        i2c_port: int | None = None,
    ) -> None:
        self.boots: list[str] = []
        self.power_cuts = 0  # in the middle of a write
        self._flash = flash.absolute()
        self._heap_bytes = bytes_of(heap) + _OWN_HEAP_BYTES
        self._on_panel = on_panel
        self._on_signal = on_signal
        self._on_console = on_console
        self._link = link
        self._environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("MICROPY")},
            "SHIMING_FLASH": str(self._flash),
            **({} if rom is None else {"SHIMING_ROM": str(rom.absolute())}),
            "SHIMING_UNIQUE_ID": hashlib.sha256(bytes(self._flash)).hexdigest()[:16],
            **({} if reader_port is None else {"SHIMING_READER_PORT": str(reader_port)}),
            **({} if i2c_port is None else {"SHIMING_I2C_PORT": str(i2c_port)}),
            **(env or {}),
        }
        self._console = Console()
        self._console_ring = bytearray()
        self._host: PtyLink | None = None
        self._interpreter: Interpreter | None = None
        self._page: Page | None = None
        self._clock_s = clock_s
        self._has_camera = has_camera
        self._rig: Rig | None = None
        self._lock_fd: int | None = None
        self._cut: str | None = None  # where the next boot loses its power
        self._next_boot: tuple[str, float | None] | None = None  # cause and pause, when the end is of our making
        self._has_mounted = False  # this boot has
        self._failed_starts = 0
        self._fault: BoardError | None = None
        self._is_stopping = False
        self._news = asyncio.Event()
        self._interrupted_at = -_INTERRUPT_AGAIN_S
        self._asked_at: float | None = None  # when the Ctrl-C came that is still to be delivered
        self._watchdog_s = 0.0
        self._timers: dict[str, asyncio.TimerHandle] = {}

    # --- for the owner

    async def start(self) -> None:
        """Power on; returns when the file system is mounted and boot.py is about to run."""
        interpreter.find()
        self._loop = asyncio.get_running_loop()
        try:
            self._lock_fd = _lock(self._flash)
            self._page = Page()
            self._page.clock_s = self._clock_s
            if self._has_camera:
                from tools.emulator.camera.rig import Rig  # numpy: for boards with a camera only

                self._rig = Rig()
            self._host = PtyLink(self._from_host, self._host_drained)
            if self._link is not None:
                self._link.unlink(missing_ok=True)
                self._link.symlink_to(self._host.path)
            self._boot("power-on")
            await self.wait_boot(1)
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        """Power off for good. When this returns the interpreter is gone and reaped, the image free."""
        self._is_stopping = True
        for timer in self._timers.values():
            timer.cancel()
        if self._interpreter is not None:
            self._interpreter.kill()
        while self._interpreter is not None:
            await self._next_news()
        if self._host is not None:
            self._host.close()
            self._host = None
            if self._link is not None:
                self._link.unlink(missing_ok=True)
        if self._page is not None:
            self._page.close()
            self._page = None
        if self._rig is not None:
            await self._rig.close()
            self._rig = None
        if self._lock_fd is not None:
            os.close(self._lock_fd)
            self._lock_fd = None
        self._news.set()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    @property
    def port(self) -> str:
        """The serial port. Give tools this path, not a link to it: mpremote is ten times slower on a link."""
        if self._host is None:
            raise BoardError("the board is not running")
        return self._host.path

    @property
    def pid(self) -> int | None:
        """Process id of the interpreter; None while it is off (deep sleep, between two boots)."""
        return self._interpreter.pid if self._interpreter is not None else None

    @property
    def console(self) -> str:
        """The last words on the serial port, 64 KiB of them."""
        return self._console_ring.decode(errors="replace")

    async def wait_boot(self, count: int) -> None:
        """Wait until the board has booted so many times since start()."""
        while len(self.boots) < count:
            if self._fault is not None:
                raise self._fault
            if self._is_stopping:
                raise BoardError("the board was stopped")
            await self._next_news()

    def kill(self) -> None:
        """Power cut, then power: SIGKILL in the middle of whatever it does, then a boot with cause power-on."""
        self._power_off("power-on")

    def cut_power_at(self, operation: int, permille: int = 500, bits: int = 0) -> None:
        """A power cut now, and the next one in the middle of a write: the program or erase of flash with this number,
        counted from that boot on, gets only so far; `lib/nor_flash.py` says how."""
        self._cut = f"{operation} {permille} {bits}"
        self.kill()

    async def service(self, work: Callable[[Path], None]) -> None:
        """Power off, somebody's hands on the flash image, power on."""
        self._cancel("boot")
        if self._interpreter is not None:
            self._power_off("power-on", None)
        while self._interpreter is not None:
            await self._next_news()
        try:
            await asyncio.to_thread(work, self._flash)
        finally:
            self.kill()

    # --- what people and the reader's line have of it

    def press(self, buttons: Button) -> None:
        """Until they are released."""
        self._shared.buttons |= buttons

    def release(self, buttons: Button) -> None:
        self._shared.buttons &= ~buttons

    def open_lid(self, is_open: bool = True) -> None:
        """As the tamper switch sees it."""
        self._shared.open_lid(is_open)

    def screen(self) -> bytes:
        """RGB565, most significant byte first, 320 x 240."""
        return self._shared.screen()

    def picture(self) -> bytes:
        """The screen as it is at this moment, as a PNG."""
        return png_of_rgb565(self._shared.screen(), page.WIDTH, page.HEIGHT)

    @property
    def pictures(self) -> int:
        """How many pictures the firmware has finished since the power came on."""
        return self._shared.pictures

    @property
    def clock_s(self) -> int:
        """By how many seconds its clock is off, beside what the firmware has set."""
        return self._shared.clock_s

    @clock_s.setter
    def clock_s(self, seconds: int) -> None:
        self._shared.clock_s = seconds

    @property
    def reader_baud(self) -> int:
        """The rate at which the board drives the reader's line at this moment; 0 before it was opened."""
        return self._shared.baud

    def stand(self, visitor: "Visitor") -> None:
        """Before the camera, in place of whoever stands there."""
        self._before_camera.stand(visitor)

    def leave(self) -> None:
        self._before_camera.leave()

    @property
    def camera_memory(self) -> bytes:
        """The pictures that the camera's buffers hold at this moment."""
        return self._before_camera.gate.pictures()

    @property
    def studio_pid(self) -> int:
        """Process that paints the camera's pictures."""
        return self._before_camera.pid

    @property
    def _before_camera(self) -> "Rig":
        if self._rig is None:
            raise BoardError("the board has no camera, or is not running")
        return self._rig

    @property
    def _shared(self) -> Page:
        if self._page is None:
            raise BoardError("the board is not running")
        return self._page

    async def _next_news(self) -> None:
        self._news.clear()
        await self._news.wait()

    # --- life of the interpreter

    def _boot(self, cause: str) -> None:
        if cause == "soft":
            self._console.soft_reset()
        else:
            self._console.power_on()
            self._shared.power_off()
            if self._rig is not None:
                self._rig.power_off()
            self._set_watchdog(0)  # a real one, too, runs on through a soft reset, and only through that
        self._has_mounted = False
        self._next_boot = None
        self._fault = None
        self._interrupted_at, self._asked_at = -_INTERRUPT_AGAIN_S, None
        # a reset asked for from the raw REPL does not start main.py: that is how mpremote gets a quiet board
        runs_main = not (cause == "soft" and self._console.is_raw)
        cut, self._cut = self._cut, None
        try:
            self._interpreter = Interpreter(
                heap_bytes=self._heap_bytes,
                environment={
                    **self._environment,
                    "SHIMING_RESET_CAUSE": cause,
                    "SHIMING_RUN_MAIN": "1" if runs_main else "0",
                    **({} if cut is None else {"SHIMING_POWER_CUT": cut}),
                },
                memories={"SHIMING_PAGE_FD": self._shared.fd}
                | ({"SHIMING_CAMERA_FD": self._rig.gate.fd} if self._rig else {}),
                on_output=self._from_interpreter,
                on_message=self._on_message,
                on_end=self._ended,
            )
        except (OSError, BoardError) as error:  # most boots come from a timer: the fault goes to whoever waits for one
            self._fault = error if isinstance(error, BoardError) else BoardError(f"no interpreter: {error.strerror}")
            log.error("the board cannot boot: %s", self._fault)
            self._news.set()

    def _power_off(self, next_cause: str, pause_s: float | None = 0.0) -> None:
        """End the interpreter; `pause_s` None leaves it off until the next power cut."""
        if self._host is None or self._is_stopping:
            return
        if self._interpreter is None:
            self._after("boot", 0, self._boot, next_cause)
        elif self._next_boot is None or next_cause == "power-on":  # a power cut overrides what was under way
            self._next_boot = next_cause, pause_s
            self._interpreter.kill()

    def _ended(self, returncode: int) -> None:
        self._interpreter = None
        self._news.set()
        if self._is_stopping:
            return
        if self._next_boot is not None:
            cause, pause_s = self._next_boot
        elif returncode >= 0 or returncode == -signal.SIGINT:  # the signal came just as the program had ended
            cause, pause_s = "soft", self._pause_after_start(returncode)
        else:
            cause, pause_s = "power-on", 0.0
        if cause == "soft":
            self._to_host(SOFT_REBOOT)
        if pause_s is not None:
            self._after("boot", pause_s, self._boot, cause)

    def _pause_after_start(self, returncode: int) -> float:
        self._failed_starts = 0 if self._has_mounted else self._failed_starts + 1
        if self._failed_starts and not self.boots:
            self._fault = BoardError(f"the interpreter ended with status {returncode}: {self.console[-300:].strip()}")
        return _RESTART_S[min(self._failed_starts, len(_RESTART_S) - 1)]

    def _after(self, name: str, delay_s: float, callback: Callable[..., None], *arguments: object) -> None:
        """(Re)start the one timer of this name."""
        self._cancel(name)
        self._timers[name] = self._loop.call_later(delay_s, callback, *arguments)

    def _cancel(self, name: str) -> None:
        timer = self._timers.pop(name, None)
        if timer is not None:
            timer.cancel()

    # --- what the board says on its control pipe

    def _on_message(self, line: str) -> None:
        word, _, rest = line.partition(" ")
        try:
            match word:
                case "mounted":
                    self._mounted(rest)
                case "flash-invalid":
                    self._fault = FlashInvalid(f"{self._flash.name}: {rest}; left as it is")
                    self._news.set()
                case "panel":
                    self._panel(*json.loads(rest))
                case "light" | "tone" | "reader-power":
                    self._signal(word, int(rest))
                case "camera":
                    self._before_camera.switch(int(rest))
                case "wdt":
                    self._set_watchdog(int(rest) / 1000)
                case "feed":
                    self._set_watchdog(self._watchdog_s)
                case "reset":
                    self._power_off("hard")
                case "power-cut":
                    self.power_cuts += 1
                    self._power_off("power-on")
                case "soft":
                    self._power_off("soft")
                case "deepsleep":
                    self._power_off("deepsleep", int(rest) / 1000 if rest else None)
                case _:
                    log.warning("the board says %.40r, which means nothing here", word)
        except (ValueError, TypeError):
            log.warning("the board's %r message cannot be read", word)

    def _mounted(self, cause: str) -> None:
        self._has_mounted = True
        self.boots.append(cause)
        self._news.set()
        self._pump()

    def _panel(self, state: str, code: str | None, value: int | None) -> None:
        if self._rig is not None:
            self._rig.see(state, code)
        if self._on_panel is not None:
            # not from here: a fault of the owner's is not the message's
            self._loop.call_soon(self._on_panel, PanelEvent(state, code, value, self._loop.time()))

    def _signal(self, kind: str, value: int) -> None:
        if self._rig is not None and kind == "light":
            self._rig.shine(value)
        if self._on_signal is not None:
            self._loop.call_soon(self._on_signal, Signal(kind, value, self._loop.time()))

    def _set_watchdog(self, timeout_s: float) -> None:
        self._watchdog_s = timeout_s
        if timeout_s:
            self._after("watchdog", timeout_s, self._power_off, "watchdog")
        else:
            self._cancel("watchdog")

    # --- the serial port

    def _from_interpreter(self, data: bytes) -> None:
        to_host, to_interpreter = self._console.from_interpreter(data)
        self._to_host(to_host)
        if self._interpreter is not None:
            self._interpreter.terminal.write(to_interpreter)
        self._pump()

    def _from_host(self, data: bytes) -> None:
        self._console.from_host(data)
        self._pump()

    def _to_host(self, data: bytes) -> None:
        if self._host is None or not data:
            return
        self._console_ring += data
        del self._console_ring[:-_CONSOLE_BYTES]
        if self._on_console is not None:
            self._on_console(data)
        self._host.write(data)
        if self._host.queued_bytes > _UNREAD_BYTES and self._interpreter is not None:
            self._interpreter.terminal.pause()
            self._after("unread", _UNREAD_S, self._host_is_silent, self._host.queued_bytes)

    def _host_is_silent(self, queued_bytes: int) -> None:
        if self._host is None:
            return
        if self._host.queued_bytes == queued_bytes and not self._console.is_raw:
            self._host.discard()
        else:
            self._after("unread", _UNREAD_S, self._host_is_silent, self._host.queued_bytes)

    def _host_drained(self) -> None:
        self._cancel("unread")
        if self._interpreter is not None:
            self._interpreter.terminal.resume()

    def _pump(self) -> None:
        """Deliver what the host has sent, as far as the interpreter can take it now.

        Ctrl-C: (1) a running program gets SIGINT; (2) a prompt, or a program with `kbd_intr(-1)`, gets the byte once it
        has read everything before it; (3) until it is clear which of the two, it waits.
        """
        self._cancel("pump")
        if self._interpreter is None or not self._has_mounted:
            return
        self._interpreter.terminal.write(self._console.take())
        while self._console.has_interrupt:
            if self._is_executing(self._interpreter):  # (1)
                if self._interpreter.is_computing() and self._has_patience():
                    self._after("pump", _ASK_AGAIN_S, self._pump)
                    return
                self._asked_at = None
                if self._console.is_ready or self._loop.time() - self._interrupted_at > _INTERRUPT_AGAIN_S:
                    self._interpreter.interrupt()
                    self._interrupted_at = self._loop.time()
                self._console.interrupted()
            elif self._console.is_ready and not self._interpreter.terminal.unread_bytes():  # (2)
                self._interpreter.terminal.write(self._console.take_ctrl_c() + self._console.take())
            else:  # (3)
                self._after("pump", _ASK_AGAIN_S, self._pump)
                return

    def _has_patience(self) -> bool:
        if self._asked_at is None:
            self._asked_at = self._loop.time()
        return self._loop.time() - self._asked_at < _INTERRUPT_PATIENCE_S

    def _is_executing(self, interpreter: Interpreter) -> bool:
        is_executing = interpreter.is_executing()
        return not self._console.is_at_prompt if is_executing is None else is_executing


def bytes_of(size: str) -> int:
    """Of a size such as 192K or 2M. Raises ConfigError."""
    factor = {"K": 1024, "M": 1024 * 1024}.get(size[-1:].upper(), 0)
    if not factor or not size[:-1].isdecimal():
        raise ConfigError(f"{size!r} is no size of a heap: give it as 192K or 2M")
    return int(size[:-1]) * factor


def _lock(flash: Path) -> int:
    """Two boards on one image would tear it: keep the second one out."""
    try:
        fd = os.open(flash, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError as error:
        raise FlashInvalid(f"there is no flash image {flash.name}") from error
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(fd)
        raise FlashInvalid(f"another board runs on {flash.name}") from error
    return fd
