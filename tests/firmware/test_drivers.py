"""Drivers against the commands of the data sheets, over small fakes of pins and buses that write down what they see."""

import asyncio
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

SECOND = 1_795_000_000  # 2026-11-18T11:06:40Z


class Bench:
    """Pins and an SPI bus with one memory: what went over the bus while which pins were how."""

    def __init__(self) -> None:
        self.levels: dict[str, int] = {}
        self.sent: list[tuple[str, bytes]] = []
        self.sleeps_ms: list[int] = []

    def pin(self, name: str) -> SimpleNamespace:
        def value(level: int) -> None:
            self.levels[name] = level
            if name == "reset":
                self.sent.append(("reset", bytes([level])))

        return SimpleNamespace(value=value)

    def write(self, data: bytes) -> None:
        assert self.levels["select"] == 0, "a byte nobody is selected for"
        self.sent.append(("data" if self.levels["command"] else "command", bytes(data)))

    def sleep_ms(self, ms: int) -> None:
        self.sleeps_ms.append(ms)
        self.sent.append(("sleep", bytes([ms])))


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> Bench:
    bench = Bench()
    monkeypatch.setattr(time, "sleep_ms", bench.sleep_ms, raising=False)
    return bench


@pytest.fixture
def panel(bench: Bench):
    from drivers.st7789 import St7789

    return St7789(bench, bench.pin("select"), bench.pin("command"), bench.pin("reset"), bench.pin("backlight"))


def test_panel_starts_as_the_data_sheet_says(bench: Bench, panel) -> None:
    assert bench.sent == [
        ("reset", b"\x00"),
        ("sleep", b"\x01"),
        ("reset", b"\x01"),
        ("sleep", b"\x78"),
        ("command", b"\x01"),  # SWRESET
        ("sleep", b"\x78"),
        ("command", b"\x11"),  # SLPOUT
        ("sleep", b"\x78"),
        ("command", b"\x3a"),  # COLMOD: 65 K colours, 16 bits
        ("data", b"\x55"),
        ("command", b"\x36"),  # MADCTL: MX, MV, RGB
        ("data", b"\x60"),
        ("command", b"\x21"),  # INVON
        ("command", b"\x13"),  # NORON
        ("command", b"\x2a"),  # CASET 0 to 319
        ("data", b"\x00\x00\x01\x3f"),
    ]
    assert bench.levels["backlight"] == 0


@pytest.mark.parametrize(("y", "rows", "window"), [(0, 16, "0000000f"), (224, 16, "00e000ef"), (239, 1, "00ef00ef")])
def test_band_goes_to_its_rows(bench: Bench, panel, y: int, rows: int, window: str) -> None:
    del bench.sent[:]
    band = bytes(range(256)) * 5 * (rows // 2 or 1)
    band = band[: rows * 640]
    panel.blit(y, memoryview(band))
    assert bench.sent == [
        ("command", b"\x2b"),
        ("data", bytes.fromhex(window)),
        ("command", b"\x2c"),
        ("data", band),
    ]
    assert bench.levels["select"] == 1


def test_panel_is_dark_until_its_first_whole_picture(bench: Bench, panel) -> None:
    panel.blit(0, memoryview(bytes(640)))
    assert bench.levels["backlight"] == 0
    panel.present()
    panel.present()
    assert bench.sent.count(("command", b"\x29")) == 1  # DISPON
    assert bench.levels["backlight"] == 1


def test_light_is_green_first_and_dimmed() -> None:
    from drivers.ws2812 import Ws2812

    seen = []
    light = Ws2812("pin", lambda *call: seen.append(call), 2)
    light.set(0xFF8004)
    assert seen == [("pin", 0, (400, 850, 800, 450), bytes(6)), ("pin", 0, (400, 850, 800, 450), b"\x20\x3f\x01" * 2)]


def test_buzzer_sets_the_tone_before_it_sounds() -> None:
    from drivers.piezo import Piezo

    seen = []
    pwm = SimpleNamespace(freq=lambda hz: seen.append(("freq", hz)), duty_u16=lambda duty: seen.append(("duty", duty)))
    buzzer = Piezo(pwm)
    buzzer.tone(2700)
    buzzer.tone(0)
    assert seen == [("duty", 0), ("freq", 2700), ("duty", 32768), ("duty", 0)]


@pytest.mark.parametrize(("levels", "mask"), [((1, 1, 1), 0), ((0, 1, 1), 1), ((1, 0, 1), 2), ((0, 1, 0), 5)])
def test_buttons_are_low_when_pressed(levels: tuple[int, ...], mask: int) -> None:
    from drivers.buttons import Buttons

    assert Buttons(tuple(SimpleNamespace(value=lambda level=level: level) for level in levels)).held() == mask


class Bus:
    """A TCA9534 that fails as often as it is told to."""

    def __init__(self) -> None:
        self.registers = {0: 0xFF, 1: 0xFF, 3: 0xFF}
        self.written: list[tuple[int, int]] = []
        self.failures = 0

    def _perhaps_fail(self) -> None:
        if self.failures:
            self.failures -= 1
            raise OSError(5)

    def writeto_mem(self, address: int, register: int, data: bytes) -> None:
        assert address == 0x20
        self._perhaps_fail()
        self.registers[register] = data[0]
        self.written.append((register, data[0]))

    def readfrom_mem_into(self, address: int, register: int, buffer: bytearray) -> None:
        assert address == 0x20
        self._perhaps_fail()
        buffer[0] = self.registers[register]


def test_expander_has_its_levels_before_it_drives() -> None:
    from drivers.tca9534 import Tca9534

    bus = Bus()
    Tca9534(bus, outputs=0b0011_0000, levels=0b0001_0000)
    assert bus.written == [(1, 0b0001_0000), (3, 0b1100_1111)]


def test_expander_lines_do_not_disturb_each_other() -> None:
    from drivers.tca9534 import Tca9534

    bus = Bus()
    expander = Tca9534(bus, outputs=0b0011_0000, levels=0)
    expander.line(4).value(1)
    expander.line(5).value(1)
    expander.line(4).value(0)
    assert bus.registers[1] == 0b0010_0000
    bus.registers[0] = 0b1111_1011
    assert [expander.line(n).value() for n in (1, 2, 3)] == [1, 0, 1]


def test_expander_forgives_one_spoilt_transfer_not_two() -> None:
    from drivers.tca9534 import Tca9534

    bus = Bus()
    expander = Tca9534(bus, outputs=0b1, levels=0)
    bus.failures = 1
    assert expander.read(2) == 1
    bus.failures = 1
    expander.drive(0, 1)
    assert bus.registers[1] == 1
    bus.failures = 2
    with pytest.raises(OSError, match="5"):
        expander.read(2)


def test_uart_is_never_asked_for_more_than_it_has() -> None:
    from drivers.uart_stream import UartStream

    class Uart:
        waiting = b""

        def any(self) -> int:
            return len(self.waiting)

        def read(self, size: int) -> bytes:
            assert 0 < size <= len(self.waiting), "this would block"
            data, self.waiting = self.waiting[:size], self.waiting[size:]
            return data

    uart = Uart()
    stream = UartStream(uart)
    assert stream.read(256) is None
    assert stream.ioctl(3, 1 | 4) == 4
    uart.waiting = b"abcde"
    assert stream.ioctl(3, 1 | 4) == 5
    assert (stream.read(2), stream.read(256), stream.read(256)) == (b"ab", b"cde", None)


class Rtc:
    """machine.RTC and time.time of a board, on one clock that stands still."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, seconds: int) -> None:
        self.seconds = seconds
        monkeypatch.setattr(time, "time", lambda: self.seconds)

    def datetime(self, parts: tuple[int, ...]) -> None:
        year, month, day, weekday, hour, minute, second, _ = parts
        import calendar

        self.seconds = calendar.timegm((year, month, day, hour, minute, second))
        assert weekday == calendar.weekday(year, month, day)


@pytest.mark.parametrize(
    ("rtc_s", "kept_s", "now", "source"),
    [
        (SECOND + 5, None, SECOND + 5, 2),  # ran on over the reset
        (0, None, SECOND, 1),  # stood still, never had a time
        (0, SECOND + 900, SECOND + 900, 2),  # stood still, a trusted time is kept
        (SECOND - 1, SECOND - 900, SECOND, 1),  # firmware newer than what is kept
        (0, "rubbish", SECOND, 1),
    ],
)
def test_clock_trusts_what_is_left(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, rtc_s: int, kept_s: object, now: int, source: int
) -> None:
    from drivers.rtc_clock import RtcClock

    path = tmp_path / "clock.last"
    if kept_s is not None:
        path.write_text(str(kept_s))
    clock = RtcClock(Rtc(monkeypatch, rtc_s), SECOND, str(path))
    assert (clock.now(), clock.source) == (now, source)


def test_clock_keeps_trusted_times_at_most_once_an_hour(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from drivers.rtc_clock import RtcClock

    path = tmp_path / "clock.last"
    clock = RtcClock(Rtc(monkeypatch, SECOND), SECOND, str(path))
    clock.set(SECOND + 100, 2)
    assert not path.exists()
    kept = []
    for seconds in (SECOND + 200, SECOND + 300, SECOND + 4000):
        clock.set(seconds, 4)
        kept.append(int(path.read_text()) - SECOND)
    assert kept == [200, 200, 4000]
    assert clock.now() == SECOND + 4000


def test_clock_survives_a_full_flash(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from drivers.rtc_clock import RtcClock

    clock = RtcClock(Rtc(monkeypatch, SECOND), SECOND, str(tmp_path / "none" / "clock.last"))
    clock.set(SECOND + 7200, 4)
    assert (clock.now(), clock.source) == (SECOND + 7200, 4)
    assert "time not kept" in capsys.readouterr().out


class Interface:
    """Joins at the nth attempt."""

    def __init__(self, joins_at: int) -> None:
        self.joins_at = joins_at
        self.attempts = 0
        self.is_active = False

    def active(self, is_active: bool | None = None) -> bool:
        self.is_active = self.is_active if is_active is None else is_active
        return self.is_active

    def isconnected(self) -> bool:
        return self.attempts >= self.joins_at

    def join(self) -> None:
        assert self.is_active
        self.attempts += 1


@pytest.fixture
def quick_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """A loop in which a pause of 0.1 s passes at once, on a clock that counts it."""
    clock = SimpleNamespace(ms=0)

    async def sleep(seconds: float, real=asyncio.sleep) -> None:
        clock.ms += int(seconds * 1000)
        await real(0)

    monkeypatch.setattr(asyncio, "sleep", sleep)
    monkeypatch.setattr(time, "ticks_ms", lambda: clock.ms, raising=False)
    monkeypatch.setattr(time, "ticks_diff", lambda end, start: end - start, raising=False)


def test_link_tries_again_after_a_failed_attempt(quick_time: None) -> None:
    from drivers.network_link import ATTEMPT_MS, NetworkLink

    interface = Interface(3)
    asyncio.run(NetworkLink(interface, interface.join).up())
    assert interface.attempts == 3
    assert time.ticks_ms() == pytest.approx(2 * ATTEMPT_MS, abs=1000)


def test_link_goes_on_with_the_attempt_of_a_caller_who_gave_up(quick_time: None) -> None:
    from drivers.network_link import NetworkLink

    interface = Interface(2)
    link = NetworkLink(interface, interface.join)

    async def give_up() -> None:
        for _ in range(3):
            task = asyncio.create_task(link.up())
            for _ in range(5):
                await asyncio.sleep(0)
            task.cancel()

    asyncio.run(give_up())
    assert interface.attempts == 1


def answer(token: bytes, seconds_since_1900: int, *, first: int = 0x24, stratum: int = 2) -> bytes:
    head = bytes([first, stratum]) + bytes(22)
    return head + token + bytes(8) + seconds_since_1900.to_bytes(8, "big")[4:] + bytes(4)


TOKEN = b"12345678"
SINCE_1900 = SECOND + 2_208_988_800


def test_sntp_reads_a_good_answer() -> None:
    from drivers.sntp import parse

    assert parse(answer(TOKEN, SINCE_1900), TOKEN) == SECOND
    assert parse(answer(TOKEN, 2**32 + 60), TOKEN) == 2_085_978_556  # a minute into the second era


@pytest.mark.parametrize(
    "bad",
    [
        answer(b"8765------"[:8], SINCE_1900),
        answer(TOKEN, SINCE_1900, first=0xE4),  # not synchronised
        answer(TOKEN, SINCE_1900, first=0x23),  # a question
        answer(TOKEN, SINCE_1900, stratum=0),
        answer(TOKEN, SINCE_1900, stratum=16),
        answer(TOKEN, SINCE_1900)[:47],
        b"",
    ],
)
def test_sntp_refuses_anybody_elses_answer(bad: bytes) -> None:
    from drivers.sntp import parse

    assert parse(bad, TOKEN) is None


@pytest.fixture
def time_server() -> Iterator[int]:
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.bind(("127.0.0.1", 0))
    server.settimeout(20)

    def serve() -> None:
        question, peer = server.recvfrom(64)
        if question[0] == 0x23 and len(question) == 48:
            server.sendto(answer(question[40:], SINCE_1900), peer)

    thread = threading.Thread(target=serve)
    thread.start()
    yield server.getsockname()[1]
    thread.join()
    server.close()


def test_sntp_asks_over_the_network_without_blocking(time_server: int) -> None:
    from drivers import sntp

    async def ask() -> int | None:
        return await asyncio.wait_for(sntp.ask("127.0.0.1", lambda size: TOKEN[:size], time_server), 20)

    assert asyncio.run(ask()) == SECOND
