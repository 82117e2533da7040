"""The agent with a store that kills the process right after a commit, before anything is acknowledged."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from unittest import mock

from host_agent import app, cli
from host_agent.store import Store


class DyingStore(Store):
    @contextmanager
    def transaction(self, *, is_intake: bool = False) -> Iterator[None]:
        with super().transaction(is_intake=is_intake):
            yield
        if is_intake:
            os.kill(os.getpid(), signal.SIGKILL)


def main() -> None:
    with mock.patch.object(app, "Store", DyingStore):
        cli.app()


if __name__ == "__main__":
    main()
