"""The terminal's face to people: screen, light, sound, buttons. What a state says: scenes.py; its words are assets.

    panel = Panel(hw, language="zh")         # cheap; the assets are opened by the first steps
    panel.speak("en")                        # as the language button does
    panel.on_start = panel.on_cancel = f     # called without arguments at a press, or None
    panel.on_state = log.take                # hears everything that is shown
    panel.show("refused", "card-expired", seq)  # never blocks, never raises; also hw.tell(state, code, value), at once
    panel.shine(0xFF0000)                    # the light, whatever the scenes say; None: theirs again
    panel.show_person("测＊＊ ＊＊＊0017")    # after show("read"): on the screen only, gone with the next scene
    panel.show_number("17000000001")         # on the staff line, until the terminal is idle
    supervisor.start("panel", lambda: panel.run(supervisor.beat_of("panel")))
    await panel.settle()                     # until the screen shows it: before a start that is given up

A fault stays until the next state: whoever recovers shows where the registration stands. `hw.display.blit` has taken
the bytes when it returns, for the next band is drawn in the same buffer.
"""

from terminal import scenes
from terminal.errors import TerminalError
from terminal.player import Player
from terminal.stage import Act, Stage
from terminal.ticks import sleep_ms, ticks_diff, ticks_ms

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from terminal.hardware import Beat, Hardware
    from terminal.painter import Painter

POLL_MS = 20  # a press is two equal samples: at most 40 ms after the contact
START, CANCEL, LANGUAGE = 1, 2, 4
TRUSTED_SOURCE = 3  # of the clock, PROTOCOL.md §3


class Status:
    """What the staff line says."""

    def __init__(self) -> None:
        self.is_online = False
        self.waiting = 0  # records in the queue
        self.is_clock_trusted = True  # until the application says otherwise
        self.number: "str | None" = None  # to be handed out with this registration, made without a link

    def take(self, state: str, value: "int | None") -> bool:
        """True when the state is one for the staff line only."""
        if state == "online" or state == "offline":
            self.is_online = state == "online"
        elif state == "waiting":
            self.waiting = value or 0
        elif state == "clock":
            self.is_clock_trusted = (value or 0) >= TRUSTED_SOURCE
        else:
            return False
        return True


class Panel:
    def __init__(self, hw: "Hardware", language: str = "zh") -> None:
        self.language = language
        self.on_start: "Callable[[], object] | None" = None
        self.on_cancel: "Callable[[], object] | None" = None
        self.on_state: "Callable[[str, str | None, int | None], None] | None" = None
        self._hw = hw
        self._stage = Stage()
        self._status = Status()
        self._light = Player(hw.light.set)
        self._sound = Player(hw.buzzer.tone)
        self._painter: "Painter | None" = None
        if hw.display:
            from terminal.painter import Painter  # a terminal without a screen has no memory for it, or no framebuf

            self._painter = Painter(hw.display, hw.assets)
        self._is_stale = True  # the screen shows something else than the scene
        self._polled: "int | None" = None  # ticks of the last look at the buttons
        self._gap_ms = 0
        self._shine: "int | None" = None  # what the light is asked for in place of the scene's
        self._shone: "int | None" = None  # what it was given last
        self._sample = self._held = 0  # of the buttons: last sample, and what two samples agreed on

    def show(self, state: str, code: "str | None" = None, value: "int | None" = None) -> None:
        if self.on_state:
            self.on_state(state, code, value)  # first: what somebody has seen is in the log, whenever the power goes
        self._hw.tell(state, code, value)
        if self._status.take(state, value):
            self._is_stale = True
            return
        if state == "stored":
            state = "delivered"
        elif state == "queued" and not self._status.is_online:
            state = "queued-offline"
        scene = scenes.scene_of(state, code)
        if scene is None:
            return
        act = Act(scene, state, code, value)
        if state == "delivered":
            self._stage.settle(act)
        elif state == "refused-by-agent":
            if not self._stage.settle(act):
                self._stage.put_aside(act)
        elif self._stage.add(act):
            self._is_stale = True

    def show_person(self, masked: str) -> None:
        if self._stage.introduce(masked):
            self._is_stale = True

    def show_number(self, number: str) -> None:
        """The number to hand out, until the terminal is idle again."""
        self._status.number = number
        self._is_stale = True

    def shine(self, rgb: "int | None") -> None:
        """A colour for the light, whatever the scenes say, until it is None."""
        self._shine = rgb

    def speak(self, language: str) -> None:
        self.language = language
        self._is_stale = True

    @property
    def current(self) -> "Act | None":
        """The scene that is on."""
        return self._stage.current

    async def run(self, beat: "Beat") -> None:
        woken = ticks_ms()
        while True:
            beat()
            pause_ms = 0 if self.step(ticks_ms()) else POLL_MS
            await sleep_ms(pause_ms)
            now = ticks_ms()
            self._gap_ms = max(self._gap_ms, ticks_diff(now, woken) - pause_ms)
            woken = now

    def take_gap_ms(self) -> int:
        """The longest time since it was last asked for which the loop did not come round: nobody would have seen a
        button."""
        gap_ms, self._gap_ms = self._gap_ms, 0
        return gap_ms

    async def settle(self) -> None:
        while self.step(ticks_ms()):
            await sleep_ms(0)

    def step(self, now: int) -> bool:
        """One short pass, at most one band of the screen; True when there is more to paint."""
        if self._polled is None or ticks_diff(now, self._polled) >= POLL_MS:
            self._polled = now
            self._poll(now)
        act = self._stage.step(now)
        if act:
            self._sound.start(act.scene.sound, now)
            self._is_stale = True
            if act.state == "idle":
                self._status.number = None
        if act or self._shine != self._shone:
            self._shone = self._shine
            current = self._stage.current
            scene_light = current.scene.light if current else ()
            self._light.start(scene_light if self._shine is None else (self._shine, 0), now)
        self._light.step(now)
        self._sound.step(now)
        return self._painter is not None and self._paint(self._painter)

    def _poll(self, now: int) -> None:
        sample = self._hw.buttons.held()
        is_sure = ~(sample ^ self._sample)
        self._sample = sample
        held = (self._held & ~is_sure) | (sample & is_sure)
        pressed = held & ~self._held
        self._held = held
        if not pressed:
            return
        self._sound.start(scenes.CLICK, now)  # the answer to the press, whatever comes of it
        if pressed & LANGUAGE:
            self.speak("en" if self.language == "zh" else "zh")
        if pressed & CANCEL and self.on_cancel:
            self._stage.forget_person()
            self.show("cancelling")
            self.on_cancel()
        if pressed & START:
            self._stage.dismiss()
            if self.on_start:
                self.on_start()

    def _paint(self, painter: "Painter") -> bool:
        try:
            if painter.open_next():
                return True
            if self._is_stale:
                self._is_stale = False
                painter.show(self._stage.current, self._status, self.language)
                return True
            return painter.step()
        except (TerminalError, OSError) as error:
            # Without the screen, light and sound still say enough to register, and the technician is told.
            self._painter = None
            self._hw.tell("fault", getattr(error, "code", "internal"), None)
            return False
