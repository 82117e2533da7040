"""What boards/<board>/hw.py gives the application. Types only, never imported at run time."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Protocol

    class Stream(Protocol):
        async def read(self, __n: int) -> bytes: ...  # at least one byte; b"" when the line is closed
        def write(self, __data: bytes) -> None: ...
        async def drain(self) -> None: ...

    class Display(Protocol):
        """A colour screen that is written in bands of whole rows. Pixels are RGB565, most significant byte first, as
        panels take them. `blit` has taken a band's bytes when it returns: the next one is drawn in the same buffer."""

        @property
        def width(self) -> int: ...
        @property
        def height(self) -> int: ...
        def blit(self, __y: int, __band: memoryview) -> None: ...
        def present(self) -> None: ...  # after the last band of a picture

    class Light(Protocol):
        """One coloured light, beside the place for the card."""

        def set(self, __rgb: int) -> None: ...  # 0xRRGGBB; 0 is off

    class Buzzer(Protocol):
        def tone(self, __hz: int) -> None: ...  # until the next call; 0 is silence

    class Buttons(Protocol):
        def held(self) -> int: ...  # pressed at this moment: bit 0 start, bit 1 cancel, bit 2 language

    class Camera(Protocol):
        """Pictures of whoever stands before the terminal, `kind` as in terminal.face.frame."""

        @property
        def width(self) -> int: ...
        @property
        def height(self) -> int: ...
        @property
        def kind(self) -> int: ...
        async def start(self) -> None: ...  # the sensor on; raises OSError

        # The newest picture after the one given last: its number, which counts from 1; `ticks_ms` when it was taken;
        # its pixels, which stay until the next take() or stop(). Raises OSError when none comes within 2 s.
        async def take(self) -> "tuple[int, int, bytearray | memoryview]": ...
        def stop(self) -> None: ...  # off, its buffers overwritten

    class Element(Protocol):
        """A secure element. Raises OSError, which may have a `code`."""

        async def public_key(self, slot: int) -> bytes: ...  # x and y
        async def sign(self, slot: int, digest: bytes) -> bytes: ...  # r and s
        async def generate_key(self, slot: int) -> bytes: ...  # replaces the slot's key for good; x and y

    class Panel(Protocol):
        """Screen, light and sound, as the application sees them. Never blocks, never raises."""

        def show(self, state: str, code: "str | None" = None, value: "int | None" = None) -> None: ...

    class Watchdog(Protocol):
        def start(self, timeout_ms: int) -> None: ...
        def feed(self) -> None: ...
        def release(self) -> None: ...  # for a technician at the REPL: stopped, or fed by a timer where it cannot be

    class Clock(Protocol):
        source: int  # firmware/PROTOCOL.md §3: 0 none, 1 build-floor, 2 last-good, 3 network, 4 authenticated

        def now(self) -> int: ...  # seconds since 1970, UTC
        def set(self, seconds: int, source: int) -> None: ...

    class Hardware(Protocol):
        @property
        def assets(self) -> str: ...  # the folder of fonts and words, "/rom/assets"
        @property
        def display(self) -> "Display | None": ...
        @property
        def light(self) -> Light: ...
        @property
        def buzzer(self) -> Buzzer: ...
        @property
        def buttons(self) -> Buttons: ...
        @property
        def camera(self) -> "Camera | None": ...
        @property
        def models(self) -> str: ...  # the folder of the nets, "/rom/models"; only with a camera
        @property
        def element(self) -> "Element | None": ...
        @property
        def element_slot(
            self,
        ) -> int: ...  # of attestation keys, and the one after it; only with an element
        @property
        def watchdog(self) -> Watchdog: ...
        @property
        def clock(self) -> Clock: ...
        @property
        def boot_cause(self) -> str: ...  # "power-on", "watchdog" and so on
        @property
        def has_tamper_switch(self) -> bool: ...
        def is_opened(self) -> bool: ...  # the lid; only with a switch
        @property
        def has_reader_power(self) -> bool: ...  # a pin switches the reader module's supply
        def power_reader(self, __is_on: bool) -> None: ...
        async def open_reader(self, __baud: int) -> Stream: ...  # the reader's line, opened anew; raises OSError
        async def network_up(self) -> None: ...
        def random(self, __n: int) -> bytes: ...  # from the hardware's entropy source
        def free_bytes(self) -> int: ...  # of the file system
        # for whoever watches the board; never anything of a person
        def tell(self, __state: str, __code: "str | None", __value: "int | None") -> None: ...
        def reset(self) -> None: ...

    class Beat(Protocol):
        """A task's report to the supervisor: it will report again within so many ms."""

        def __call__(self, within_ms: int = 0) -> None: ...

    class Show(Protocol):
        def __call__(self, state: str, code: "str | None" = None, value: "int | None" = None) -> None: ...
