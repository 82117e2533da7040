"""The panel without a screen: which scene is on when, light, sound and buttons, by a clock of the test's own."""

from terminal.panel import CANCEL, LANGUAGE, POLL_MS, START, Panel
from terminal.stage import WAITING_MAX
from terminal.ticks import ticks_add, ticks_diff

# (Hz, ms, ...): what each state sounds like
CLICK = (2400, 25)
ONE_SHORT = (1800, 90)
TWO_SHORT = (1800, 90, 0, 90, 1800, 90)
ONE_LONG = (520, 600)
THREE_LONG = (520, 600, 0, 250, 520, 600, 0, 250, 520, 600)
TWO_RISING = (1320, 130, 1760, 200)
REACTION_MS = 100
EVENING = 1 << 28  # ticks; any value is as good
HALF_PERIOD = 1 << 61  # of the ticks on this port; six days on a 32-bit one


class Counter:
    """A board without a screen, and whoever stands before it; `log` has every event with its ms."""

    display = None

    def __init__(self, start: int = EVENING) -> None:
        self.light = self.buzzer = self.buttons = self
        self.start = self.now = start
        self.pressed = 0
        self.log = []
        self.panel = Panel(self)

    def set(self, rgb: int) -> None:
        self._note("light", rgb)

    def tone(self, hz: int) -> None:
        self._note("sound", hz)

    def held(self) -> int:
        return self.pressed

    def tell(self, state: str, code: "str | None", value: "int | None") -> None:
        self._note("told", (state, code, value))

    def _note(self, kind: str, what: object) -> None:
        self.log.append((ticks_diff(self.now, self.start), kind, what))

    def wait(self, ms: int) -> None:
        """The panel's task runs every POLL_MS."""
        end = ticks_add(self.now, ms)
        self.panel.step(self.now)
        while ticks_diff(end, self.now) > 0:
            self.now = ticks_add(self.now, POLL_MS)
            self.panel.step(self.now)

    def press(self, button: int) -> None:
        self.pressed = button
        self.wait(100)
        self.pressed = 0
        self.wait(100)

    def show(self, state: str, code: "str | None" = None, value: "int | None" = None) -> None:
        """And sees it."""
        self.panel.show(state, code, value)
        self.wait(0)

    @property
    def scene(self) -> str:
        return self.panel.current.state

    def events(self, kind: str) -> list:
        return [(ms, what) for ms, found, what in self.log if found == kind]


def sound(pattern: tuple) -> list:
    """[(ms, Hz)] that a pattern makes from 0 on."""
    found, ms = [], 0
    for i in range(0, len(pattern), 2):
        found.append((ms, pattern[i]))
        ms += pattern[i + 1]
    return found + [(ms, 0)]


def near(found: list, wanted: list) -> bool:
    """The same events, none more than a pass late."""
    if [what for _, what in found] != [what for _, what in wanted]:
        return False
    return all(0 <= found[i][0] - wanted[i][0] <= POLL_MS for i in range(len(wanted)))


# --- what is shown when


def test_everything_is_told_at_once_also_what_the_screen_does_not_know() -> None:
    counter = Counter()
    counter.panel.show("idle")
    counter.panel.show("overhead-ms", None, 12)
    assert counter.events("told") == [(0, ("idle", None, None)), (0, ("overhead-ms", None, 12))]
    counter.wait(0)
    assert counter.scene == "idle"


def test_whoever_listens_hears_it_before_anybody_sees_it() -> None:
    counter = Counter()
    heard = []
    counter.panel.on_state = lambda *state: heard.append((len(counter.events("told")),) + state)
    counter.panel.show("refused", "card-expired", 5)
    counter.panel.show("online")
    assert heard == [(0, "refused", "card-expired", 5), (1, "online", None, None)]


def test_refusal_stays_for_four_seconds_although_the_terminal_is_idle_again() -> None:
    counter = Counter()
    counter.show("refused", "card-expired", 3)
    counter.panel.show("idle")
    counter.wait(3900)
    assert counter.scene == "refused"
    counter.wait(200)
    assert counter.scene == "idle"


def test_of_progress_only_the_newest_is_shown() -> None:
    counter = Counter()
    counter.show("read")
    for state in ("face-look", "face-closer", "challenge-left"):
        counter.panel.show(state)
    seen = []
    for _ in range(60):
        counter.wait(POLL_MS)
        if counter.scene not in seen:
            seen.append(counter.scene)
    assert seen == ["read", "challenge-left"]


def test_progress_that_a_result_has_overtaken_is_not_shown() -> None:
    counter = Counter()
    counter.show("read")
    counter.panel.show("hold", None, 900)
    counter.panel.show("passed")
    counter.wait(1100)
    assert counter.scene == "passed"


def test_results_come_in_order_each_for_its_time() -> None:
    counter = Counter()
    for state, code in (("read", None), ("passed", None), ("refused", "card-expired"), ("idle", None)):
        counter.panel.show(state, code)
    seen = []
    for _ in range(400):
        if not seen or seen[-1][1] != counter.panel.current:
            counter.wait(0)
            seen.append((ticks_diff(counter.now, counter.start), counter.panel.current))
        counter.wait(POLL_MS)
    assert [act.state for _, act in seen] == ["read", "passed", "refused", "idle"]
    assert near([(ms, 0) for ms, _ in seen], [(0, 0), (1000, 0), (3000, 0), (7000, 0)]), seen


def test_results_that_wait_are_bounded() -> None:
    counter = Counter()
    for value in range(100):
        counter.panel.show("not-passed", None, value)
    counter.wait(0)
    assert counter.panel.current.value == 100 - WAITING_MAX


def test_fault_comes_at_once_and_drops_what_waits() -> None:
    counter = Counter()
    counter.show("refused", "card-expired", 3)
    counter.panel.show("passed")
    counter.show("fault", "reader-timeout")
    assert counter.scene == "fault"
    counter.wait(10_000)
    assert counter.scene == "fault", "nobody has said that it works again"
    counter.show("ready")
    assert counter.scene == "ready"


def test_fault_can_be_read_before_work_goes_on() -> None:
    counter = Counter()
    counter.show("fault", "reader-fault")
    counter.show("ready")
    assert counter.scene == "fault"
    counter.wait(2100)
    assert counter.scene == "ready"


def test_start_button_ends_a_hold() -> None:
    counter = Counter()
    counter.show("refused", "card-expired", 3)
    counter.panel.show("idle")
    counter.press(START)
    assert counter.scene == "idle"


def test_start_button_shows_what_a_fault_covers() -> None:
    counter = Counter()
    counter.show("idle")
    counter.show("fault", "queue-fault", 5)
    counter.press(START)
    assert counter.scene == "idle"


def test_start_button_does_not_bring_back_a_registration_that_is_over() -> None:
    counter = Counter()
    counter.show("reading")
    counter.show("refused", "card-expired", 3)
    counter.press(START)
    assert counter.scene == "refused"


def test_number_to_hand_out_stays_until_the_terminal_is_idle() -> None:
    counter = Counter()
    counter.panel.show("offline")
    counter.show("ready-offline")
    counter.panel.show_number("17000000001")
    counter.show("reading")
    counter.show("queued", None, 3)
    assert counter.panel._status.number == "17000000001"
    counter.panel.show("idle")
    counter.wait(3000)
    assert (counter.scene, counter.panel._status.number) == ("idle", None)


def test_hold_ends_also_where_ticks_wrap_around() -> None:
    counter = Counter(start=2 * HALF_PERIOD - 1000)
    counter.show("refused", "card-expired", 3)
    counter.panel.show("idle")
    counter.wait(4100)
    assert counter.scene == "idle"


def test_hold_that_is_long_over_stays_over() -> None:
    counter = Counter()
    counter.show("refused", "card-expired", 3)
    counter.wait(4100)
    counter.now = ticks_add(counter.now, HALF_PERIOD - 1000)  # seen from there, its beginning lies in the future
    counter.wait(2000)
    counter.show("idle")
    assert counter.scene == "idle"


def test_record_of_an_offline_terminal_says_so() -> None:
    counter = Counter()
    counter.show("queued", None, 7)
    assert counter.scene == "queued-offline"
    assert counter.events("told")[-1][1] == ("queued", None, 7), "watchers get what the application said"


def test_receipt_takes_the_place_of_the_record_on_the_screen() -> None:
    counter = Counter()
    counter.show("online")
    counter.show("queued", None, 7)
    counter.show("stored", None, 7)
    assert counter.scene == "delivered"


def test_receipt_takes_the_place_of_the_record_that_waits() -> None:
    counter = Counter()
    counter.show("online")
    counter.show("read")
    counter.panel.show("queued", None, 7)
    counter.panel.show("idle")
    counter.panel.show("stored", None, 7)
    counter.wait(1100)
    assert counter.scene == "delivered"
    counter.wait(2100)
    assert counter.scene == "idle"


def test_receipt_for_another_record_leaves_the_screen_alone() -> None:
    counter = Counter()
    counter.show("online")
    counter.show("queued", None, 7)
    counter.show("stored", None, 6)
    counter.wait(5000)
    assert counter.scene == "queued"


def test_refusal_by_the_agent_waits_until_nobody_stands_there() -> None:
    counter = Counter()
    counter.show("reading")
    counter.show("refused-by-agent", "nonce-expired", 5)
    counter.wait(10_000)
    assert counter.scene == "reading", "it is about the customer before"
    counter.show("refused", "card-expired", 8)
    counter.panel.show("idle")
    counter.wait(4200)
    assert counter.scene == "refused-by-agent"
    counter.wait(60_000)
    assert counter.scene == "refused-by-agent", "the clerk may have been away"
    counter.press(START)
    assert counter.scene == "idle"


def test_refusal_by_the_agent_of_the_record_on_the_screen_is_shown_at_once() -> None:
    counter = Counter()
    counter.show("queued", None, 5)
    counter.show("refused-by-agent", "nonce-expired", 5)
    assert counter.scene == "refused-by-agent"


# --- light and sound: the table of issue 3


def test_light_and_sound_of_each_state() -> None:
    blue, white, green, amber, red = 0x0000FF, 0xFFFFFF, 0x00FF00, 0xFF7000, 0xFF0000
    cases = (
        ("ready", None, [(0, blue), (1200, 0x00000C), (2400, blue), (3600, 0x00000C)], []),
        ("reading", None, [(0, blue)], []),
        ("read", None, [(0, green), (1000, 0)], sound(ONE_SHORT)),
        ("face-look", None, [(0, white)], []),
        ("challenge-stay", None, [(0, white)], []),
        ("hold", None, [(0, white)], []),
        ("face-again", "face-timeout", [(0, amber)], sound(TWO_SHORT)),
        ("passed", None, [(0, green), (2000, 0)], sound(TWO_RISING)),
        ("not-passed", None, [(0, amber)], sound(ONE_LONG)),
        ("refused", "card-fault", [(0, amber)], sound(TWO_SHORT)),
        ("refused", "card-expired", [(0, red)], sound(ONE_LONG)),
        ("refused", "card-unsupported", [(0, red)], sound(ONE_LONG)),
        ("refused", "of-a-newer-application", [(0, red)], sound(ONE_LONG)),
        ("queued", None, [(0, 0x301500), (2000, 0)], sound(ONE_SHORT)),
        ("fault", "reader-fault", [(0, red)], sound(ONE_LONG)),
        ("refused", "clock-untrusted", [(0, red)], sound(THREE_LONG)),
        ("suspended", "terminal-suspended", [(0, red)], sound(THREE_LONG)),
        ("locked", "terminal-locked", [(0, red)], sound(THREE_LONG)),
    )
    for state, code, light, tones in cases:
        counter = Counter()
        counter.show(state, code)
        counter.wait(4000)
        assert near(counter.events("light"), light), (state, code, counter.log)
        assert near(counter.events("sound"), tones), (state, code, counter.log)


def test_light_of_a_delivered_record_is_a_green_dot() -> None:
    counter = Counter()
    counter.show("queued", None, 1)
    counter.wait(500)
    counter.log.clear()
    counter.show("stored", None, 1)
    counter.wait(4000)
    assert near(counter.events("light"), [(500, 0x003000), (2500, 0)]), counter.log


def test_fault_that_goes_on_sounds_once() -> None:
    for state, code, pattern in (("fault", "reader-timeout", ONE_LONG), ("locked", "terminal-locked", THREE_LONG)):
        counter = Counter()
        for _ in range(20):
            counter.show(state, code)
            counter.wait(1000)
        assert near(counter.events("sound"), sound(pattern)), counter.log


def test_progress_in_numbers_neither_sounds_nor_blinks() -> None:
    counter = Counter()
    counter.show("hold", None, 0)
    counter.log.clear()
    for permille in range(100, 1000, 100):
        counter.show("hold", None, permille)
        counter.wait(40)
    assert counter.panel.current.value == 900
    assert not counter.events("light") and not counter.events("sound")


def test_light_is_set_only_when_it_changes() -> None:
    counter = Counter()
    counter.show("found")
    counter.show("reading")
    counter.wait(1000)
    assert counter.events("light") == [(0, 0x0000FF)]


# --- buttons


def test_press_is_answered_within_a_tenth_of_a_second() -> None:
    for button in (START, CANCEL, LANGUAGE):
        counter = Counter()
        counter.show("idle")
        counter.press(button)
        ms, hz = counter.events("sound")[0]
        assert hz == CLICK[0] and ms <= REACTION_MS, (button, counter.log)


def test_press_calls_back_once_however_long_it_is_held() -> None:
    counter = Counter()
    called = []
    counter.panel.on_start = lambda: called.append("start")
    counter.panel.on_cancel = lambda: called.append("cancel")
    counter.press(START)
    counter.pressed = CANCEL
    counter.wait(5000)
    assert called == ["start", "cancel"]


def test_bouncing_contact_is_one_press() -> None:
    counter = Counter()
    called = []
    counter.panel.on_start = lambda: called.append("start")
    for contact in (1, 0, 1, 0, 1, 1, 1, 0, 1, 0, 0, 0):
        counter.pressed = contact
        counter.wait(POLL_MS)
    assert called == ["start"]


def test_spark_of_one_sample_is_no_press() -> None:
    counter = Counter()
    counter.wait(100)
    counter.pressed = START | CANCEL | LANGUAGE
    counter.wait(POLL_MS)
    counter.pressed = 0
    counter.wait(200)
    assert counter.panel.language == "zh" and not counter.events("sound")


def test_language_button_goes_there_and_back() -> None:
    counter = Counter()
    counter.press(LANGUAGE)
    assert counter.panel.language == "en"
    counter.press(LANGUAGE)
    assert counter.panel.language == "zh"


def test_cancel_is_seen_before_the_application_has_cancelled() -> None:
    counter = Counter()
    counter.panel.on_cancel = lambda: None
    counter.show("read")
    counter.panel.show_person("测＊＊ ＊＊＊0017")
    counter.pressed = CANCEL
    counter.wait(REACTION_MS)
    assert counter.scene == "cancelling"
    counter.show("refused", "cancelled", 4)
    assert (counter.scene, counter.panel.current.code) == ("refused", "cancelled")


def test_cancel_where_there_is_nothing_to_cancel_changes_nothing() -> None:
    counter = Counter()
    counter.show("idle")
    counter.press(CANCEL)
    assert counter.scene == "idle"


# --- the person


def test_person_is_kept_only_as_long_as_their_scene() -> None:
    counter = Counter()
    counter.show("read")
    counter.panel.show_person("测＊＊ ＊＊＊0017")
    read = counter.panel.current
    assert read.person
    counter.show("queued", None, 5)
    counter.wait(900)
    assert read.person
    counter.wait(200)
    assert counter.scene != "read" and read.person is None


def test_person_is_forgotten_at_the_moment_of_a_fault_or_cancel() -> None:
    for state, code in (("fault", "queue-fault"), ("refused", "cancelled")):
        counter = Counter()
        counter.show("read")
        counter.panel.show_person("测＊＊ ＊＊＊0017")
        read = counter.panel.current
        counter.panel.show(state, code)
        assert read.person is None, state


def test_person_without_a_read_card_is_not_taken() -> None:
    counter = Counter()
    counter.show("idle")
    counter.panel.show_person("测＊＊ ＊＊＊0017")
    assert counter.panel.current.person is None


def test_person_who_waits_behind_a_result_is_shown_after_it() -> None:
    counter = Counter()
    counter.show("refused", "card-fault", 1)
    counter.panel.show("read")
    counter.panel.show_person("测＊＊ ＊＊＊0017")
    counter.wait(4100)
    assert counter.panel.current.person == "测＊＊ ＊＊＊0017"


def test_light_that_is_asked_for_shines_whatever_the_scene_says() -> None:
    terminal = Counter()
    terminal.show("hold")
    terminal.wait(40)
    terminal.panel.shine(0xFF0000)
    terminal.show("challenge-left")
    terminal.wait(40)
    assert terminal.scene == "challenge-left"
    terminal.panel.shine(0x00FF00)
    terminal.panel.shine(0x00FF00)
    terminal.wait(40)
    terminal.panel.shine(None)
    terminal.panel.shine(None)
    terminal.wait(40)
    assert [rgb for _, rgb in terminal.events("light")] == [0xFFFFFF, 0xFF0000, 0x00FF00, 0xFFFFFF]
