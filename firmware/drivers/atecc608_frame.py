"""Frames of the ATECC608, and the faults of talking to it. Pure; attestation facts 7.1.

A command is word address 03, count, opcode, param1, param2 (low byte first), data, CRC; an answer is count, data or one
status byte, CRC. The count includes itself and the CRC, the CRC covers everything from the count on.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    Bytes = bytes | bytearray | memoryview

DATA_BYTES_MAX = 64
COMMAND_BYTES_MAX = 1 + 7 + DATA_BYTES_MAX
ANSWER_BYTES_MAX = 3 + DATA_BYTES_MAX

_WORD_COMMAND = 0x03
_STATUS_COUNT = 4  # of an answer that is only a status
_OK = 0x00


# --- faults: OSErrors, as those of every part of a board


class ElementError(OSError):
    """`is_untouched`: the chip has certainly done nothing. `is_final`: asking again would not help."""

    code = "element-fault"
    is_untouched = False
    is_final = False


class ElementSilent(ElementError):
    """It does not acknowledge its address: asleep, busy, or gone."""

    code = "element-silent"
    is_untouched = True


class ElementBusFault(ElementError):
    code = "element-bus"


class ElementLate(ElementError):
    """No answer within the longest time that a command takes."""

    code = "element-late"


class AnswerMalformed(ElementError):
    code = "element-answer"


class ElementRestarted(ElementError):
    """It answers as after a wake-up: the command, or what it has done, is lost."""

    code = "element-restarted"


class CommandLost(ElementError):
    """It got a garbled frame, or its watchdog would fire before the end."""

    code = "element-lost"
    is_untouched = True


class EccFault(ElementError):
    """Wrong result inside, or a peer's point that is not on the curve."""

    code = "element-ecc"


class CommandRefused(ElementError):
    """Not in this state: locks, permissions of the slot, nothing in TempKey, counter at its end."""

    code = "element-refused"


class CommandInvalid(ElementError):
    code = "element-parse"
    is_final = True


class SelfTestFailed(ElementError):
    code = "element-self-test"
    is_final = True


class Miscompare(ElementError):
    code = "element-miscompare"
    is_final = True


class CounterExhausted(ElementError):
    code = "element-counter"
    is_final = True


class NotConfigured(ElementError):
    """Its configuration is not locked: before that, its random numbers are a fixed pattern."""

    code = "element-not-configured"
    is_final = True


class NotConfirmed(ElementError):
    """Something that cannot be undone was asked for with another chip's serial number."""

    code = "element-not-confirmed"
    is_final = True


_FAULTS = {
    0x01: Miscompare,
    0x03: CommandInvalid,
    0x05: EccFault,
    0x07: SelfTestFailed,
    0x08: SelfTestFailed,  # of the random number generator
    0x0F: CommandRefused,
    0x11: ElementRestarted,
    0xEE: CommandLost,  # watchdog about to fire
    0xFF: CommandLost,  # CRC or communication error
}


# --- frames


def _nibble_crc(nibble: int) -> int:
    for _ in range(4):
        nibble = nibble >> 1 ^ (0xA001 if nibble & 1 else 0)
    return nibble


_NIBBLE_CRCS = tuple([_nibble_crc(nibble) for nibble in range(16)])


def crc16(data: "Bytes") -> int:
    """Polynomial 8005, start 0, bits of a byte from the lowest on, register not reflected.

    Done reflected and by nibbles, then mirrored: a command takes a quarter of the time.
    """
    crc = 0
    for byte in data:
        crc = crc >> 4 ^ _NIBBLE_CRCS[(crc ^ byte) & 15]
        crc = crc >> 4 ^ _NIBBLE_CRCS[(crc ^ byte >> 4) & 15]
    mirrored = 0
    for _ in range(16):
        mirrored = mirrored << 1 | crc & 1
        crc >>= 1
    return mirrored


def write_command(frame: bytearray, opcode: int, param1: int, param2: int, data: "Bytes") -> int:
    """Writes the command into `frame`, from the word address on. Returns its length."""
    if len(data) > DATA_BYTES_MAX:
        raise ValueError("more data than a command takes")
    count = 7 + len(data)
    frame[0] = _WORD_COMMAND
    frame[1] = count
    frame[2] = opcode
    frame[3] = param1
    frame[4] = param2 & 0xFF
    frame[5] = param2 >> 8
    frame[6 : 6 + len(data)] = data
    crc = crc16(memoryview(frame)[1 : count - 1])
    frame[count - 1] = crc & 0xFF
    frame[count] = crc >> 8
    return count + 1


def check_answer(answer: bytearray, size: int) -> None:
    """`answer` must begin with a good frame of `size` bytes of data, or of a good status where size is 0."""
    count = answer[0]
    if count != _STATUS_COUNT and (count != size + 3 or not size):
        raise AnswerMalformed("length")
    if crc16(memoryview(answer)[: count - 2]) != answer[count - 2] | answer[count - 1] << 8:
        raise AnswerMalformed("CRC")
    if count == _STATUS_COUNT:
        _check_status(answer[1], size)


def _check_status(status: int, size: int) -> None:
    if status == _OK:
        if size:
            raise AnswerMalformed("no data")
        return
    fault = _FAULTS.get(status)
    if fault is None:
        raise AnswerMalformed("status %02x" % status)
    raise fault("status %02x" % status)
