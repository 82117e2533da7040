"""Errors of `shiming torture`; the words are in the catalogue."""

from host_agent.errors import ShimingError


class TortureFailed(ShimingError):
    """It could not be played: not a finding."""

    code = "torture-failed"

    def __init__(self, message: str, exit_status: int = 1) -> None:
        super().__init__(message)
        self.exit_status = exit_status
