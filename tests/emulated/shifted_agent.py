"""The agent at another time: `python -m tests.emulated.shifted_agent SECONDS run --config agent.toml`.

Its own clock only: certificates are judged by OpenSSL, which asks the machine's.
"""

import sys
import time

from host_agent import cli


def main() -> None:
    real, shift_s = time.time, int(sys.argv.pop(1))
    time.time = lambda: real() + shift_s
    cli.app()


if __name__ == "__main__":
    main()
