"""LiteRT, which the source models were made for: the extra `models` brings it, as a yardstick and as a check only."""

from typing import Any


class LiteRtMissing(ImportError):
    """No comparison can be made; all else can."""


def interpreter(content: bytes) -> Any:
    """On one thread, its tensors allocated. Raises LiteRtMissing."""
    try:
        # the extra is not in the lock: large, and no test and no user needs it
        from ai_edge_litert.interpreter import Interpreter  # pyright: ignore[reportMissingImports]
    except ImportError as error:
        raise LiteRtMissing("no comparison: LiteRT is not installed (pip install -e '.[models]')") from error
    found = Interpreter(model_content=content, num_threads=1)
    found.allocate_tensors()
    return found
