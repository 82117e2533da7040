"""What can be wrong with the machine or the image that an emulated board is to run on."""

from host_agent.errors import ShimingError


class BoardError(ShimingError):
    """The board does not run; the message may end with the last words of its console."""

    code = "board-failed"


class InterpreterMissing(BoardError):
    code = "interpreter-missing"
    exit_status = 2


class PortFailed(BoardError):
    code = "port-failed"
    exit_status = 2


class FlashInvalid(BoardError):
    """The image is not there, in use, too small, or holds no file system. It is left as it is."""

    code = "flash-invalid"
    exit_status = 2
