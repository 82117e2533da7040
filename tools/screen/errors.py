"""What can go wrong with fonts and words."""

from host_agent.errors import ShimingError


class BuildFailed(ShimingError):
    """The message names the text, character or file at fault."""

    code = "screen-build-failed"


class FontInvalid(ShimingError):
    code = "asset-invalid"
