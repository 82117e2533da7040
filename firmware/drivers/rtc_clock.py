"""The board's clock: machine.RTC, and how far its time is to be trusted (PROTOCOL.md section 3, `clock`).

An RTC without a battery starts anew at every loss of power. So the last time that came from a trusted source is kept on
flash, at most once an hour; a clock that is earlier than this, or than the firmware, has stood still and is set to it.
"""

import os
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

BUILD_FLOOR, LAST_GOOD, NETWORK = 1, 2, 3
KEEP_EVERY_S = 3600  # 8800 writes a year; a block of flash stands 100 000
# Most ports count from 2000, the unix port from 1970
EPOCH_S = 946_684_800 if time.gmtime(0)[0] == 2000 else 0


class RtcClock:
    def __init__(self, rtc: "Any", floor_s: int, path: str) -> None:
        self._rtc = rtc
        self._path = path
        self._kept_s = self._read_kept()
        self.source = LAST_GOOD
        if self.now() < max(floor_s, self._kept_s):
            self.source = LAST_GOOD if self._kept_s > floor_s else BUILD_FLOOR
            self._set_rtc(max(floor_s, self._kept_s))

    def now(self) -> int:
        """Seconds since 1970, UTC."""
        return int(time.time()) + EPOCH_S

    def set(self, seconds: int, source: int) -> None:
        self._set_rtc(seconds)
        self.source = source
        if source >= NETWORK and abs(seconds - self._kept_s) >= KEEP_EVERY_S:
            self._keep(seconds)

    def _set_rtc(self, seconds: int) -> None:
        year, month, day, hour, minute, second, weekday = time.gmtime(seconds - EPOCH_S)[:7]
        self._rtc.datetime((year, month, day, weekday, hour, minute, second, 0))

    def _read_kept(self) -> int:
        try:
            with open(self._path) as file:
                return int(file.read())
        except (OSError, ValueError):
            return 0  # first start, or a file nobody can read: the firmware's own date is what is left

    def _keep(self, seconds: int) -> None:
        try:
            with open(self._path + ".new", "w") as file:
                file.write(str(seconds))
            os.rename(self._path + ".new", self._path)
            self._kept_s = seconds
        except OSError as error:
            print("clock: time not kept, errno", error.errno)  # a full flash must not cost the time that just came
