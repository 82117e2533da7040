"""Which scene is on, and which follow: results are seen in order and for a while, of progress only the newest counts.

Faults and a cancelled registration come at once and drop what waits.
"""

from terminal import scenes
from terminal.ticks import ticks_diff

WAITING_MAX = 4  # beyond, the oldest is dropped: the counter has long moved on


class Act:
    """A scene with what is said in it. `person` is drawn from here only: to clear it here is to clear it everywhere."""

    def __init__(self, scene: scenes.Scene, state: str, code: "str | None", value: "int | None") -> None:
        self.scene = scene
        self.state = state
        self.code = code
        self.value = value
        self.person: "str | None" = None  # whose card was read, masked

    def says(self, other: "Act") -> bool:
        return self.state == other.state and self.code == other.code

    def is_record(self, seq: "int | None") -> bool:
        return self.state in ("queued", "queued-offline") and self.value == seq


class Stage:
    def __init__(self) -> None:
        self.current: "Act | None" = None
        self._waiting: "list[Act]" = []
        self._since = 0  # ticks when the current scene began
        self._is_held = False
        self._under: "Act | None" = None  # progress that a fault covers: shown again when somebody dismisses the fault
        self._aside: "Act | None" = None  # news of a record whose customer has gone: shown when the terminal is idle

    def add(self, act: Act) -> bool:
        """True when the current scene goes on with another value."""
        waiting, rank = self._waiting, act.scene.rank
        last = waiting[-1] if waiting else self.current
        if last and last.says(act):
            if rank == scenes.PROGRESS:
                has_changed = last.value != act.value
                last.value = act.value
                return has_changed and not waiting
            if rank == scenes.AT_ONCE or (last.value == act.value and (waiting or self._is_held)):
                return False  # a reader that fails every few seconds is not to beep every few seconds
        is_last_progress = bool(waiting) and waiting[-1].scene.rank == scenes.PROGRESS
        if rank == scenes.AT_ONCE:
            if is_last_progress:
                self._under = waiting[-1]
            self.forget_person()  # at once, not when the screen comes to it
            waiting.clear()
            self._is_held = False
        elif is_last_progress:
            waiting.pop()
        waiting.append(act)
        if len(waiting) > WAITING_MAX:
            waiting.pop(0)
        return False

    def settle(self, act: Act) -> bool:
        """What became of a record takes the place of its "queued"; False when that neither is on nor waits."""
        if self.current and self.current.is_record(act.value):
            self._waiting.insert(0, act)
            self._is_held = False
            return True
        for i, waiting in enumerate(self._waiting):
            if waiting.is_record(act.value):
                self._waiting[i] = act
                return True
        return False

    def introduce(self, person: str) -> bool:
        """Says whose card was read; False when nobody's is on the screen or about to be."""
        act = self._waiting[-1] if self._waiting else self.current
        if act and act.state in ("read", "read-look"):
            act.person = person
            return True
        return False

    def forget_person(self) -> None:
        for act in self._waiting:
            act.person = None
        if self.current:
            self.current.person = None

    def put_aside(self, act: Act) -> None:
        self._aside = act

    def dismiss(self) -> None:
        """The start button: what waits comes now; under a fault, what was there before it."""
        self._is_held = False
        if self._under and not self._waiting and self.current is not self._under:
            self._waiting.append(self._under)

    def step(self, now: int) -> "Act | None":
        """The scene that comes on now, if one does."""
        current = self.current
        # Asked at every step, not only when the next scene comes: after six days ticks would say the opposite.
        if self._is_held and current and ticks_diff(now, self._since) >= current.scene.hold_ms:
            self._is_held = False
        if self._is_held:
            return None
        if self._waiting:
            return self._take(self._waiting.pop(0), now)
        if self._aside and current and current.state == "idle":
            aside, self._aside = self._aside, None
            self._take(aside, now)
            self._under = current
            return aside
        return None

    def _take(self, act: Act, now: int) -> Act:
        if self.current:
            self.current.person = None
        if act.scene.rank == scenes.PROGRESS:
            self._under = act
        elif act.state == "refused" or act.scene.rank == scenes.RESULT:
            self._under = None  # the registration is over: only a fault lets it go on
        self.current = act
        self._since = now
        self._is_held = act.scene.hold_ms > 0
        return act
