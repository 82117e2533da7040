"""What can be wrong with the pictures and the machine that the face step is measured with."""

from host_agent.errors import ShimingError


class PicturesUnusable(ShimingError):
    """The message names the folder or file and what is missing; nothing of whom it shows."""

    code = "face-pictures-unusable"
    exit_status = 2


class PartsMissing(ShimingError):
    """Of the Python installation."""

    code = "python-parts-missing"
    exit_status = 2


class NetworksFailed(ShimingError):
    """The terminal's side under MicroPython refused its nets, or ended; the message has its last words."""

    code = "face-networks-failed"
