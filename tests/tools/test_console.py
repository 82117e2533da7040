"""The console between serial port and interpreter, byte by byte."""

import pytest

from tools.emulator.console import Console

BANNER = b'MicroPython 1 on 2026-01-01; linux\r\nType "help()" for more information.\r\n>>> '
RAW_BANNER = b"\r\nraw REPL; CTRL-B to exit\r\n>"


def ready() -> Console:
    console = Console()
    console.from_interpreter(BANNER)
    return console


def test_host_bytes_wait_for_the_first_prompt() -> None:
    console = Console()
    console.from_host(b"\r\x01")
    assert console.take() == b""
    console.from_interpreter(b"boot words\n")
    assert console.take() == b""
    console.from_interpreter(BANNER)
    assert console.take() == b"\r\x01"
    console.from_host(b"more")
    assert console.take() == b"more"


def test_ctrl_c_stops_what_follows_and_lets_pass_what_came_before() -> None:
    console = ready()
    console.from_host(b"ab\x03cd")
    assert console.take() == b"ab"
    assert console.has_interrupt
    assert console.take() == b""
    assert console.take_ctrl_c() == b"\x03"
    assert console.take() == b"cd"


def test_after_an_interrupt_bytes_wait_for_the_prompt() -> None:
    console = Console()
    console.from_host(b"\r\x03\r\x01")
    assert console.has_interrupt
    console.interrupted()
    assert not console.has_interrupt
    console.from_interpreter(b"KeyboardInterrupt: \n")
    assert console.take() == b""
    console.from_interpreter(BANNER)
    assert console.take() == b"\r\x01"


def test_prompt_is_seen_in_single_bytes() -> None:
    console = Console()
    for byte in BANNER:
        assert not console.is_ready
        console.from_interpreter(bytes([byte]))
    assert console.is_ready
    for byte in RAW_BANNER:
        console.from_interpreter(bytes([byte]))
    assert console.is_raw


def test_raw_mode_is_told_by_the_interpreter_and_not_by_data() -> None:
    console = ready()
    console.from_host(b"\x01")
    assert not console.is_raw
    console.from_interpreter(RAW_BANNER + b"OK")
    assert console.is_raw
    console.from_host(b"data \x02 of a raw paste")
    assert console.is_raw
    console.from_interpreter(BANNER)
    assert not console.is_raw


def test_soft_reset_in_raw_mode_shows_boot_words_and_goes_back_to_raw() -> None:
    console = ready()
    console.from_interpreter(RAW_BANNER)
    console.soft_reset()
    assert console.from_interpreter(b"boot words\n" + BANNER[:20]) == (b"", b"")
    assert console.from_interpreter(BANNER[20:]) == (b"boot words\r\n", b"\x01")
    console.from_host(b"\x05A\x01")
    assert console.take() == b""
    assert console.from_interpreter(RAW_BANNER) == (RAW_BANNER, b"")
    assert console.take() == b"\x05A\x01"


def test_power_on_forgets_mode_and_bytes() -> None:
    console = ready()
    console.from_interpreter(RAW_BANNER)
    console.from_host(b"\x03lost")
    console.power_on()
    assert not console.is_raw
    assert not console.has_interrupt
    console.from_interpreter(BANNER)
    assert console.take() == b""


@pytest.mark.parametrize("size", [1, 2, 3, 100])
def test_line_ends_are_a_boards_in_friendly_mode_only(size: int) -> None:
    def shown(console: Console, data: bytes) -> bytes:
        return b"".join(console.from_interpreter(data[i : i + size])[0] for i in range(0, len(data), size))

    console = ready()
    assert shown(console, b"a\nb\r\nc\n\nd") == b"a\r\nb\r\nc\r\n\r\nd"
    shown(console, RAW_BANNER)
    assert shown(console, b"a\nb\r\n") == b"a\nb\r\n"
