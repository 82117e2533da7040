"""A passive buzzer on a PWM pin: half the time high is as loud as it gets."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

HALF = 32768


class Piezo:
    def __init__(self, pwm: "Any") -> None:
        self._pwm = pwm
        self.tone(0)

    def tone(self, hz: int) -> None:
        if hz:
            self._pwm.freq(hz)
        self._pwm.duty_u16(HALF if hz else 0)
