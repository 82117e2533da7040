"""Start of the terminal. Ctrl-C gives a technician the REPL and takes the watchdog off."""

import asyncio

from boards.emulated import hw
from terminal import app

hardware = hw.build()
try:
    asyncio.run(app.run(hardware))
except KeyboardInterrupt:
    hardware.watchdog.release()
    raise
