"""`machine` of a board: what was built and done goes into `log`. Signatures as in the ports, so a wrong call fails."""

log = []

PWRON_RESET, HARD_RESET, WDT_RESET, DEEPSLEEP_RESET, SOFT_RESET = 1, 2, 3, 4, 5


def note(*event) -> None:
    log.append(event)


def freq(hz=None):
    note("freq", hz)


def unique_id():
    return b"\x01\x02\x03\x04\x05\x06"


def reset_cause():
    return WDT_RESET


def reset():
    note("reset")


def bitstream(pin, encoding, timing, data):
    note("bitstream", pin.id, encoding, timing, bytes(data))


class Pin:
    IN, OUT, PULL_UP = 0, 1, 2
    pressed = set()  # pins pulled to ground by somebody

    def __init__(self, id, mode=-1, pull=-1, *, value=None):
        self.id = id
        note("pin", id, mode, pull, value)

    def value(self, level=None):
        if level is None:
            return int(self.id not in self.pressed)
        note("level", self.id, int(level))


class PWM:
    def __init__(self, pin, *, freq, duty_u16):
        self.id = pin.id
        note("pwm", pin.id, freq, duty_u16)

    def freq(self, hz):
        note("pwm-freq", self.id, hz)

    def duty_u16(self, duty):
        note("pwm-duty", self.id, duty)


class SPI:
    def __init__(self, id, baudrate=1000000, *, sck=None, mosi=None, miso=None):
        note("spi", id, baudrate)

    def write(self, data):
        note("spi-write", len(data))


class I2C:
    """One TCA9534 at 0x20."""

    inputs = 0xFF

    def __init__(self, id, *, scl=None, sda=None, freq=400000):
        note("i2c", id, freq)

    def readfrom_mem_into(self, address, register, buffer, *, addrsize=8):
        if address != 0x20 or register != 0:
            raise OSError(19)
        buffer[0] = self.inputs

    def writeto_mem(self, address, register, buffer, *, addrsize=8):
        if address != 0x20:
            raise OSError(19)
        note("i2c-write", register, buffer[0])


class UART:
    """What is sent comes back."""

    def __init__(self, id, baudrate=9600, bits=8, parity=None, stop=1, *, tx=None, rx=None, rxbuf=256, timeout=0):
        self._waiting = b""
        note("uart", id, baudrate, rxbuf, timeout)

    def any(self):
        return len(self._waiting)

    def read(self, size):
        data, self._waiting = self._waiting[:size], self._waiting[size:]
        return data or None

    def write(self, data):
        self._waiting += bytes(data)
        return len(data)

    def deinit(self):
        note("uart-deinit")


class WDT:
    def __init__(self, *, id=0, timeout=5000):
        note("wdt", timeout)

    def feed(self):
        note("feed")


class Timer:
    PERIODIC = 1

    def __init__(self, id):
        note("timer", id)

    def init(self, *, mode=PERIODIC, period, callback):
        note("timer-init", mode, period)
        callback(self)


class RTC:
    def datetime(self, parts=None):
        note("rtc", parts)
