"""What boards/<board>/hw.py gives the application. Types only, never imported at run time."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Protocol

    class Stream(Protocol):
        async def read(self, __n: int) -> bytes: ...  # at least one byte; b"" when the line is closed
        def write(self, __data: bytes) -> None: ...
        async def drain(self) -> None: ...

    class Panel(Protocol):
        """Screen, light and sound. Never blocks, never raises."""

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
        def panel(self) -> Panel: ...
        @property
        def watchdog(self) -> Watchdog: ...
        @property
        def clock(self) -> Clock: ...
        async def open_reader(self) -> Stream: ...  # the SAM-V reader's line; raises OSError
        async def network_up(self) -> None: ...
        def random(self, __n: int) -> bytes: ...  # from the hardware's entropy source
        def free_bytes(self) -> int: ...  # of the file system
        def reset(self) -> None: ...

    class Beat(Protocol):
        """A task's report to the supervisor: it will report again within so many ms."""

        def __call__(self, within_ms: int = 0) -> None: ...

    class Show(Protocol):
        def __call__(self, state: str, code: "str | None" = None, value: "int | None" = None) -> None: ...
