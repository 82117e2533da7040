"""What passes between the host's serial port and the interpreter's terminal: bytes in, bytes out, no ports.

A board's UART keeps bytes that come before the REPL reads them; the unix port throws its input away whenever it enters
the REPL. So host bytes are held until a prompt stands. The mode (raw or friendly) is told by the interpreter's own
words: bytes 1 and 2 from the host may as well be data of a raw paste or of `mpremote mount`.
"""

import re

CTRL_A = b"\x01"
CTRL_C = b"\x03"
SOFT_REBOOT = b"MPY: soft reboot\r\n"

_RAW_BANNER = b"raw REPL; CTRL-B to exit\r\n>"
_PROMPT = b">>> "
_PROMPTS = (_PROMPT, _RAW_BANNER, b"\x04>")
_FRIENDLY_BANNER = b"MicroPython "
_BARE_NEWLINE = re.compile(rb"(?<!\r)\n")


class Console:
    def __init__(self) -> None:
        self.power_on()

    def power_on(self) -> None:
        """A new interpreter after a reset: friendly mode; what was under way on the wire is lost."""
        self.is_raw = False
        self._held = bytearray()  # from the host, not delivered yet
        self._start()

    def soft_reset(self) -> None:
        """A new interpreter in the mode of the old one."""
        self._start()
        if self.is_raw:
            self._boot_words = bytearray()

    def _start(self) -> None:
        self.is_ready = False  # a prompt has stood since the start or since the last interrupt
        self._tail = b""
        self._boot_words: bytearray | None = None  # collected until the prompt, when the mode to resume is raw

    @property
    def is_at_prompt(self) -> bool:
        return self._tail.endswith(_PROMPTS)

    def from_interpreter(self, data: bytes) -> tuple[bytes, bytes]:
        """Returns what the host gets, and what the interpreter gets back at once."""
        if self._boot_words is not None:
            return self._resume_raw(self._boot_words, data)
        window = self._tail + data
        shown = data if self.is_raw else _with_returns(data, after=self._tail)
        if _RAW_BANNER in window:
            self.is_raw = True
        if window.endswith(_PROMPT):
            self.is_raw = False
        self.is_ready = self.is_ready or window.endswith(_PROMPTS)
        self._tail = window[-len(_RAW_BANNER) :]
        return shown, b""

    def _resume_raw(self, words: bytearray, data: bytes) -> tuple[bytes, bytes]:
        words += data
        if not words.endswith(_PROMPT):
            return b"", b""
        # The host asked in raw mode: it sees what boot.py said, then the raw banner, and no friendly one.
        self._boot_words = None
        return _with_returns(words.rpartition(_FRIENDLY_BANNER)[0]), CTRL_A

    def from_host(self, data: bytes) -> None:
        self._held += data

    @property
    def has_interrupt(self) -> bool:
        return CTRL_C in self._held

    def take(self) -> bytes:
        """What may be delivered now: nothing before a prompt, and nothing from a Ctrl-C on."""
        if not self.is_ready:
            return b""
        free, ctrl_c, rest = self._held.partition(CTRL_C)
        self._held = ctrl_c + rest
        return bytes(free)

    def interrupted(self) -> None:
        """The running program was interrupted: what stood before the Ctrl-C is gone, the rest waits for a prompt."""
        self._held = self._held.partition(CTRL_C)[2]
        self.is_ready = False
        self._tail = b""

    def take_ctrl_c(self) -> bytes:
        """The Ctrl-C itself, for a prompt to read."""
        self._held = self._held.partition(CTRL_C)[2]
        return CTRL_C


def _with_returns(data: bytes | bytearray, *, after: bytes = b"") -> bytes:
    """Line ends as a board prints them. In raw mode they are left alone: files go over the wire there."""
    last = b"\r" if after.endswith(b"\r") else b""
    return _BARE_NEWLINE.sub(b"\r\n", last + data)[len(last) :]
